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
#include <new>
#include <set>

#include "campaign/workers.h"
#include "explore/random.h"

namespace foreseed {

namespace {

volatile std::sig_atomic_t interrupted = 0;

/// Ctrl-C ends the campaign, not the process.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &previous_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &previous_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction previous_;
};

struct Boards {
  SharedBoard* shared;
  WorkerBoard* workers;
  unsigned count;
  std::size_t bytes;

  explicit Boards(unsigned jobs) : count(jobs), bytes(sizeof(SharedBoard) + jobs * sizeof(WorkerBoard)) {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the workers of a campaign");
    shared = new (memory) SharedBoard{};
    shared->stop_above = ~std::uint64_t{0};
    workers = reinterpret_cast<WorkerBoard*>(shared + 1);
    for (unsigned i = 0; i < jobs; ++i) new (&workers[i]) WorkerBoard{};
  }
  ~Boards() { munmap(shared, bytes); }
  Boards(const Boards&) = delete;
  Boards& operator=(const Boards&) = delete;

  void sum(CampaignProgress& progress) const {
    progress.executions = progress.steps = progress.failures = 0;
    for (unsigned i = 0; i < count; ++i) {
      progress.executions += workers[i].executions.load(std::memory_order_relaxed);
      progress.steps += workers[i].steps.load(std::memory_order_relaxed);
      progress.failures += workers[i].failures.load(std::memory_order_relaxed);
    }
  }
};

class Campaign {
 public:
  Campaign(const Scenario& scenario, const CampaignOptions& options,
           const std::function<void(const CampaignProgress&)>& progress)
      : scenario_(scenario), options_(options), progress_(progress), boards_(options.jobs) {}

  CampaignResult run() {
    const InterruptGuard guard;
    if (options_.jobs == 1) {
      run_seeds(scenario_, options_, 0, 1, *boards_.shared, boards_.workers[0], [this] { tick(); });
    } else {
      run_workers();
    }
    tick();
    result_.interrupted = interrupted != 0;
    keep_failures();
    return std::move(result_);
  }

 private:
  void tick() {
    if (interrupted != 0) boards_.shared->stop = true;
    boards_.sum(result_);
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    progress_(result_);
  }

  void run_workers() {
    std::vector<pid_t> workers;
    std::fflush(nullptr);
    for (unsigned i = 0; i < options_.jobs; ++i) {
      const pid_t child = fork();
      if (child < 0) throw std::runtime_error(fmt::format("cannot start a worker: {}", std::strerror(errno)));
      if (child == 0) {
        signal(SIGINT, SIG_IGN);  // the parent tells when to stop
        run_seeds(scenario_, options_, i, options_.jobs, *boards_.shared, boards_.workers[i], [] {});
        std::fflush(nullptr);
        _exit(0);
      }
      workers.push_back(child);
    }
    for (std::size_t left = workers.size(); left != 0;) {
      usleep(20'000);
      tick();
      for (std::size_t i = 0; i < workers.size(); ++i) {
        int status = 0;
        if (workers[i] == 0 || waitpid(workers[i], &status, WNOHANG) != workers[i]) continue;
        workers[i] = 0;
        --left;
        if (status != 0) worker_died(i, status);
      }
    }
  }

  void worker_died(std::size_t index, int status) {
    Failure failure;
    failure.kind = Failure::Kind::worker_died;
    failure.seed = boards_.workers[index].seed.load();
    failure.message = WIFSIGNALED(status) ? fmt::format("a worker was killed by signal {}", WTERMSIG(status))
                                          : fmt::format("a worker ended with status {}", WEXITSTATUS(status));
    died_.push_back(std::move(failure));
    if (!options_.keep_going) boards_.shared->stop = true;
  }

  /// Records one failure per message, lowest seeds first, and at most 20.
  void keep_failures() {
    std::vector<WorkerBoard::Found> found;
    for (unsigned i = 0; i < boards_.count; ++i) {
      const WorkerBoard& board = boards_.workers[i];
      const std::uint32_t count = board.found_count.load(std::memory_order_acquire);
      for (std::uint32_t k = 0; k < count; ++k) found.push_back(board.found[k]);
    }
    std::sort(found.begin(), found.end(), [this](const auto& a, const auto& b) {
      return a.seed - options_.base_seed < b.seed - options_.base_seed;
    });
    if (!options_.keep_going && found.size() > 1) found.erase(found.begin() + 1, found.end());
    std::set<std::string> messages;
    for (const auto& [seed, not_deterministic] : found) {
      if (result_.kept.size() == 20 || interrupted > 1) break;
      Failure failure = record(seed, not_deterministic);
      if (messages.insert(failure.message + failure.trace.finding.message).second) {
        result_.kept.push_back(std::move(failure));
      }
    }
    for (Failure& failure : died_) result_.kept.push_back(std::move(failure));
  }

  Failure record(std::uint64_t seed, bool not_deterministic) {
    Failure failure;
    failure.seed = seed;
    RunOptions light;
    light.seed = seed;
    light.steps_per_instant_max = options_.steps_per_instant_max;
    light.faults = options_.faults;
    const explore::Strategies strategies(options_.strategy);
    light.strategy = strategies.of(seed);
    const std::uint64_t fingerprint = run_once(scenario_, light).fingerprint;
    failure.trace = record_seed(scenario_, seed, options_.steps_per_instant_max, options_.strategy, options_.faults);
    if (!not_deterministic && failure.trace.fingerprint == fingerprint && failure.trace.failed) return failure;
    const Trace again = record_seed(scenario_, seed, options_.steps_per_instant_max, options_.strategy, options_.faults);
    failure.kind = Failure::Kind::not_deterministic;
    failure.message = describe_difference(failure.trace, again);
    return failure;
  }

  const Scenario& scenario_;
  const CampaignOptions& options_;
  const std::function<void(const CampaignProgress&)>& progress_;
  Boards boards_;
  CampaignResult result_;
  std::vector<Failure> died_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

CampaignResult run_campaign(const Scenario& scenario, const CampaignOptions& options,
                            const std::function<void(const CampaignProgress&)>& progress) {
  return Campaign(scenario, options, progress).run();
}

Trace record_seed(const Scenario& scenario, std::uint64_t seed, std::uint32_t steps_per_instant_max,
                  std::string_view strategy, std::string_view faults) {
  const explore::Strategies strategies(strategy);
  RunOptions options;
  options.faults = faults;
  options.strategy = strategies.of(seed);
  options.strategy_name = strategy;
  options.seed = seed;
  options.record = true;
  options.steps_per_instant_max = steps_per_instant_max;
  return make_trace(scenario, options, run_once(scenario, options));
}

Trace record_choices(const Scenario& scenario, std::span<const Choice> choices, std::uint32_t steps_per_instant_max,
                     std::string_view strategy, std::string_view faults) {
  RunOptions options;
  options.replaying = options.record = true;
  options.replay = choices;
  options.steps_per_instant_max = steps_per_instant_max;
  options.search = explore::is_search(strategy);
  options.strategy_name = strategy;
  options.faults = faults;
  return make_trace(scenario, options, run_once(scenario, options));
}

Trace replay_trace(const Scenario& scenario, const Trace& trace, bool& diverged) {
  RunOptions options;
  options.seed = trace.seed;
  options.replaying = true;
  options.replay = trace.choices;
  options.record = true;
  options.steps_per_instant_max = trace.steps_per_instant_max;
  options.faults = trace.faults;
  options.search = explore::is_search(trace.strategy);
  options.strategy_name = trace.strategy.empty() ? "uniform" : trace.strategy;
  const Execution execution = run_once(scenario, options);
  diverged = execution.diverged || execution.fingerprint != trace.fingerprint;
  return make_trace(scenario, options, execution);
}

namespace {
std::string describe_event(const Trace& trace, std::size_t position) {
  if (position >= trace.events.size()) return "the end of the execution";
  const Event& event = trace.events[position];
  const std::string where = place_text(user_frame(trace, event.stack));
  return fmt::format("{} {}{}", trace.tasks[event.task], to_string(event.op), where.empty() ? "" : " (" + where + ")");
}
}  // namespace

std::string describe_difference(const Trace& expected, const Trace& actual) {
  const std::int64_t first = first_difference(expected, actual);
  if (first < 0) {
    return "every event is the same, but the end is not: " +
           (actual.failed ? actual.finding.message : std::string("the execution held"));
  }
  const auto position = static_cast<std::size_t>(first);
  return fmt::format("step {}: recorded {}, now {}", first + 1, describe_event(expected, position),
                     describe_event(actual, position));
}

}  // namespace foreseed
