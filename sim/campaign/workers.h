#pragma once
// The loop over runs, and the memory in which it says how far it is: shared with the parent where it runs in a worker.

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "campaign/campaign.h"

namespace foreseed {

/// Runs that a worker has finished, with their sums. Counters leave the worker only with the chunk they belong to, so that
/// what is written down of a campaign always fits together.
struct Chunk {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint64_t failures = 0;
};

struct FoundRun {
  std::uint64_t run = 0;
  std::uint64_t signature = 0;    ///< hash of signature_text(); 0 = not deterministic
  std::uint64_t fingerprint = 0;
};

/// A queue with one writer and one reader, in shared memory.
template <typename T, std::uint32_t size_max>
class SharedQueue {
 public:
  bool full() const { return written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire) == size_max; }
  void push(const T& item) {
    const std::uint32_t n = written_.load(std::memory_order_relaxed);
    items_[n % size_max] = item;
    written_.store(n + 1, std::memory_order_release);
  }
  bool pop(T& item) {
    const std::uint32_t n = read_.load(std::memory_order_relaxed);
    if (n == written_.load(std::memory_order_acquire)) return false;
    item = items_[n % size_max];
    read_.store(n + 1, std::memory_order_release);
    return true;
  }

 private:
  std::atomic<std::uint32_t> written_{0};
  std::atomic<std::uint32_t> read_{0};
  T items_[size_max];
};

/// What one worker tells.
struct WorkerBoard {
  static constexpr std::uint64_t no_run = ~std::uint64_t{0};
  std::atomic<std::uint64_t> run{no_run};  ///< the one that is under way
  Chunk chunk;                             ///< the one that is under way: `end` is where it is to end; sums so far
  Chunk rest;                              ///< left by a predecessor that died: to be taken up first, unless empty
  unsigned long heartbeat = 0;             ///< counts up while executions make progress
  std::atomic<bool> ended{false};          ///< of itself: whatever the code under test makes its process end with, it has not
  SharedQueue<Chunk, 64> chunks;
  SharedQueue<FoundRun, 64> found;
};

/// Shared by all.
struct SharedBoard {
  std::atomic<std::uint64_t> next{0};                   ///< the first run that nobody has taken
  std::atomic<std::uint64_t> stop_above{~std::uint64_t{0}};  ///< no run above it is needed
  std::atomic<bool> stop{false};
};

/// Takes chunks of runs until the campaign's bounds are met. `idle` is called now and then, and while a queue is full.
void run_chunks(const Scenario& scenario, const CampaignOptions& options, SharedBoard& shared, WorkerBoard& board,
                const std::function<void()>& idle);

/// How a failure is told from others by number.
std::uint64_t signature_number(const std::string& signature_text);

}  // namespace foreseed
