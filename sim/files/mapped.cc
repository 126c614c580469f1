#include "files/mapped.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/clear.h"
#include "memory/mappings.h"

namespace foreseed::files {

namespace {

constexpr std::uintptr_t page_size = 4096;

struct Mapped {
  std::uintptr_t address;
  std::size_t size;  ///< whole pages
  Tree* tree;
  std::uint32_t epoch;  ///< of the tree
  Inode* inode;
  std::uint64_t offset;
  bool stores;  ///< the program may store into it, and that is for the file
  int protection;
};

std::vector<Mapped> all;  ///< the shared ones

std::byte* bytes_of(const Mapped& mapped) { return reinterpret_cast<std::byte*>(mapped.address); }

/// Only while the mapping's own host has not lost its power since.
bool alive(const Mapped& mapped) { return mapped.epoch == mapped.tree->epoch; }

/// How many bytes of the mapping lie within the file.
std::size_t within(const Mapped& mapped) {
  const std::uint64_t end = mapped.inode->data.size();
  return end <= mapped.offset ? 0 : std::min<std::uint64_t>(mapped.size, end - mapped.offset);
}

void take_over_stores(const Mapped& mapped) {
  if (!mapped.stores || !alive(mapped)) return;
  const std::size_t size = within(mapped);
  const auto* const stored = reinterpret_cast<const char*>(mapped.address);
  const auto differs = [&](std::size_t at) {
    return std::memcmp(stored + at, mapped.inode->data.data() + mapped.offset + at, std::min(sector_size, size - at)) != 0;
  };
  for (std::size_t at = 0; at < size;) {
    const std::size_t first = at;
    while (at < size && differs(at)) at += sector_size;
    if (at > first) mapped.inode->write(mapped.offset + first, {stored + first, std::min(at, size) - first});
    at += sector_size;
  }
}

}  // namespace

void* map(File& file, std::size_t size, int protection, int flags, std::uint64_t offset) {
  const bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
  const auto fails = [](int error) { return errno = error, MAP_FAILED; };
  if (size == 0 || offset % page_size != 0) return fails(EINVAL);
  if (!file.readable() || (shared && (protection & PROT_WRITE) != 0 && !file.writable())) return fails(EACCES);
  const bool zeros = file.inode.kind == Inode::Kind::zero_device;
  if ((flags & MAP_FIXED) != 0 || (file.inode.kind != Inode::Kind::file && !zeros)) return fails(ENODEV);
  size = (size + page_size - 1) / page_size * page_size;
  void* const memory = memory::map_anonymous(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  if (memory == MAP_FAILED || zeros) return memory;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  if (const long n = file.read_at(memory, size, offset); n < 0) return munmap(memory, size), fails(static_cast<int>(-n));
  if (mprotect(memory, size, protection) != 0) return munmap(memory, size), fails(errno);
  if (shared) {
    all.push_back({address, size, &file.tree, file.tree.epoch, &file.inode, offset, file.writable(), protection});
    file.inode.mapped = true;
    ++file.inode.opens;
  }
  return memory;
}

void unmap(std::uintptr_t address, std::size_t size) {
  const std::uintptr_t last = address + size;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Mapped& mapped = all[i];
    const std::uintptr_t end = mapped.address + mapped.size;
    if (mapped.address >= last || end <= address) continue;
    take_over_stores(mapped);
    // What is left before and behind goes on.
    Mapped behind = mapped;
    if (end > last) {
      behind.offset += last - mapped.address;
      behind.address = last;
      behind.size = end - last;
    }
    if (mapped.address < address) {
      mapped.size = address - mapped.address;
      if (end <= last) continue;
      if (alive(mapped)) ++mapped.inode->opens;
      all.push_back(behind);
    } else if (end > last) {
      mapped = behind;
    } else {
      const Mapped gone = mapped;
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i--));
      if (!alive(gone)) continue;
      --gone.inode->opens;
      gone.tree->let_go(*gone.inode);
    }
  }
}

bool is_mapped(std::uintptr_t address, std::size_t size) {
  return std::any_of(all.begin(), all.end(), [=](const Mapped& mapped) {
    return mapped.address < address + size && mapped.address + mapped.size > address;
  });
}

long sync_mapped(std::uintptr_t address, std::size_t size, bool wait) {
  World::get().point(Op::file_sync);
  long result = 0;
  for (const Mapped& mapped : all) {
    if (mapped.address >= address + size || mapped.address + mapped.size <= address) continue;
    if (!alive(mapped)) result = -EIO;
    if (!wait || !alive(mapped)) continue;
    if (const long error = mapped.tree->failure(Op::file_sync); error != 0) result = error;
    if (result != 0) continue;
    take_over_stores(*mapped.inode);
    mapped.inode->make_data_durable();
  }
  World::get().event(Op::file_sync, 0, static_cast<std::int32_t>(result));
  return result;
}

void take_over_stores(Inode& inode) {
  for (const Mapped& mapped : all) {
    if (mapped.inode == &inode) take_over_stores(mapped);
  }
}

void show_in_mappings(const Inode& inode, std::uint64_t offset, std::uint64_t size) {
  for (const Mapped& mapped : all) {
    if (mapped.inode != &inode || !alive(mapped)) continue;
    const std::uint64_t first = std::max(offset, mapped.offset);
    const std::uint64_t last = std::min(offset + size, mapped.offset + mapped.size);
    if (first >= last) continue;
    std::byte* const to = bytes_of(mapped) + (first - mapped.offset);
    const std::uint64_t end = std::clamp<std::uint64_t>(inode.data.size(), first, last);
    if ((mapped.protection & PROT_WRITE) == 0) mprotect(bytes_of(mapped), mapped.size, PROT_READ | PROT_WRITE);
    std::memcpy(to, inode.data.data() + first, end - first);
    std::memset(to + (end - first), 0, last - end);
    if ((mapped.protection & PROT_WRITE) == 0) mprotect(bytes_of(mapped), mapped.size, mapped.protection);
  }
}

void forget_mapped() { clear_rare(all); }

}  // namespace foreseed::files
