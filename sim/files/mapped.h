#pragma once
// Files that are mapped into memory.
//
// A mapping is memory of the run's own that holds the file's bytes. Where it is shared, calls that write the file write it
// too; what the program stores into it is taken over into the file, as changes that are not durable yet, at the next call on
// the file and when the power fails. So two shared mappings of one file see each other's stores at such calls only. What
// lies behind the end of the file reads as zero, in whole pages too, where Linux raises SIGBUS. Simulator code only.

#include "files/file.h"

namespace foreseed::files {

/// mmap(2) of an open file, at no place in particular; MAP_FAILED with errno set. A scheduling point, as a read is.
void* map(File& file, std::size_t size, int protection, int flags, std::uint64_t offset);
/// What has to be done before munmap(2) of [address, address + size): the memory itself is the caller's to unmap.
void unmap(std::uintptr_t address, std::size_t size);
/// msync(2), also of memory that maps no file: 0 or -EIO.
long sync_mapped(std::uintptr_t address, std::size_t size, bool wait);

/// Whether some of [address, address + size) is a shared mapping of a file.
bool is_mapped(std::uintptr_t address, std::size_t size);

/// Stores through the mappings of `inode` become writes.
void take_over_stores(Inode& inode);
/// The bytes [offset, offset + size) of `inode` have changed, or its end has.
void show_in_mappings(const Inode& inode, std::uint64_t offset, std::uint64_t size);

void forget_mapped();

}  // namespace foreseed::files
