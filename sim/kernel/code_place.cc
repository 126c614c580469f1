#include "kernel/code_place.h"

#include <link.h>

#include <functional>

#include "kernel/modules.h"

namespace foreseed {

namespace {

struct Module {
  std::string_view file;
  std::uintptr_t begin;
  std::uintptr_t end;
};

void each_module(const std::function<void(const Module&)>& visit) {
  const auto one = [](dl_phdr_info* info, std::size_t, void* out) {
    Module module{module_file(info->dlpi_name), 0, 0};
    bool any = false;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type != PT_LOAD) continue;
      if (!any) module.begin = info->dlpi_addr + header.p_vaddr - header.p_offset;
      any = true;
      module.end = info->dlpi_addr + header.p_vaddr + header.p_memsz;
    }
    if (any) (*static_cast<const std::function<void(const Module&)>*>(out))(module);
    return 0;
  };
  dl_iterate_phdr(one, const_cast<std::function<void(const Module&)>*>(&visit));
}

}  // namespace

CodePlace code_place(std::uintptr_t address) {
  CodePlace place;
  each_module([&](const Module& module) {
    if (module.begin <= address && address < module.end) place = {std::string(module.file), address - module.begin};
  });
  return place;
}

std::uintptr_t code_address(std::string_view file, std::uint64_t offset) {
  std::uintptr_t address = 0;
  each_module([&](const Module& module) {
    if (address == 0 && module.file == file && offset < module.end - module.begin) address = module.begin + offset;
  });
  return address;
}

}  // namespace foreseed
