#include "trace/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <unordered_map>

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
  Dwarf_Die* scopes = nullptr;
  const int count = unit == nullptr ? 0 : dwarf_getscopes(unit, address - bias, &scopes);
  Dwarf_Die* all = nullptr;
  // dwarf_getscopes follows an inlined function to its definition; the chain of callers is that of the inner DIE.
  const int depth = count <= 0 ? 0 : dwarf_getscopes_die(&scopes[0], &all);
  for (int i = 0; i < depth; ++i) {
    const int tag = dwarf_tag(&all[i]);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    if (const char* const name = function_name(&all[i]); name != nullptr) frame.function = demangle(name);
    frames.push_back(frame);
    if (tag == DW_TAG_subprogram) break;
    frame = stem;
    call_site(unit, &all[i], frame);
  }
  std::free(all);
  std::free(scopes);
  if (!frames.empty()) return;
  // A lambda's DIE lies in that of the function around it, where libdw does not look for the address.
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
