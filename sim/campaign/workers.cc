#include "campaign/workers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <unordered_set>

#include "explore/random.h"
#include "kernel/crash.h"
#include "kernel/time_stamps.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

using Clock = RealClock;

constexpr std::uint64_t double_run_every = 64;
constexpr std::uint64_t chunk_max = 1 << 20;
// A chunk takes about so long: long enough to cost nothing, short enough that little is run twice after a kill.
constexpr std::chrono::milliseconds chunk_least{20};
constexpr std::chrono::milliseconds chunk_most{80};
constexpr std::chrono::milliseconds idle_every{50};

class Worker {
 public:
  Worker(const Scenario& scenario, const CampaignOptions& options, SharedBoard& shared, WorkerBoard& board,
         const std::function<void()>& idle)
      : scenario_(scenario), options_(options), shared_(shared), board_(board), idle_(idle) {
    run_ = run_options(options.setting, 0);
    run_.hang_seconds = options.limits.hang_seconds;
    run_.heap_bytes_max = options.limits.heap_bytes_max;
  }

  void work() {
    const RunSeries series;
    std::uint64_t size = 16;
    while (take(size)) {
      const auto start = Clock::now();
      const bool whole = work_chunk();
      publish();
      if (!whole) return;
      const auto took = Clock::now() - start;
      if (took < chunk_least) size = std::min(size * 2, chunk_max);
      if (took > chunk_most) size = std::max<std::uint64_t>(size / 2, 1);
    }
  }

 private:
  bool stopped() const { return shared_.stop.load(std::memory_order_relaxed); }

  bool take(std::uint64_t size) {
    if (stopped()) return false;
    if (board_.rest.first < board_.rest.end) {
      board_.chunk = board_.rest;
      board_.rest = {};
      return true;
    }
    const std::uint64_t first = shared_.next.fetch_add(size);
    const std::uint64_t end = options_.runs == 0 ? first + size : std::min(first + size, options_.runs);
    if (first >= end || first > shared_.stop_above.load()) return false;
    board_.chunk = {first, end, 0, 0, 0};
    return true;
  }

  /// False: the campaign is to stop; then the chunk ends where it was left.
  bool work_chunk() {
    Chunk& chunk = board_.chunk;
    const std::uint64_t end = chunk.end;
    for (std::uint64_t run = chunk.first; run < end; ++run) {
      if (stopped() || run > shared_.stop_above.load(std::memory_order_relaxed) || time_is_up()) {
        chunk.end = run;
        return false;
      }
      if (done_before(run)) continue;
      board_.run.store(run, std::memory_order_relaxed);
      work_run(run);
      board_.run.store(WorkerBoard::no_run, std::memory_order_relaxed);
    }
    return true;
  }

  /// Looks at the clock now and then: every 512 runs, or at each where they are slow.
  bool time_is_up() {
    if (++since_clock_ < clock_every_) return false;
    const auto now = Clock::now();
    clock_every_ = now - looked_ > std::chrono::milliseconds(5) ? 1 : std::min(2 * clock_every_, 512);
    since_clock_ = 0;
    looked_ = now;
    if (now - idled_ >= idle_every) {
      idled_ = now;
      idle_();
    }
    return options_.seconds > 0 && std::chrono::duration<double>(now - start_).count() >= options_.seconds;
  }

  bool done_before(std::uint64_t run) const {
    const auto& done = options_.done;
    const auto after = std::upper_bound(done.begin(), done.end(), run, [](std::uint64_t r, const Range& range) { return r < range.first; });
    return after != done.begin() && run < std::prev(after)->end;
  }

  void work_run(std::uint64_t run) {
    run_.seed = options_.first_seed + run * options_.seed_stride;
    run_.strategy = explore::strategy_named(options_.setting.strategy, run_.seed);
    const Execution execution = run_once(scenario_, run_);
    Chunk& chunk = board_.chunk;
    FoundRun found{run, 0, execution.fingerprint};
    const bool failed = execution.finding.has_value();
    const std::uint32_t steps = execution.steps;
    if (failed) found.signature = signature_number(signature_text(execution.finding->kind, execution.finding->message));
    bool same = true;
    if (run % double_run_every == 0 && !(failed && execution.finding->kind == FindingKind::hang)) {
      same = run_once(scenario_, run_).fingerprint == found.fingerprint;
    }
    ++chunk.executions;
    chunk.steps += steps;
    if (same && !failed) return;
    if (!same) found.signature = 0;
    ++chunk.failures;
    tell(found);
  }

  void tell(const FoundRun& found) {
    if (!options_.keep_going) {
      std::uint64_t limit = shared_.stop_above.load();
      while (found.run < limit && !shared_.stop_above.compare_exchange_weak(limit, found.run)) {
      }
    }
    if (told_.insert(found.signature).second) push(board_.found, found);
  }

  void publish() {
    push(board_.chunks, board_.chunk);
    board_.chunk = {};
  }

  template <typename Queue, typename T>
  void push(Queue& queue, const T& item) {
    while (queue.full()) {
      idle_();
      if (queue.full()) usleep(1000);
    }
    queue.push(item);
  }

  const Scenario& scenario_;
  const CampaignOptions& options_;
  SharedBoard& shared_;
  WorkerBoard& board_;
  const std::function<void()>& idle_;
  RunOptions run_;
  std::unordered_set<std::uint64_t> told_;  // signatures
  Clock::time_point start_ = Clock::now();
  Clock::time_point idled_ = start_;
  Clock::time_point looked_ = start_;
  int since_clock_ = 0;
  int clock_every_ = 1;
};

}  // namespace

void run_chunks(const Scenario& scenario, const CampaignOptions& options, SharedBoard& shared, WorkerBoard& board,
                const std::function<void()>& idle) {
  Worker(scenario, options, shared, board, idle).work();
}

std::uint64_t signature_number(const std::string& signature_text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : signature_text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash == 0 ? 1 : hash;
}

}  // namespace foreseed
