#include "trace/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "kernel/modules.h"

namespace foreseed {

namespace {

std::string demangle(const char* name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

/// Debug information of the modules of this process; modules are reported once.
Dwfl* own_debug_information() {
  static Dwfl* const dwfl = [] {
    static const Dwfl_Callbacks callbacks = {dwfl_linux_proc_find_elf, dwfl_standard_find_debuginfo, nullptr, nullptr};
    Dwfl* const handle = dwfl_begin(&callbacks);
    if (handle != nullptr) {
      dwfl_linux_proc_report(handle, getpid());
      dwfl_report_end(handle, nullptr, nullptr);
    }
    return handle;
  }();
  return dwfl;
}

std::string tidy_path(const char* path) {
  if (path == nullptr) return {};
  static const std::filesystem::path here = [] {
    std::error_code error;
    return std::filesystem::current_path(error);
  }();
  const auto normal = std::filesystem::path(path).lexically_normal();
  const auto relative = normal.lexically_relative(here);
  if (!relative.empty() && *relative.begin() != "..") return relative.string();
  return normal.string();
}

bool is_users(const Frame& frame) {
  if (frame.file.empty() || (!frame.module.empty() && is_host_module(frame.module))) return false;
  if (frame.module.starts_with("libstdc++.")) return false;
  for (const char* prefix : {"/usr/include/c++", "/usr/lib/gcc", "/usr/include/x86_64-linux-gnu/c++", "/usr/include/x86_64-linux-gnu/bits", "/usr/lib/llvm"}) {
    if (frame.file.starts_with(prefix)) return false;
  }
  return frame.function != "foreseed_call_outermost";
}

const char* function_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (const char* text = dwarf_formstring(dwarf_attr_integrate(die, name, &attribute)); text != nullptr) return text;
  }
  return dwarf_diename(die);
}

/// The file and line from which an inlined function was called.
void call_site(Dwarf_Die* unit, Dwarf_Die* inlined, Frame& frame) {
  Dwarf_Attribute attribute;
  Dwarf_Word file = 0;
  Dwarf_Word line = 0;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) == 0) {
    frame.line = static_cast<std::uint32_t>(line);
  }
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) == 0 &&
      dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count) {
    frame.file = tidy_path(dwarf_filesrc(files, file, nullptr, nullptr));
  }
}

/// The compilation unit of `address`; `bias` is what addresses in it are short of. Not every compiler writes the table of
/// addresses (.debug_aranges) that libdw looks at: without it, each unit is asked.
Dwarf_Die* unit_of(Dwfl_Module* module, Dwarf_Addr address, Dwarf_Addr& bias) {
  if (Dwarf_Die* const unit = dwfl_module_addrdie(module, address, &bias); unit != nullptr) return unit;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) {
    if (dwarf_haspc(unit, address - bias) > 0) return unit;
  }
  return nullptr;
}

/// The functions of a compilation unit that have code of their own, by address. libdw's own search goes through the whole unit
/// for each address, which takes long where that is all templates, and does not look at functions within others, as lambdas are.
class Functions {
 public:
  explicit Functions(Dwarf_Die* unit) {
    collect(*unit);
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.low < b.low; });
  }

  /// The one whose code `address` is in; null if there is none.
  Dwarf_Die* at(Dwarf_Addr address) {
    const auto begins_after = [](Dwarf_Addr a, const Range& range) { return a < range.low; };
    auto it = std::upper_bound(ranges_.begin(), ranges_.end(), address, begins_after);
    return it == ranges_.begin() || (--it)->high <= address ? nullptr : &dies_[it->die];
  }

 private:
  struct Range {
    Dwarf_Addr low;
    Dwarf_Addr high;
    std::size_t die;
  };

  void collect(Dwarf_Die& parent) {
    Dwarf_Die die;
    if (dwarf_child(&parent, &die) != 0) return;
    do {
      const int tag = dwarf_tag(&die);
      if (tag == DW_TAG_subprogram) {
        Dwarf_Addr base = 0;
        Dwarf_Addr low = 0;
        Dwarf_Addr high = 0;
        for (std::ptrdiff_t next = 0; (next = dwarf_ranges(&die, next, &base, &low, &high)) > 0;) {
          if (low < high) ranges_.push_back({low, high, dies_.size()});
        }
        dies_.push_back(die);
      }
      switch (tag) {
        case DW_TAG_subprogram:
        case DW_TAG_lexical_block:
        case DW_TAG_namespace:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type: collect(die); break;
        default: break;
      }
    } while (dwarf_siblingof(&die, &die) == 0);
  }

  std::deque<Dwarf_Die> dies_;
  std::vector<Range> ranges_;
};

Functions& functions_of(Dwarf_Die* unit) {
  static std::map<std::pair<const void*, Dwarf_Off>, Functions> all;
  return all.try_emplace({dwarf_cu_getdwarf(unit->cu), dwarf_dieoffset(unit)}, unit).first->second;
}

/// The inlined calls within `scope` that `address` is in, outermost first.
void add_inlined(Dwarf_Die& scope, Dwarf_Addr address, std::vector<Dwarf_Die>& chain) {
  Dwarf_Die die;
  if (dwarf_child(&scope, &die) != 0) return;
  do {
    const int tag = dwarf_tag(&die);
    if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) || dwarf_haspc(&die, address) <= 0) continue;
    if (tag == DW_TAG_inlined_subroutine) chain.push_back(die);
    return add_inlined(die, address, chain);
  } while (dwarf_siblingof(&die, &die) == 0);
}

/// Adds a frame per inlined call around `address`, and one for the function itself.
void add_scopes(Dwfl_Module* module, Dwarf_Addr address, const Frame& stem, std::vector<Frame>& frames) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = unit_of(module, address, bias);
  Frame frame = stem;
  if (Dwarf_Line* const line = unit == nullptr ? nullptr : dwarf_getsrc_die(unit, address - bias); line != nullptr) {
    int number = 0;
    dwarf_lineno(line, &number);
    frame.file = tidy_path(dwarf_linesrc(line, nullptr, nullptr));
    frame.line = static_cast<std::uint32_t>(number);
  }
  std::vector<Dwarf_Die> chain;
  if (Dwarf_Die* const function = unit == nullptr ? nullptr : functions_of(unit).at(address - bias); function != nullptr) {
    chain.push_back(*function);
    add_inlined(*function, address - bias, chain);
  }
  for (std::size_t i = chain.size(); i-- != 0;) {
    const char* name = function_name(&chain[i]);
    // Of a lambda in a function that only this file knows; its symbol tells whose it is.
    const bool nameless = i == 0 && name != nullptr && std::string_view(name) == "operator()";
    if (const char* const symbol = nameless ? dwfl_module_addrname(module, address) : nullptr; symbol != nullptr) name = symbol;
    if (name != nullptr) frame.function = demangle(name);
    frames.push_back(frame);
    frame = stem;
    call_site(unit, &chain[i], frame);
  }
  if (!frames.empty()) return;
  if (frame.function.empty()) {
    if (const char* const name = dwfl_module_addrname(module, address); name != nullptr) frame.function = demangle(name);
  }
  frames.push_back(frame);
}

std::vector<Frame> look_up(std::uintptr_t return_address) {
  const Dwarf_Addr address = return_address - 1;
  Frame stem;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address), &info) != 0 && info.dli_fname != nullptr) {
    stem.module = module_file(info.dli_fname);
    stem.offset = return_address - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    if (info.dli_sname != nullptr) stem.function = demangle(info.dli_sname);
    if (stem.module == own_program_name()) stem.module.clear();
  }
  std::vector<Frame> frames;
  Dwfl* const dwfl = own_debug_information();
  Dwfl_Module* const module = dwfl == nullptr ? nullptr : dwfl_addrmodule(dwfl, address);
  if (module != nullptr) {
    add_scopes(module, address, stem, frames);
  } else {
    frames.push_back(stem);
  }
  for (Frame& frame : frames) frame.user = is_users(frame);
  return frames;
}

}  // namespace

const std::vector<Frame>& symbolise(std::uintptr_t return_address) {
  static std::unordered_map<std::uintptr_t, std::vector<Frame>> cache;
  const auto it = cache.find(return_address);
  if (it != cache.end()) return it->second;
  return cache.emplace(return_address, look_up(return_address)).first->second;
}

}  // namespace foreseed
