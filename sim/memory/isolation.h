#pragma once
// Globals do not leak from one run into the next: the writable memory of the program under test and its libraries - data
// segments, and what they had allocated before the run - is put back at the end of each run.
//
// During a series of runs these pages are write-protected. The first write to one, by anyone, faults once: the page is
// copied, made writable and from then on copied before each run and put back after it. So a run pays about 130 ns for
// each page that any run of the series has written, and nothing for the rest.
// Not put back: libc, the simulator and its own libraries (modules.h); thread-local storage is the thread_state's.

#include <cstdint>

namespace foreseed::memory {

void isolation_series_begin();
void isolation_series_end();
/// The data of libraries that were loaded since the series began is put back after each run from now on, to what it is now.
void isolate_loaded();
void isolation_begin_run();
void isolation_end_run();
/// Whether a fault at `address` was a first write to a protected page, which is now writable.
bool isolation_fault(void* address);
/// Calls `visit(begin, end)` for each page of older memory that runs of this series have written: the only ones that can
/// point into the run's heap.
void each_written_page(void (*visit)(std::uintptr_t begin, std::uintptr_t end));
/// Makes [address, address + size) writable ahead of a system call that would fail on a protected page.
void make_writable(void* address, unsigned long size);

}  // namespace foreseed::memory
