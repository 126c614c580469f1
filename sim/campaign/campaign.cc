#include "campaign/campaign.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>

#include "campaign/child.h"
#include "campaign/interrupt.h"
#include "campaign/workers.h"
#include "kernel/crash.h"
#include "kernel/time_stamps.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

using Clock = RealClock;

struct Boards {
  SharedBoard* shared;
  WorkerBoard* workers;
  unsigned count;
  std::size_t bytes;

  explicit Boards(unsigned jobs) : count(jobs), bytes(sizeof(SharedBoard) + jobs * sizeof(WorkerBoard)) {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the workers of a campaign");
    shared = new (memory) SharedBoard{};
    workers = reinterpret_cast<WorkerBoard*>(shared + 1);
    for (unsigned i = 0; i < jobs; ++i) new (&workers[i]) WorkerBoard{};
  }
  ~Boards() { munmap(shared, bytes); }
  Boards(const Boards&) = delete;
  Boards& operator=(const Boards&) = delete;
};

class Campaign {
 public:
  Campaign(const Scenario& scenario, const CampaignOptions& options, CampaignObserver& observer)
      : scenario_(scenario), options_(options), observer_(observer), boards_(options.fork ? options.jobs : 1), last_first_(boards_.count, WorkerBoard::no_run), all_done_(options.done) {
    if (!options.done.empty() && options.done.front().first == 0) boards_.shared->next = options.done.front().end;
    for (const CampaignOptions::Known& known : options.known) {
      const auto [it, fresh] = kept_.emplace(signature_number(known.signature), known.run);
      if (!fresh) it->second = std::min(it->second, known.run);
    }
  }

  CampaignResult run() {
    const InterruptGuard guard;
    if (options_.fork) {
      run_workers();
    } else {
      run_chunks(scenario_, options_, *boards_.shared, boards_.workers[0], [this] { look(); });
    }
    look();
    write_down();
    result_.interrupted = interrupted();
    return result_;
  }

 private:
  static constexpr std::size_t kept_max = 20;
  static constexpr int deaths_without_run_max = 3;
  static constexpr std::chrono::milliseconds write_every{200};

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  // --- what workers tell -------------------------------------------------------------------------------------------

  void look() {
    if (interrupted()) boards_.shared->stop = true;
    for (unsigned i = 0; i < boards_.count; ++i) {
      WorkerBoard& board = boards_.workers[i];
      // Chunks first: what was found in them is in the other queue already.
      for (Chunk chunk; board.chunks.pop(chunk);) {
        finished_.push_back(chunk);
        last_first_[i] = chunk.first;
      }
      for (FoundRun found; board.found.pop(found);) keep(found);
    }
    result_.seconds = seconds();
    if (Clock::now() - written_ >= write_every) write_down();
    observer_.progress(result_with_unwritten());
  }

  CampaignProgress result_with_unwritten() const {
    CampaignProgress progress = result_;
    for (const Chunk& chunk : finished_) add(progress, chunk);
    return progress;
  }

  static void add(CampaignProgress& progress, const Chunk& chunk) {
    progress.executions += chunk.executions;
    progress.steps += chunk.steps;
    progress.failures += chunk.failures;
  }

  void write_down() {
    written_ = Clock::now();
    if (finished_.empty()) return;
    std::vector<Range> ranges;
    for (const Chunk& chunk : finished_) {
      ranges.push_back({chunk.first, chunk.end});
      add(result_, chunk);
    }
    finished_.clear();
    all_done_.insert(all_done_.end(), ranges.begin(), ranges.end());
    all_done_ = united(std::move(all_done_));
    observer_.done(united(std::move(ranges)), result_);
  }

  // --- failures ----------------------------------------------------------------------------------------------------

  std::uint64_t seed_of(std::uint64_t run) const { return options_.first_seed + run * options_.seed_stride; }

  /// Records a failure that is new, or the first so far of those like it.
  void keep(const FoundRun& found) {
    const auto known = kept_.find(found.signature);
    if (known != kept_.end() && known->second <= found.run) return;
    if (known == kept_.end() && kept_.size() >= kept_max) return;
    if (!options_.keep_going && found.run > boards_.shared->stop_above.load()) return;
    kept_[found.signature] = found.run;
    Failure failure;
    failure.seed = seed_of(found.run);
    failure.trace = record_run(failure.seed);
    const Trace& trace = failure.trace;
    const bool hung = trace.failed && trace.finding.kind == FindingKind::hang;
    if (found.signature == 0 || !trace.failed || (!hung && trace.fingerprint != found.fingerprint)) {
      failure.not_deterministic = true;
      failure.message = describe_difference(trace, record_run(failure.seed));
    }
    observer_.failed(failure);
  }

  Trace record_run(std::uint64_t seed) const {
    Limits limits = options_.limits;
    limits.in_child = options_.fork;
    return record_seed(scenario_, seed, options_.setting, limits);
  }

  // --- worker processes --------------------------------------------------------------------------------------------

  struct Process {
    pid_t id = 0;
    unsigned long beats = 0;          ///< its heartbeat when it was last seen to go up
    std::uint64_t run = 0;
    Clock::time_point since;          ///< of that
    bool given_up = false;            ///< and killed within an execution, as nobody wants to wait for it
  };

  void run_workers() {
    processes_.resize(boards_.count);
    std::fflush(nullptr);
    for (unsigned i = 0; i < boards_.count; ++i) start(i);
    wait_for_workers(boards_.count);
    // A worker that was killed just as it took a chunk has left a hole.
    for (Range hole; !boards_.shared->stop && options_.seconds == 0 && find_hole(hole);) {
      boards_.workers[0].rest = {hole.first, hole.end, 0, 0, 0};
      start(0);
      wait_for_workers(1);
    }
  }

  bool find_hole(Range& hole) {
    look();
    write_down();
    const std::uint64_t end = std::min({boards_.shared->next.load(), options_.runs == 0 ? ~std::uint64_t{0} : options_.runs,
                                        boards_.shared->stop_above.load()});
    hole = {0, end};
    for (const Range& range : all_done_) {
      if (range.first > hole.first) {
        hole.end = std::min(end, range.first);
        break;
      }
      hole.first = range.end;
    }
    return hole.first < hole.end;
  }

  void wait_for_workers(std::size_t left) {
    while (left != 0) {
      usleep(seconds() < 0.1 ? 1000 : 10'000);
      look();
      for (unsigned i = 0; i < boards_.count; ++i) {
        Process& process = processes_[i];
        int status = 0;
        if (process.id == 0) continue;
        if (interrupted_for_long()) give_up(process);
        else kill_if_hung(process, boards_.workers[i]);
        if (waitpid(process.id, &status, WNOHANG) != process.id) continue;
        process.id = 0;
        if (!boards_.workers[i].ended && mend(i, status)) start(i);
        else --left;
      }
    }
  }

  void start(unsigned index) {
    const pid_t parent = getpid();
    boards_.workers[index].ended = false;
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error(fmt::format("cannot start a worker: {}", std::strerror(errno)));
    if (child == 0) {
      settle_in_child(parent);
      WorkerBoard& board = boards_.workers[index];
      heartbeat = &board.heartbeat;
      CampaignOptions options = options_;
      if (options.seconds > 0) options.seconds = std::max(options.seconds - seconds(), 1e-3);
      run_chunks(scenario_, options, *boards_.shared, board, [] {});
      std::fflush(nullptr);
      board.ended = true;
      std::_Exit(0);
    }
    processes_[index] = {child, 0, 0, Clock::now(), false};
  }

  /// The worker's own timer finds most hangs; this finds those where it does not run.
  void kill_if_hung(Process& process, const WorkerBoard& board) {
    const double limit = options_.limits.hang_seconds > 0 ? options_.limits.hang_seconds * 3 + 30 : 0;
    const unsigned long beats = __atomic_load_n(&board.heartbeat, __ATOMIC_RELAXED);
    const std::uint64_t run = board.run.load(std::memory_order_relaxed);
    if (beats != process.beats || run != process.run || run == WorkerBoard::no_run) {
      process.beats = beats;
      process.run = run;
      process.since = Clock::now();
    } else if (limit > 0 && std::chrono::duration<double>(Clock::now() - process.since).count() > limit) {
      kill(process.id, SIGKILL);
    }
  }

  static void give_up(Process& process) {
    process.given_up = true;
    kill(process.id, SIGKILL);
  }

  /// After the death of a worker: its chunk up to the run it died of is done, the rest is its successor's. False: there is
  /// to be none.
  bool mend(unsigned index, int status) {
    WorkerBoard& board = boards_.workers[index];
    look();  // what it still said
    const std::uint64_t run = board.run.exchange(WorkerBoard::no_run);
    Chunk done = board.chunk;
    if (done.first == last_first_[index]) done = {};  // it was handed over already
    board.chunk = {};
    board.rest = done;
    if (run == WorkerBoard::no_run) {
      // Between two runs: somebody killed it. What its chunk has run is run again.
      board.rest.executions = board.rest.steps = board.rest.failures = 0;
      bool hung = false;
      if (++deaths_without_run_ > deaths_without_run_max) {
        throw std::runtime_error(fmt::format("workers die without an execution: the last one {}", describe_end(status, hung)));
      }
      return !boards_.shared->stop;
    }
    const bool deadly = !processes_[index].given_up && keep_death(run);
    done.end = deadly ? run + 1 : run;
    done.executions += deadly;
    done.failures += deadly;
    finished_.push_back(done);
    board.rest = {done.end, board.rest.end, 0, 0, 0};
    return !boards_.shared->stop;
  }

  /// Runs it again in a process of its own. False: it does no harm there, so that somebody else killed the worker.
  bool keep_death(std::uint64_t run) {
    Failure failure;
    failure.seed = seed_of(run);
    failure.trace = record_run(failure.seed);
    if (!failure.trace.failed) return false;
    const FindingKind kind = failure.trace.finding.kind;
    if (kind != FindingKind::died && kind != FindingKind::hang) return false;  // the next worker will say so
    if (!options_.keep_going) boards_.shared->stop_above = std::min(boards_.shared->stop_above.load(), run);
    const std::uint64_t signature = signature_number(signature_text(kind, failure.trace.finding.message));
    const auto [known, fresh] = kept_.emplace(signature, run);
    if (fresh || run < known->second) {
      known->second = run;
      observer_.failed(failure);
    }
    return true;
  }

  const Scenario& scenario_;
  const CampaignOptions& options_;
  CampaignObserver& observer_;
  Boards boards_;
  std::vector<Process> processes_;
  std::vector<std::uint64_t> last_first_;  ///< of each worker, where the chunk that it handed over last began
  std::vector<Range> all_done_;
  CampaignResult result_;             ///< what was told to be done
  std::vector<Chunk> finished_;       ///< what was not yet
  std::map<std::uint64_t, std::uint64_t> kept_;  ///< signature -> its lowest run
  int deaths_without_run_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point written_ = start_;
};

}  // namespace

CampaignResult run_campaign(const Scenario& scenario, const CampaignOptions& options, CampaignObserver& observer) {
  return Campaign(scenario, options, observer).run();
}

}  // namespace foreseed
