// The calls that g++ and clang emit with -fsanitize=address: checks that failed, globals, and what stacks and scopes ask to
// be marked. Functions are named and typed as in the compilers' AddressSanitizer ABI; the sanitizer's own runtime is not
// linked. In a simulation a failed check is a finding; outside, a line on stderr and the end.

#include <fmt/format.h>
#include <pthread.h>
#include <unwind.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "intercept/real.h"
#include "kernel/layout.h"
#include "kernel/world.h"
#include "memory/heap.h"
#include "memory/poison.h"

using namespace foreseed;
using memory::Poison;

namespace {

struct Global {
  std::uintptr_t address;
  std::size_t size;
  std::size_t size_with_redzone;
  const char* name;
  const char* module;
  std::uintptr_t has_dynamic_initializer;
  const void* location;
  std::uintptr_t odr_indicator;
};
std::vector<Global>* globals = nullptr;  // never destroyed

/// "16 bytes after the global table of 64 bytes"
std::string near(std::uintptr_t address, std::uintptr_t first, std::size_t size, std::string_view what) {
  if (address < first) return fmt::format("{} before {} of {}", memory::bytes(first - address), what, memory::bytes(size));
  if (address < first + size) return fmt::format("within {} of {}", what, memory::bytes(size));
  return fmt::format("{} after {} of {}", memory::bytes(address - first - size), what, memory::bytes(size));
}

std::string near_global(std::uintptr_t address) {
  if (globals != nullptr) {
    for (const Global& global : *globals) {
      if (address - global.address >= global.size_with_redzone) continue;
      return near(address, global.address, global.size, fmt::format("the global '{}'", global.name));
    }
  }
  return "beyond a global";
}

/// The local whose surroundings `address` lies in. A frame begins with a magic number and a description of its locals:
/// how many; of each, its offset, its size, and its name and line with their length before them.
std::string near_local(std::uintptr_t address) {
  constexpr std::uintptr_t frame_magic = 0x41b58ab3;
  std::uintptr_t frame = address & ~std::uintptr_t{7};
  const std::uintptr_t lowest = frame - stack_size;
  const auto left = static_cast<std::uint8_t>(Poison::stack_left);
  while (frame > lowest && *memory::shadow_of(frame) != left) frame -= 8;
  while (frame > lowest && *memory::shadow_of(frame - 8) == left) frame -= 8;
  std::uintptr_t word;
  std::memcpy(&word, reinterpret_cast<const void*>(frame), sizeof word);
  if (frame <= lowest || word != frame_magic) return "a local";
  const char* text;
  std::memcpy(&text, reinterpret_cast<const void*>(frame + 8), sizeof text);
  char* next;
  const unsigned long count = std::strtoul(text, &next, 10);
  std::string found = "a local";
  std::uintptr_t nearest = ~std::uintptr_t{0};
  for (unsigned long i = 0; i < count; ++i) {
    const std::uintptr_t first = frame + std::strtoul(next, &next, 10);
    const std::size_t size = std::strtoul(next, &next, 10);
    const std::size_t length = std::strtoul(next, &next, 10);
    std::string_view name(next + 1, length);
    next += 1 + length;
    name = name.substr(0, name.find(':'));
    const std::uintptr_t distance = address < first ? first - address : address < first + size ? 0 : address - first - size;
    if (distance >= nearest) continue;
    nearest = distance;
    found = near(address, first, size, fmt::format("the local '{}'", name));
  }
  return found;
}

struct Report {
  FindingKind kind;
  std::string message;
  std::vector<Place> places = {};
};

Report describe(std::uintptr_t address, std::size_t size, bool writes) {
  const std::string access = fmt::format("{}-byte {} ", size, writes ? "write" : "read");
  std::uint8_t mark = *memory::shadow_of(address);
  if (mark < 8) mark = *memory::shadow_of(address + 8);  // the last bytes of an object: what is behind it
  switch (static_cast<Poison>(mark)) {
    case Poison::heap:
    case Poison::freed: {
      memory::HeapSpot spot = memory::heap_spot(address);
      if (spot.freed) return {FindingKind::use_after_free, "use after free: " + access.substr(0, access.size() - 1), std::move(spot.places)};
      return {FindingKind::out_of_bounds, "out of bounds: " + access + spot.where, std::move(spot.places)};
    }
    case Poison::global: return {FindingKind::out_of_bounds, "out of bounds: " + access + near_global(address)};
    case Poison::out_of_scope:
      return {FindingKind::use_after_scope, "use after scope: " + access + near_local(address)};
    case Poison::stack_left:
    case Poison::stack_middle:
    case Poison::stack_right:
      return {FindingKind::out_of_bounds, "out of bounds: " + access + near_local(address)};
    case Poison::alloca_left:
    case Poison::alloca_right: return {FindingKind::out_of_bounds, "out of bounds: " + access + "beyond a variable length array"};
    case Poison::array_cookie: return {FindingKind::out_of_bounds, "out of bounds: " + access + "before an array that was allocated with new"};
    case Poison::container: return {FindingKind::out_of_bounds, "out of bounds: " + access + "beyond the elements of a container"};
    default: return {FindingKind::out_of_bounds, "out of bounds: " + access + "of memory that the program has marked"};
  }
}

[[gnu::noinline]] void report(std::uintptr_t address, std::size_t size, bool writes) {
  if (simulated_code()) {
    const Entry entry;
    Report found = describe(std::max(address, memory::first_poisoned(address, size)), size, writes);
    World::get().fail(found.kind, std::move(found.message), std::move(found.places), {}, writes ? "write" : "read");
  }
  if (active_thread == 0 && run_active) return;  // the simulator itself
  const Report found = describe(std::max(address, memory::first_poisoned(address, size)), size, writes);
  std::fprintf(stderr, "foreseed: %s, outside a simulation\n", found.message.c_str());
  std::abort();
}

inline void check(std::uintptr_t address, std::size_t size, bool writes) {
  if (size != 0 && memory::first_poisoned(address, size) != 0) report(address, size, writes);
}
inline void check(const void* address, std::size_t size, bool writes) {
  check(reinterpret_cast<std::uintptr_t>(address), size, writes);
}

/// Frames of the running stack above this one will not be left in the usual way: their marks go.
void leave_frames() {
  if (!memory::poisoning) return;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) & ~std::uintptr_t{7};
  std::uintptr_t top;
  if (here - stacks_base < std::uintptr_t{stacks_max} * stack_stride) {
    top = stacks_base + ((here - stacks_base) / stack_stride + 1) * stack_stride;
  } else {
    pthread_attr_t attributes;
    void* low;
    std::size_t size;
    if (simulated_code() || REAL(pthread_getattr_np)(pthread_self(), &attributes) != 0) return;
    pthread_attr_getstack(&attributes, &low, &size);
    REAL(pthread_attr_destroy)(&attributes);
    top = reinterpret_cast<std::uintptr_t>(low) + size;
    if (here < reinterpret_cast<std::uintptr_t>(low) || here >= top) return;
  }
  memory::forget_poison(here, top - here);
}

void set_shadow(std::uintptr_t shadow, std::size_t size, int value) { std::memset(reinterpret_cast<void*>(shadow), value, size); }

}  // namespace

FORESEED_EXPORT int __asan_option_detect_stack_use_after_return;
int __asan_option_detect_stack_use_after_return = 0;

FORESEED_EXPORT void __asan_init() { memory::start_poisoning(); }
FORESEED_EXPORT void __asan_version_mismatch_check_v8() {}
FORESEED_EXPORT void __asan_before_dynamic_init(const char*) {}
FORESEED_EXPORT void __asan_after_dynamic_init() {}
FORESEED_EXPORT void __asan_handle_no_return() { leave_frames(); }
/// The unwinder leaves frames that had no part in it.
FORESEED_EXPORT _Unwind_Reason_Code _Unwind_RaiseException(_Unwind_Exception* exception) {
  leave_frames();
  return REAL(_Unwind_RaiseException)(exception);
}

FORESEED_EXPORT void __asan_register_globals(Global* first, std::size_t count) {
  memory::start_poisoning();
  if (globals == nullptr) globals = new std::vector<Global>;
  for (const Global* global = first; global != first + count; ++global) {
    globals->push_back(*global);
    const std::size_t used = (global->size + 7) & ~std::size_t{7};
    memory::unpoison(global->address, global->size);
    memory::poison(global->address + used, global->size_with_redzone - used, Poison::global);
  }
}
FORESEED_EXPORT void __asan_unregister_globals(Global* first, std::size_t count) {
  for (const Global* global = first; global != first + count; ++global) {
    memory::unpoison(global->address, global->size_with_redzone);
    std::erase_if(*globals, [&](const Global& known) { return known.address == global->address; });
  }
}
FORESEED_EXPORT void __asan_register_elf_globals(std::uintptr_t* registered, Global* first, Global* last) {
  if (*registered != 0) return;
  *registered = 1;
  __asan_register_globals(first, static_cast<std::size_t>(last - first));
}
FORESEED_EXPORT void __asan_unregister_elf_globals(std::uintptr_t* registered, Global* first, Global* last) {
  if (*registered == 0) return;
  *registered = 0;
  __asan_unregister_globals(first, static_cast<std::size_t>(last - first));
}

#define CHECKS(size)                                                                                              \
  FORESEED_EXPORT void __asan_load##size(std::uintptr_t a) { check(a, size, false); }                             \
  FORESEED_EXPORT void __asan_store##size(std::uintptr_t a) { check(a, size, true); }                             \
  FORESEED_EXPORT void __asan_load##size##_noabort(std::uintptr_t a) { check(a, size, false); }                   \
  FORESEED_EXPORT void __asan_store##size##_noabort(std::uintptr_t a) { check(a, size, true); }                   \
  FORESEED_EXPORT void __asan_report_load##size(std::uintptr_t a) { report(a, size, false); }                     \
  FORESEED_EXPORT void __asan_report_store##size(std::uintptr_t a) { report(a, size, true); }                     \
  FORESEED_EXPORT void __asan_report_load##size##_noabort(std::uintptr_t a) { report(a, size, false); }           \
  FORESEED_EXPORT void __asan_report_store##size##_noabort(std::uintptr_t a) { report(a, size, true); }
CHECKS(1)
CHECKS(2)
CHECKS(4)
CHECKS(8)
CHECKS(16)
FORESEED_EXPORT void __asan_loadN(std::uintptr_t a, std::size_t size) { check(a, size, false); }
FORESEED_EXPORT void __asan_storeN(std::uintptr_t a, std::size_t size) { check(a, size, true); }
FORESEED_EXPORT void __asan_loadN_noabort(std::uintptr_t a, std::size_t size) { check(a, size, false); }
FORESEED_EXPORT void __asan_storeN_noabort(std::uintptr_t a, std::size_t size) { check(a, size, true); }
FORESEED_EXPORT void __asan_report_load_n(std::uintptr_t a, std::size_t size) { report(a, size, false); }
FORESEED_EXPORT void __asan_report_store_n(std::uintptr_t a, std::size_t size) { report(a, size, true); }
FORESEED_EXPORT void __asan_report_load_n_noabort(std::uintptr_t a, std::size_t size) { report(a, size, false); }
FORESEED_EXPORT void __asan_report_store_n_noabort(std::uintptr_t a, std::size_t size) { report(a, size, true); }

// --- stacks. Frames stay on the stack (no fake ones), as if detect_stack_use_after_return=0 had been asked for.

#define FAKE_STACK(level)                                                                    \
  FORESEED_EXPORT std::uintptr_t __asan_stack_malloc_##level(std::size_t) { return 0; }      \
  FORESEED_EXPORT std::uintptr_t __asan_stack_malloc_always_##level(std::size_t) { return 0; } \
  FORESEED_EXPORT void __asan_stack_free_##level(std::uintptr_t, std::size_t) {}
FAKE_STACK(0)
FAKE_STACK(1)
FAKE_STACK(2)
FAKE_STACK(3)
FAKE_STACK(4)
FAKE_STACK(5)
FAKE_STACK(6)
FAKE_STACK(7)
FAKE_STACK(8)
FAKE_STACK(9)
FAKE_STACK(10)

FORESEED_EXPORT void __asan_poison_stack_memory(std::uintptr_t a, std::size_t size) { memory::poison(a, size, Poison::out_of_scope); }
FORESEED_EXPORT void __asan_unpoison_stack_memory(std::uintptr_t a, std::size_t size) { memory::unpoison(a, size); }
FORESEED_EXPORT void __asan_alloca_poison(std::uintptr_t a, std::size_t size) {
  const std::uintptr_t end = a + size;
  const std::uintptr_t right = (end + 31) & ~std::uintptr_t{31};
  memory::poison(a - 32, 32, Poison::alloca_left);
  memory::unpoison(a, size);
  memory::poison((end + 7) & ~std::uintptr_t{7}, right + 32 - ((end + 7) & ~std::uintptr_t{7}), Poison::alloca_right);
}
FORESEED_EXPORT void __asan_allocas_unpoison(std::uintptr_t top, std::uintptr_t bottom) {
  if (top != 0 && top <= bottom) memory::forget_poison(top, bottom - top);
}
FORESEED_EXPORT void __asan_set_shadow_00(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0); }
FORESEED_EXPORT void __asan_set_shadow_f1(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0xf1); }
FORESEED_EXPORT void __asan_set_shadow_f2(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0xf2); }
FORESEED_EXPORT void __asan_set_shadow_f3(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0xf3); }
FORESEED_EXPORT void __asan_set_shadow_f5(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0xf5); }
FORESEED_EXPORT void __asan_set_shadow_f8(std::uintptr_t shadow, std::size_t size) { set_shadow(shadow, size, 0xf8); }

// --- what programs and libraries ask for themselves

FORESEED_EXPORT void __asan_poison_cxx_array_cookie(std::uintptr_t a) {
  if (simulated_code()) memory::poison(a, 8, Poison::array_cookie);
}
FORESEED_EXPORT std::uintptr_t __asan_load_cxx_array_cookie(const std::uintptr_t* a) { return *a; }
FORESEED_EXPORT void __asan_poison_memory_region(const void* a, std::size_t size) {
  const auto first = (reinterpret_cast<std::uintptr_t>(a) + 7) & ~std::uintptr_t{7};
  const auto last = (reinterpret_cast<std::uintptr_t>(a) + size) & ~std::uintptr_t{7};
  if (memory::poisoning && first < last) memory::poison(first, last - first, Poison::by_user);
}
FORESEED_EXPORT void __asan_unpoison_memory_region(const void* a, std::size_t size) {
  const auto first = reinterpret_cast<std::uintptr_t>(a) & ~std::uintptr_t{7};
  if (memory::poisoning) memory::unpoison(first, reinterpret_cast<std::uintptr_t>(a) + size - first);
}
FORESEED_EXPORT int __asan_address_is_poisoned(const void* a) {
  return memory::poisoning && memory::first_poisoned(reinterpret_cast<std::uintptr_t>(a), 1) != 0;
}
FORESEED_EXPORT void* __asan_region_is_poisoned(void* a, std::size_t size) {
  return memory::poisoning ? reinterpret_cast<void*>(memory::first_poisoned(reinterpret_cast<std::uintptr_t>(a), size)) : nullptr;
}
FORESEED_EXPORT void __sanitizer_annotate_contiguous_container(const void* first, const void* last, const void*, const void* middle) {
  if (!memory::poisoning) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(first);
  const auto end = reinterpret_cast<std::uintptr_t>(last);
  const auto used = reinterpret_cast<std::uintptr_t>(middle) - begin;
  if (begin % 8 != 0) return;
  memory::unpoison(begin, used);
  const std::uintptr_t rest = (begin + used + 7) & ~std::uintptr_t{7};
  if (rest < (end & ~std::uintptr_t{7})) memory::poison(rest, (end & ~std::uintptr_t{7}) - rest, Poison::container);
}

// --- functions that read and write memory. clang calls them so; g++ leaves the names as they are, and the linker puts
// these in their place (foreseed_instrument).

#define MEMORY_FUNCTIONS(prefix)                                                                  \
  FORESEED_EXPORT void* prefix##memcpy(void* to, const void* from, std::size_t size) {            \
    check(from, size, false);                                                                     \
    check(to, size, true);                                                                        \
    return std::memcpy(to, from, size);                                                           \
  }                                                                                               \
  FORESEED_EXPORT void* prefix##memmove(void* to, const void* from, std::size_t size) {           \
    check(from, size, false);                                                                     \
    check(to, size, true);                                                                        \
    return std::memmove(to, from, size);                                                          \
  }                                                                                               \
  FORESEED_EXPORT void* prefix##memset(void* to, int value, std::size_t size) {                   \
    check(to, size, true);                                                                        \
    return std::memset(to, value, size);                                                          \
  }
MEMORY_FUNCTIONS(__asan_)
MEMORY_FUNCTIONS(__wrap_)

FORESEED_EXPORT int __wrap_memcmp(const void* a, const void* b, std::size_t size) {
  check(a, size, false);
  check(b, size, false);
  return std::memcmp(a, b, size);
}
FORESEED_EXPORT std::size_t __wrap_strlen(const char* text) {
  const std::size_t length = std::strlen(text);
  check(text, length + 1, false);
  return length;
}
FORESEED_EXPORT char* __wrap_strcpy(char* to, const char* from) {
  const std::size_t size = std::strlen(from) + 1;
  check(from, size, false);
  check(to, size, true);
  return std::strcpy(to, from);
}
FORESEED_EXPORT char* __wrap_strncpy(char* to, const char* from, std::size_t size) {
  check(from, std::min(strnlen(from, size) + 1, size), false);
  check(to, size, true);
  return std::strncpy(to, from, size);
}
FORESEED_EXPORT char* __wrap_strcat(char* to, const char* from) {
  const std::size_t size = std::strlen(from) + 1;
  check(from, size, false);
  check(to, std::strlen(to) + size, true);
  return std::strcat(to, from);
}
