// The calls that g++ and clang emit with -fsanitize=undefined. Functions are named and typed as in the compilers'
// UndefinedBehaviorSanitizer ABI; the sanitizer's own runtime is not linked. In a simulation each is a finding, whether or
// not the program was told to recover; outside, a line on stderr, and the end where it was not.

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <typeinfo>

#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

namespace {

// What the compilers pass, as clang's CodeGenFunction.h and GCC's ubsan.c lay it out.
struct Location {
  const char* file;
  std::uint32_t line;
  std::uint32_t column;
};
struct Type {
  std::uint16_t kind;  ///< 0: integer, 1: floating point
  std::uint16_t info;  ///< of an integer: 1 if signed, plus twice the logarithm of its width; of the other: its width
  char name[1];
};
using Value = std::uintptr_t;  ///< the value itself, or where it is if it is wider than a register

__extension__ typedef __int128 Signed128;
__extension__ typedef unsigned __int128 Unsigned128;

struct AtData {
  Location at;
};
struct TypeData {
  Location at;
  const Type* type;
};
struct TwoTypesData {
  Location at;
  const Type* first;
  const Type* second;
};
struct MismatchData {
  Location at;
  const Type* type;
  unsigned char align_log;
  unsigned char kind;
};
struct ConversionData {
  Location at;
  const Type* from;
  const Type* to;
  unsigned char kind;
};
struct BuiltinData {
  Location at;
  unsigned char kind;
};
struct ArgumentData {
  Location at;
  Location attribute;
  int index;
};
struct AlignmentData {
  Location at;
  Location assumption;
  const Type* type;
};

void undefined(const Location& at, const std::string& what, bool recover) {
  if (simulated_code()) {
    const Entry entry;
    World::get().fail(FindingKind::undefined_behavior, "undefined behavior: " + what);
  }
  std::fprintf(stderr, "%s:%u:%u: runtime error: %s\n", at.file, at.line, at.column, what.c_str());
  if (!recover) std::abort();
}

std::string show(const Type& type, Value value) {
  if (type.kind == 0) {
    const unsigned width = 1u << (type.info >> 1);
    const bool is_signed = (type.info & 1) != 0;
    if (width <= 64) {
      const unsigned unused = 64 - width;
      return is_signed ? fmt::format("{}", static_cast<std::int64_t>(value << unused) >> unused)
                       : fmt::format("{}", value << unused >> unused);
    }
    Unsigned128 wide;
    std::memcpy(&wide, reinterpret_cast<const void*>(value), sizeof wide);
    return is_signed ? fmt::format("{}", static_cast<Signed128>(wide)) : fmt::format("{}", wide);
  }
  if (type.kind == 1) {
    double number = 0;
    if (type.info == 32) {
      float narrow;
      std::memcpy(&narrow, &value, sizeof narrow);
      number = static_cast<double>(narrow);
    } else if (type.info == 64) {
      std::memcpy(&number, &value, sizeof number);
    } else {
      long double wide;
      std::memcpy(&wide, reinterpret_cast<const void*>(value), sizeof wide);
      number = static_cast<double>(wide);
    }
    return fmt::format("{}", number);
  }
  return "a value";
}

bool is_negative(const Type& type, Value value) { return show(type, value).starts_with('-'); }

std::string overflow(const TypeData& data, Value left, char operation, Value right) {
  const Type& type = *data.type;
  return fmt::format("{} integer overflow: {} {} {} cannot be represented in type {}",
                     (type.info & 1) != 0 ? "signed" : "unsigned", show(type, left), operation, show(type, right), type.name);
}

std::string division(const TypeData& data, Value left, Value right) {
  if (const Type& type = *data.type; type.kind != 0 || show(type, right) == "-1") {
    if (type.kind == 0) return fmt::format("division of {} by -1 cannot be represented in type {}", show(type, left), type.name);
  }
  return "division by zero";
}

std::string shift(const TwoTypesData& data, Value left, Value right) {
  const Type& type = *data.first;
  const unsigned width = 1u << (type.info >> 1);
  if (is_negative(*data.second, right)) return fmt::format("shift by the negative count {}", show(*data.second, right));
  if (std::strtoull(show(*data.second, right).c_str(), nullptr, 10) >= width) {
    return fmt::format("shift by {}, too far for the {}-bit type {}", show(*data.second, right), width, type.name);
  }
  if (is_negative(type, left)) return fmt::format("left shift of the negative value {}", show(type, left));
  return fmt::format("left shift of {} by {} places cannot be represented in type {}", show(type, left),
                     show(*data.second, right), type.name);
}

std::string mismatch(const MismatchData& data, Value pointer) {
  static constexpr const char* uses[] = {
      "load of", "store to", "reference binding to", "member access within", "member call on", "constructor call on",
      "downcast of", "downcast of", "upcast of", "cast to virtual base of", "nonnull binding to", "dynamic operation on"};
  const char* const use = data.kind < std::size(uses) ? uses[data.kind] : "use of";
  if (pointer == 0) return fmt::format("{} a null pointer of type {}", use, data.type->name);
  const Value align = Value{1} << data.align_log;
  if ((pointer & (align - 1)) != 0) return fmt::format("{} a misaligned address for type {}, which requires {} byte alignment", use, data.type->name, align);
  return fmt::format("{} an address with too little space for an object of type {}", use, data.type->name);
}

std::string float_cast(const TwoTypesData& data, Value from) {
  return fmt::format("{} is outside the range of representable values of type {}", show(*data.first, from), data.second->name);
}

std::string conversion(const ConversionData& data, Value from, Value to) {
  return fmt::format("implicit conversion of {} of type {} to type {} changed the value to {}", show(*data.from, from),
                     data.from->name, data.to->name, show(*data.to, to));
}

}  // namespace

// NAME(parameters): what is wrong; and its twin that must not return.
#define HANDLER(name, parameters, at, what)                                         \
  FORESEED_EXPORT void __ubsan_handle_##name parameters { undefined(at, what, true); } \
  FORESEED_EXPORT void __ubsan_handle_##name##_abort parameters { undefined(at, what, false); }

HANDLER(add_overflow, (TypeData * data, Value left, Value right), data->at, overflow(*data, left, '+', right))
HANDLER(sub_overflow, (TypeData * data, Value left, Value right), data->at, overflow(*data, left, '-', right))
HANDLER(mul_overflow, (TypeData * data, Value left, Value right), data->at, overflow(*data, left, '*', right))
HANDLER(negate_overflow, (TypeData * data, Value value), data->at,
        fmt::format("negation of {} cannot be represented in type {}", show(*data->type, value), data->type->name))
HANDLER(divrem_overflow, (TypeData * data, Value left, Value right), data->at, division(*data, left, right))
HANDLER(shift_out_of_bounds, (TwoTypesData * data, Value left, Value right), data->at, shift(*data, left, right))
HANDLER(out_of_bounds, (TwoTypesData * data, Value index), data->at,
        fmt::format("index {} out of bounds for type {}", show(*data->second, index), data->first->name))
HANDLER(vla_bound_not_positive, (TypeData * data, Value bound), data->at,
        fmt::format("variable length array with the bound {}", show(*data->type, bound)))
HANDLER(float_cast_overflow, (TwoTypesData * data, Value from), data->at, float_cast(*data, from))
HANDLER(load_invalid_value, (TypeData * data, Value value), data->at,
        fmt::format("load of {}, which is not a valid value for type {}", show(*data->type, value), data->type->name))
HANDLER(implicit_conversion, (ConversionData * data, Value from, Value to), data->at, conversion(*data, from, to))
HANDLER(type_mismatch_v1, (MismatchData * data, Value pointer), data->at, mismatch(*data, pointer))
HANDLER(alignment_assumption, (AlignmentData * data, Value, Value align, Value), data->at,
        fmt::format("assumption of {} byte alignment for a pointer of type {} does not hold", align, data->type->name))
HANDLER(invalid_builtin, (BuiltinData * data), data->at,
        std::string("passing zero to ") + (data->kind == 0 ? "ctz()" : "clz()") + ", which is not a valid argument")
HANDLER(nonnull_return_v1, (AtData*, Location* at), *at, "null pointer returned from a function that never returns null")
HANDLER(nullability_return_v1, (AtData*, Location* at), *at, "null pointer returned from a function that never returns null")
HANDLER(nonnull_arg, (ArgumentData * data), data->at, fmt::format("null pointer passed as argument {}, which is never to be null", data->index))
HANDLER(nullability_arg, (ArgumentData * data), data->at, fmt::format("null pointer passed as argument {}, which is never to be null", data->index))
HANDLER(pointer_overflow, (AtData * data, Value base, Value), data->at,
        base == 0 ? "offset applied to a null pointer" : "pointer arithmetic overflowed or gave a null pointer")

FORESEED_EXPORT void __ubsan_handle_builtin_unreachable(AtData* data) {
  undefined(data->at, "execution reached an unreachable point", false);
}
FORESEED_EXPORT void __ubsan_handle_missing_return(AtData* data) {
  undefined(data->at, "execution reached the end of a function that returns a value, without returning one", false);
}

namespace {

void call_mismatch(TypeData* data, const std::type_info* callee, const std::type_info* caller, bool recover) {
  if (callee != nullptr && caller != nullptr && *callee == *caller) return;
  undefined(data->at, fmt::format("call of a function through a pointer of the other type {}", data->type->name), recover);
}

}  // namespace

FORESEED_EXPORT void __ubsan_handle_function_type_mismatch_v1(TypeData* data, Value, const std::type_info* callee,
                                                              const std::type_info* caller) {
  call_mismatch(data, callee, caller, true);
}
FORESEED_EXPORT void __ubsan_handle_function_type_mismatch_v1_abort(TypeData* data, Value, const std::type_info* callee,
                                                                    const std::type_info* caller) {
  call_mismatch(data, callee, caller, false);
}
