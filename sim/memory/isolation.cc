#include "memory/isolation.h"

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernel/modules.h"
#include "kernel/world.h"
#include "memory/heap.h"

namespace foreseed::memory {

namespace {

constexpr std::uintptr_t page_size = 4096;

struct Range {
  std::uintptr_t first;
  std::uintptr_t last;
};

/// A page that runs write: its bytes at the start of the current run.
struct Page {
  std::uintptr_t address;
  bool binds;  ///< holds slots of lazily bound functions, which stay as they are
  std::byte* copy;
};

std::vector<Range> ranges;       ///< of pages that are watched in this series
std::vector<Range> bound_slots;  ///< addresses of functions, filled in by the loader as they are first called
std::vector<Page> pages;

/// A page that the host wrote between runs: protected again before the next run, up to a few times, as most are written
/// once (a function that is bound at its first call).
struct HostPage {
  std::uintptr_t address;
  int faults;
  bool open;
};
std::vector<HostPage> host_pages;
constexpr std::size_t host_pages_max = 1024;
constexpr int host_faults_max = 4;
std::byte* copies = nullptr;  ///< room for copies, reserved once: faults must not allocate
constexpr std::size_t pages_max = 65'536;
bool active = false;
std::size_t late_first = 0;  ///< of the heap: from there on it was allocated after the series began, and is not watched yet

void add_range(std::uintptr_t first, std::uintptr_t last) {
  first &= ~(page_size - 1);
  last = (last + page_size - 1) & ~(page_size - 1);
  if (first < last) ranges.push_back({first, last});
}

/// Where the loader writes addresses of functions as they are first called (DT_JMPREL).
void find_bound_slots(const dl_phdr_info* info, const ElfW(Phdr) & header) {
  const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(info->dlpi_addr + header.p_vaddr);
  const ElfW(Rela)* relocations = nullptr;
  std::size_t size = 0;
  for (; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_JMPREL) relocations = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr);
    if (entry->d_tag == DT_PLTRELSZ) size = entry->d_un.d_val / sizeof(ElfW(Rela));
  }
  if (relocations == nullptr || size == 0) return;
  std::uintptr_t first = ~std::uintptr_t{0};
  std::uintptr_t last = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uintptr_t slot = info->dlpi_addr + relocations[i].r_offset;
    first = std::min(first, slot);
    last = std::max(last, slot + sizeof(void*));
  }
  bound_slots.push_back({first, last});
}

int visit(dl_phdr_info* info, std::size_t, void*) {
  if (is_host_module(module_file(info->dlpi_name))) return 0;
  Range relro{0, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const std::uintptr_t first = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_RELRO) relro = {first & ~(page_size - 1), (first + header.p_memsz) & ~(page_size - 1)};
    if (header.p_type == PT_DYNAMIC) find_bound_slots(info, header);
  }
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
    std::uintptr_t first = info->dlpi_addr + header.p_vaddr;
    const std::uintptr_t last = first + header.p_memsz;
    if (relro.first <= (first & ~(page_size - 1)) && relro.last > first) first = relro.last;
    add_range(first, last);
  }
  return 0;
}

/// Whether the page can be left to the host until the next run; not if it comes back to it again and again.
bool opened_for_host(std::uintptr_t address) {
  HostPage* found = nullptr;
  for (HostPage& page : host_pages) {
    if (page.address == address) found = &page;
  }
  if (found == nullptr) {
    if (host_pages.size() == host_pages_max) return false;
    found = &host_pages.emplace_back(HostPage{address, 0, false});
  }
  if (++found->faults > host_faults_max) return false;
  found->open = true;
  mprotect(reinterpret_cast<void*>(address), page_size, PROT_READ | PROT_WRITE);
  return true;
}

bool watched(std::uintptr_t address) {
  for (const Range& range : ranges) {
    if (address >= range.first && address < range.last) return true;
  }
  return false;
}

void sort_bound_slots() {
  std::sort(bound_slots.begin(), bound_slots.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
}

/// The ranges from the `first`th on.
void protect(bool on, std::size_t first = 0) {
  for (std::size_t i = first; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    if (mprotect(reinterpret_cast<void*>(range.first), range.last - range.first,
                 on ? PROT_READ : PROT_READ | PROT_WRITE) != 0) {
      std::perror("foreseed: cannot protect the program's data");
      std::_Exit(70);
    }
  }
}

void put_back(const Page& page) {
  auto* const bytes = reinterpret_cast<std::byte*>(page.address);
  if (!page.binds) {
    std::memcpy(bytes, page.copy, page_size);
    return;
  }
  std::uintptr_t at = page.address;
  for (const Range& slots : bound_slots) {
    if (slots.last <= at || slots.first >= page.address + page_size) continue;
    if (slots.first > at) std::memcpy(reinterpret_cast<void*>(at), page.copy + (at - page.address), slots.first - at);
    at = slots.last;
  }
  const std::uintptr_t end = page.address + page_size;
  if (at < end) std::memcpy(reinterpret_cast<void*>(at), page.copy + (at - page.address), end - at);
}

}  // namespace

void isolation_series_begin() {
  if (copies == nullptr) {
    void* const got = mmap(nullptr, pages_max * page_size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) {
      std::perror("foreseed: cannot map room for the program's data");
      std::_Exit(70);
    }
    copies = static_cast<std::byte*>(got);
    pages.reserve(pages_max);
    host_pages.reserve(host_pages_max);
  }
  ranges.clear();
  bound_slots.clear();
  pages.clear();
  host_pages.clear();
  dl_iterate_phdr(visit, nullptr);
  add_range(heap_base, heap_base + heap_mark());
  late_first = (heap_mark() + page_size - 1) & ~(page_size - 1);
  sort_bound_slots();
  active = true;
  protect(true);
}

void isolate_loaded() {
  if (!active) return;
  const std::size_t known = ranges.size();
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t size, void*) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          const std::uintptr_t last = info->dlpi_addr + header.p_vaddr + header.p_memsz;
          if (header.p_type == PT_LOAD && (header.p_flags & PF_W) != 0 && watched(last - 1)) return 0;
        }
        return visit(info, size, nullptr);
      },
      nullptr);
  add_range(heap_base + late_first, heap_base + heap_late_mark());
  late_first = (heap_late_mark() + page_size - 1) & ~(page_size - 1);
  sort_bound_slots();
  protect(true, known);
}

void isolation_series_end() {
  protect(false);
  active = false;
}

void isolation_begin_run() {
  for (HostPage& page : host_pages) {
    if (!page.open) continue;
    page.open = false;
    mprotect(reinterpret_cast<void*>(page.address), page_size, PROT_READ);
  }
  for (const Page& page : pages) std::memcpy(page.copy, reinterpret_cast<const void*>(page.address), page_size);
}

void isolation_end_run() {
  for (const Page& page : pages) put_back(page);
}

bool isolation_fault(void* pointer) {
  if (!active) return false;
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(pointer) & ~(page_size - 1);
  if (!watched(address) || pages.size() == pages_max) return false;
  for (const Page& page : pages) {
    if (page.address == address) return false;  // writable already: a fault of another kind
  }
  if (!run_active && opened_for_host(address)) return true;
  bool binds = false;
  for (const Range& slots : bound_slots) binds |= slots.first < address + page_size && slots.last > address;
  std::byte* const copy = copies + pages.size() * page_size;
  std::memcpy(copy, reinterpret_cast<const void*>(address), page_size);
  mprotect(reinterpret_cast<void*>(address), page_size, PROT_READ | PROT_WRITE);
  pages.push_back({address, binds, copy});
  return true;
}

void each_written_page(void (*visit)(std::uintptr_t begin, std::uintptr_t end)) {
  for (const Page& page : pages) visit(page.address, page.address + page_size);
}

void make_writable(void* pointer, unsigned long size) {
  if (!active || size == 0) return;
  const auto first = reinterpret_cast<std::uintptr_t>(pointer);
  for (std::uintptr_t at = first & ~(page_size - 1); at < first + size; at += page_size) {
    if (watched(at)) isolation_fault(reinterpret_cast<void*>(at));
  }
}

}  // namespace foreseed::memory
