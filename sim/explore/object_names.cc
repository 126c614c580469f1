#include "explore/object_names.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "kernel/modules.h"

namespace foreseed::explore {

namespace {

struct Segment {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::uintptr_t base;
  std::uint64_t module;  ///< hash of its file name
};

int visit(dl_phdr_info* info, std::size_t, void* segments) {
  std::uint64_t module = 0xcbf29ce484222325ull;
  for (const char c : module_file(info->dlpi_name)) module = (module ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    static_cast<std::vector<Segment>*>(segments)->push_back({begin, begin + header.p_memsz, info->dlpi_addr, module});
  }
  return 0;
}

std::vector<Segment> find_segments() {
  std::vector<Segment> segments;
  dl_iterate_phdr(visit, &segments);
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  return segments;
}

}  // namespace

std::uint64_t object_name(const void* object) {
  static const auto& segments = *new std::vector<Segment>(find_segments());
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  const auto after = std::upper_bound(segments.begin(), segments.end(), address,
                                      [](std::uintptr_t a, const Segment& segment) { return a < segment.begin; });
  if (after == segments.begin() || address >= std::prev(after)->end) return address;
  return (std::prev(after)->module ^ (address - std::prev(after)->base)) | std::uint64_t{1} << 63;
}

}  // namespace foreseed::explore
