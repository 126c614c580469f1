#pragma once
// What is per thread below C++: thread-local storage, errno and the state of exceptions in flight.
//
// Two ways, decided once per process by what it has loaded:
//   - some module of the program under test has thread-local storage of its own: every task gets a whole TLS block, lent
//     by a parked OS thread, and the FS base is swapped at a switch (`wrfsbase`). At the start of a task the block is put
//     back to its initial image.
//   - otherwise errno and the thread-local storage of libstdc++ (exceptions in flight, call_once) are saved and put back
//     at a switch: cheaper, and nothing else can tell the difference.
// Host code always runs on the host's own FS base.

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernel/hidden.h"

namespace foreseed {

struct TlsBlock;

struct ThreadState {
  TlsBlock* block = nullptr;         ///< only where blocks are swapped
  std::uintptr_t thread_pointer = 0; ///< FS base while the task runs
  std::uint64_t libstdcxx[4] = {};
  int saved_errno = 0;
};

/// The thread-local world of this process; one of them, made at the first run.
class ThreadStates {
 public:
  static ThreadStates& get() { return instance_; }

  /// Finds out what is loaded; called at the start of each series of runs. Returns an error text, empty if all is well.
  std::string prepare();

  bool swaps_blocks() const { return swaps_; }
  /// OS threads of this process that lend their blocks.
  std::size_t lenders() const;
  std::uintptr_t host_pointer() const { return host_pointer_; }

  /// Gives a fresh state to a task that is about to start; a block stays with its task for the next run.
  void attach(ThreadState& state) {
    if (__builtin_expect(swaps_, 0)) return lend(state);
    state.thread_pointer = host_pointer_;
    for (std::uint64_t& word : state.libstdcxx) word = 0;
    state.saved_errno = 0;
  }

  /// Saves the running task's state before the switch to another (`save`), and puts it back after (`load`). Between the
  /// two, the host's FS base is in force.
  void save(ThreadState& state) {
    if (__builtin_expect(swaps_, 0)) {
      set_thread_pointer(host_pointer_);
      return;
    }
    for (int i = 0; i < 4; ++i) state.libstdcxx[i] = libstdcxx_[i];
    state.saved_errno = *errno_;
  }
  void load(const ThreadState& state) {
    if (__builtin_expect(swaps_, 0)) {
      set_thread_pointer(state.thread_pointer);
      return;
    }
    for (int i = 0; i < 4; ++i) libstdcxx_[i] = state.libstdcxx[i];
    *errno_ = state.saved_errno;
  }

  /// Whether `address` is thread-local storage of libc that tasks take turns with (errno), so that one address is private
  /// to each of them.
  bool is_taken_in_turns(std::uintptr_t address) const {
    return !swaps_ && address - (host_pointer_ - tls_below) < tls_below + tls_above;
  }

  /// The thread-local storage that code under test can keep pointers in: calls `visit(begin, end)` for each part.
  template <typename Visit>
  void each_part(const ThreadState& state, Visit visit) const {
    if (state.block == nullptr) return;
    visit(state.thread_pointer - tls_below, state.thread_pointer);
  }

 private:
  // Static TLS lies below the thread pointer, the thread's control block above it.
  static constexpr std::uintptr_t tls_below = 4096;
  static constexpr std::uintptr_t tls_above = 2304;

  void lend(ThreadState& state);
  static void set_thread_pointer(std::uintptr_t pointer) { asm volatile("wrfsbase %0" ::"r"(pointer) : "memory"); }

  FORESEED_HIDDEN static ThreadStates instance_;
  bool swaps_ = false;
  std::uintptr_t host_pointer_ = 0;
  std::uint64_t* libstdcxx_ = nullptr;
  int* errno_ = nullptr;
};

/// The FS base of the running thread, read from the TCB's first word.
inline std::uintptr_t thread_pointer() {
  std::uintptr_t pointer;
  asm("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

}  // namespace foreseed
