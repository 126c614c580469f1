#include "campaign/search.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
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
#include <memory>
#include <new>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "campaign/checkpoint.h"
#include "campaign/child.h"
#include "campaign/interrupt.h"
#include "kernel/crash.h"
#include "kernel/time_stamps.h"

namespace foreseed {

namespace {

using namespace explore;
using Clock = RealClock;

// --- messages ----------------------------------------------------------------------------------------------------

bool send_all(int channel, const std::string& text) {
  Writer front;
  front.put(text);
  const std::string all = front.take();
  for (std::size_t at = 0; at < all.size();) {
    const ssize_t sent = send(channel, all.data() + at, all.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_bytes(int channel, void* to, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t got = recv(channel, static_cast<char*>(to) + at, size - at, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  return true;
}

bool receive_all(int channel, std::string& text) {
  std::uint64_t size = 0;
  if (!receive_bytes(channel, &size, sizeof size)) return false;
  text.resize(size);
  return receive_bytes(channel, text.data(), size);
}

void put(Writer& out, const ExploreResult& result) {
  out.put(result.counts);
  out.put(result.failed);
  out.put(result.finished);
  out.put(std::uint64_t{result.failing.size()});
  for (const Failing& failing : result.failing) {
    out.put(failing.execution);
    out.put(failing.steps);
    out.put(failing.message);
    out.put(failing.choices);
  }
}

void get(Reader& in, ExploreResult& result) {
  in.get(result.counts);
  in.get(result.failed);
  in.get(result.finished);
  result.failing.clear();
  for (auto left = in.get<std::uint64_t>(); left != 0; --left) {
    Failing& failing = result.failing.emplace_back();
    in.get(failing.execution);
    in.get(failing.steps);
    in.get(failing.message);
    in.get(failing.choices);
  }
}

// --- workers -----------------------------------------------------------------------------------------------------

/// Slices until the other end of `channel` is closed.
void serve(int channel, const Scenario& scenario, const ExploreOptions& options, Board& board) {
  for (std::string request; receive_all(channel, request);) {
    Reader in(request);
    const auto slice = in.get<Slice>();
    const std::unique_ptr<Search> search = make_search(options);
    search->load(in);
    ExploreResult result;
    const Pause pause = run_slice(scenario, *search, options, slice, board, result);
    Writer out;
    out.put(pause);
    put(out, result);
    out.put(search->take_traces());
    out.put(search->waits_for());
    search->save(out);
    if (!send_all(channel, out.take())) return;
  }
}

constexpr std::uint32_t nobody = ~std::uint32_t{0};
constexpr std::uint32_t the_search = 0;

struct Worker {
  pid_t process = 0;
  int channel = -1;
  Board* board = nullptr;
  std::uint32_t part = nobody;  ///< what it works on: the search, or a unit
  unsigned long beats = 0;
  Clock::time_point since{};    ///< of that
};

/// The search itself, or a unit: its state between two slices, and what it has done since it was begun or taken over.
struct Part {
  std::string state;
  ExploreResult result;
  std::vector<std::uint64_t> traces;
  Pause pause = Pause::bound;
  bool busy = false;
  /// After a death: the executions before it are done again, then it is died once more, to know at which step, and then
  /// the execution is ended there.
  enum class Death : std::uint8_t { none, before, once_more, end } death = Death::none;
  std::uint64_t executions_before = 0;
  std::uint32_t last_step = 0;
  std::string how;

  std::uint64_t executions() const { return result.counts.complete + result.counts.blocked; }
};

class SearchInWorkers {
 public:
  SearchInWorkers(const Scenario& scenario, const SearchOptions& options)
      : scenario_(scenario), options_(options), explore_(options.search), search_(make_search(explore_)), workers_(options.jobs) {
    if (!options_.checkpoint.empty() && options_.resume) load();
    if (main_.state.empty()) main_.state = state_of(*search_);
  }
  ~SearchInWorkers() {
    for (Worker& worker : workers_) stop(worker);
  }
  SearchInWorkers(const SearchInWorkers&) = delete;
  SearchInWorkers& operator=(const SearchInWorkers&) = delete;

  SearchResult run() {
    const InterruptGuard guard;
    for (Worker& worker : workers_) start(worker);
    while (!ended_) {
      if (!main_.busy) settle();
      if (stops()) break;
      assign();
      wait();
      if (Clock::now() >= next_checkpoint_) save();
    }
    collect();
    if (!main_.busy && !ended_) settle();
    save();
    SearchResult result;
    static_cast<ExploreResult&>(result) = total_;
    result.racy_sites = search_->racy_sites();
    result.finished = finished_;
    result.interrupted = interrupted() && !ended_;
    result.seconds = seconds();
    if (!traces_.empty()) result.counts.redundant = result.counts.complete - traces_.size();
    return result;
  }

 private:
  static constexpr std::chrono::milliseconds checkpoint_least{100};
  static constexpr int deaths_for_nothing_max = 3;
  static constexpr std::size_t units_max = 4096;
  static constexpr std::size_t unit_bytes_max = 64 << 20;
  static constexpr double slice_seconds = 0.1;

  double seconds() const { return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count(); }
  std::uint64_t executions() const { return total_.counts.complete + total_.counts.blocked; }
  bool stops() const {
    return ended_ || interrupted() || (explore_.seconds_max > 0 && seconds() - seconds_before_ >= explore_.seconds_max);
  }

  static std::string state_of(const Search& search) {
    Writer out;
    search.save(out);
    return out.take();
  }

  void load_search(const std::string& state) {
    Reader in(state);
    search_->load(in);
  }

  Part& part(std::uint32_t id) { return id == the_search ? main_ : units_.at(id); }

  // --- the search --------------------------------------------------------------------------------------------------

  /// What the search, or a unit that it takes over, has done counts from now on.
  void count(Part& done) {
    append(total_, std::move(done.result));
    traces_.insert(done.traces.begin(), done.traces.end());
    done.result = {};
    done.traces.clear();
  }

  /// After a slice of the search: ends it, or takes over units, until it has something to do.
  void settle() {
    if (main_.pause == Pause::again) return begin_again(main_.state);
    count(main_);
    for (;;) {
      if (main_.pause == Pause::finished) finished_ = true;
      const bool bounded = explore_.executions_max != 0 && executions() >= explore_.executions_max;
      ended_ = finished_ || bounded || (total_.failed != 0 && !explore_.keep_going);
      if (ended_ || search_->waits_for() == 0) return;
      const auto unit = units_.find(search_->waits_for());
      if (unit == units_.end()) {
        search_->wait_for(0);
      } else if (unit->second.busy || unit->second.death != Part::Death::none) {
        return;
      } else if (unit->second.pause == Pause::again) {
        return begin_again(std::string(unit->second.state));
      } else {
        take_over(unit->second);
        units_.erase(unit);
      }
    }
  }

  void take_over(Part& unit) {
    const bool fits = explore_.executions_max == 0 || executions() + unit.executions() <= explore_.executions_max;
    const std::unique_ptr<Search> theirs = make_search(explore_);
    Reader in(unit.state);
    theirs->load(in);
    if (!fits || !search_->absorb(*theirs)) {
      search_->wait_for(0);
    } else {
      count(unit);
      main_.pause = unit.pause != Pause::finished ? Pause::bound : search_->skip() ? Pause::bound : Pause::finished;
    }
    main_.state = state_of(*search_);
  }

  void begin_again(const std::string& state) {
    const std::string fresh = state;
    for (Worker& worker : workers_) {
      if (worker.part == nobody) continue;
      stop(worker);  // what it works on is void
      start(worker);
    }
    units_.clear();
    traces_.clear();
    total_ = {};
    main_ = {};
    main_.state = fresh;
    load_search(fresh);
  }

  // --- who does what -----------------------------------------------------------------------------------------------

  void assign() {
    std::size_t idle = 0;
    for (const Worker& worker : workers_) idle += worker.part == nobody;
    const bool waits = search_->waits_for() != 0;
    if (!main_.busy && !waits && idle != 0) --idle;  // that is the search's own
    for (Worker& worker : workers_) {
      if (worker.part != nobody || idle == 0) continue;
      const std::uint32_t unit = unit_to_do();
      if (unit == nobody) break;
      give(worker, unit);
      --idle;
    }
    for (Worker& worker : workers_) {
      if (worker.part == nobody && !main_.busy && !waits) give(worker, the_search);
    }
  }

  /// The unit that the search waits for, a new one, or else the one that has done the least.
  std::uint32_t unit_to_do() {
    if (workers_.size() == 1) return nobody;
    const auto can_go_on = [&](const Part& unit) {
      return !unit.busy && (unit.death != Part::Death::none || (unit.pause == Pause::bound && unit.state.size() < unit_bytes_max));
    };
    if (const auto wanted = units_.find(search_->waits_for()); wanted != units_.end() && can_go_on(wanted->second)) return wanted->first;
    const auto under_way = std::count_if(units_.begin(), units_.end(), [&](const auto& unit) {
      return unit.second.busy || can_go_on(unit.second);
    });
    if (!main_.busy && static_cast<std::size_t>(under_way) < 4 * workers_.size() && units_.size() < units_max) {
      const std::unique_ptr<Search> unit = make_search(explore_);
      if (search_->hand_out(last_unit_ + 1, *unit)) {
        ++last_unit_;
        units_[last_unit_].state = state_of(*unit);
        main_.state = state_of(*search_);
        return last_unit_;
      }
    }
    std::uint32_t least = nobody;
    for (const auto& [id, unit] : units_) {
      if (can_go_on(unit) && (least == nobody || unit.executions() < units_.at(least).executions())) least = id;
    }
    return least;
  }

  void give(Worker& worker, std::uint32_t id) {
    Part& part = this->part(id);
    const std::uint64_t left = explore_.executions_max == 0 ? 0 : explore_.executions_max - executions();
    Slice slice;
    if (left != 0) slice.executions_max = std::max(left, part.executions() + 1) - part.executions();
    slice.seconds_max = slice_seconds;
    if (part.death == Part::Death::before) slice = {part.executions_before, 0};
    if (part.death == Part::Death::once_more) slice = {1, 0, true};
    if (part.death == Part::Death::end) slice = {1, 0, false, part.last_step};
    worker.board->stop = false;
    worker.board->executions = 0;
    worker.part = id;
    worker.since = Clock::now();
    part.busy = true;
    Writer out;
    out.put(slice);
    std::string request = out.take();
    request += part.state;
    static_cast<void>(send_all(worker.channel, request));  // one that has died is noticed by wait()
  }

  void wait() {
    std::vector<pollfd> channels;
    std::vector<Worker*> who;
    for (Worker& worker : workers_) {
      if (worker.part == nobody) continue;
      channels.push_back({worker.channel, POLLIN, 0});
      who.push_back(&worker);
      worker.board->stop = worker.part == search_->waits_for() && search_->waits_for() != 0;
    }
    poll(channels.data(), channels.size(), 100);
    for (std::size_t i = 0; i < who.size(); ++i) {
      if (channels[i].revents != 0) hear(*who[i]);
      else kill_if_hung(*who[i]);
    }
  }

  void hear(Worker& worker) {
    std::string response;
    if (worker.part == nobody) return;
    if (!receive_all(worker.channel, response)) return mourn(worker);
    const std::uint32_t id = std::exchange(worker.part, nobody);
    Part& part = this->part(id);
    part.busy = false;
    Reader in(response);
    in.get(part.pause);
    ExploreResult result;
    get(in, result);
    std::vector<std::uint64_t> traces;
    in.get(traces);
    const auto waits_for = in.get<std::uint32_t>();
    if (part.death == Part::Death::end) {
      for (Failing& failing : result.failing) failing.message = part.how;
    }
    part.death = part.death == Part::Death::before ? Part::Death::once_more : Part::Death::none;
    deaths_for_nothing_ = 0;
    std::unique_ptr<Search> search = make_search(explore_);
    search->load(in);
    part.state = state_of(*search);
    if (part.pause == Pause::again) {
      part.result = {};
      part.traces.clear();
    }
    append(part.result, std::move(result));
    part.traces.insert(part.traces.end(), traces.begin(), traces.end());
    if (id != the_search) return;
    search->wait_for(waits_for);
    search_ = std::move(search);
  }

  // --- deaths ------------------------------------------------------------------------------------------------------

  void mourn(Worker& worker) {
    int status = 0;
    waitpid(worker.process, &status, 0);
    worker.process = 0;
    close(worker.channel);
    Part& part = this->part(worker.part);
    worker.part = nobody;
    part.busy = false;
    bool hung = false;
    const std::string how = describe_end(status, hung);
    part.how = hung ? "hang: the process " + how : "died: the process " + how + " after this step";
    if (part.death == Part::Death::none) {
      part.executions_before = worker.board->executions;
      part.death = part.executions_before != 0 ? Part::Death::before : Part::Death::once_more;
    } else if (part.death == Part::Death::once_more && worker.board->step != 0) {
      part.last_step = worker.board->step;
      part.death = Part::Death::end;
    } else if (++deaths_for_nothing_ > deaths_for_nothing_max) {
      throw std::runtime_error(fmt::format("workers die where no execution can be told for it: the last one {}", how));
    }
    worker.board->step = 0;
    start(worker);
  }

  /// The worker's own timer finds most hangs; this finds those where it does not run.
  void kill_if_hung(Worker& worker) {
    const unsigned long beats = __atomic_load_n(&worker.board->heartbeat, __ATOMIC_RELAXED) + worker.board->executions;
    if (beats != worker.beats) {
      worker.beats = beats;
      worker.since = Clock::now();
    }
    const double limit = explore_.hang_seconds * 3 + 30;
    if (explore_.hang_seconds > 0 && std::chrono::duration<double>(Clock::now() - worker.since).count() > limit) {
      kill(worker.process, SIGKILL);
    }
  }

  void start(Worker& worker) {
    int ends[2];
    if (worker.board == nullptr) {
      void* const memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) throw std::runtime_error("no memory for the workers of a search");
      worker.board = new (memory) Board;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::runtime_error(fmt::format("cannot talk to a worker: {}", std::strerror(errno)));
    }
    std::fflush(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error(fmt::format("cannot start a worker: {}", std::strerror(errno)));
    if (child == 0) {
      settle_in_child(parent);
      for (const Worker& other : workers_) {
        if (other.process != 0) close(other.channel);
      }
      close(ends[0]);
      heartbeat = &worker.board->heartbeat;
      serve(ends[1], scenario_, explore_, *worker.board);
      std::_Exit(0);
    }
    close(ends[1]);
    worker.process = child;
    worker.channel = ends[0];
    worker.part = nobody;
  }

  static void stop(Worker& worker) {
    if (worker.process == 0) return;
    kill(worker.process, SIGKILL);
    waitpid(worker.process, nullptr, 0);
    close(worker.channel);
    worker.process = 0;
    worker.part = nobody;
  }

  /// The slices under way, unless the search has come to its end, or one takes longer than a user waits who has interrupted it.
  void collect() {
    while (!ended_ && std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.part != nobody; })) {
      for (Worker& worker : workers_) worker.board->stop = true;
      for (Worker& worker : workers_) {
        pollfd channel{worker.channel, POLLIN, 0};
        if (worker.part != nobody && poll(&channel, 1, 100) > 0) hear(worker);
        else if (worker.part != nobody) kill_if_hung(worker);
        if (worker.part != nobody && interrupted_for_long()) {
          part(worker.part).busy = false;
          stop(worker);
        }
      }
    }
  }

  // --- checkpoints -------------------------------------------------------------------------------------------------

  SearchIdentity identity() const {
    return {{"program", own_build_id()},
            {"scenario", std::string(scenario_.name)},
            {"strategy", explore_.strategy},
            {"--preemptions", std::to_string(explore_.preemptions)},
            {"--faults", explore_.faults},
            {"--memory", std::string(to_string(explore_.memory))},
            {"--timeouts", std::to_string(explore_.timeouts)},
            {"--races", std::string(to_string(explore_.races))},
            {"--max-steps", std::to_string(explore_.steps_per_instant_max)},
            {"--keep-going", explore_.keep_going ? "given" : "not given"},
            {"--run-timeout", std::to_string(explore_.hang_seconds)},
            {"--memory-limit", std::to_string(explore_.heap_bytes_max)},
            {"account of traces", explore_.account ? "kept" : "not kept"}};
  }

  static void put_part(Writer& out, const Part& part) {
    out.put(part.state);
    out.put(part.pause);
    put(out, part.result);
    out.put(part.traces);
  }
  static void get_part(Reader& in, Part& part) {
    in.get(part.state);
    in.get(part.pause);
    get(in, part.result);
    in.get(part.traces);
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    const auto start = Clock::now();
    Writer out;
    out.put(seconds());
    out.put(finished_);
    put(out, total_);
    out.put(std::vector<std::uint64_t>(traces_.begin(), traces_.end()));
    put_part(out, main_);
    out.put(search_->waits_for());
    out.put(last_unit_);
    out.put(std::uint64_t{units_.size()});
    for (const auto& [id, unit] : units_) {
      out.put(id);
      put_part(out, unit);
    }
    write_checkpoint(options_.checkpoint, identity(), out.take());
    const auto now = Clock::now();
    next_checkpoint_ = now + std::max<Clock::duration>(checkpoint_least, 20 * (now - start));
  }

  void load() {
    const std::string state = read_checkpoint(options_.checkpoint, identity());
    if (state.empty()) return;
    Reader in(state);
    in.get(seconds_before_);
    in.get(finished_);
    get(in, total_);
    std::vector<std::uint64_t> traces;
    in.get(traces);
    traces_.insert(traces.begin(), traces.end());
    get_part(in, main_);
    const auto waits_for = in.get<std::uint32_t>();
    in.get(last_unit_);
    for (auto left = in.get<std::uint64_t>(); left != 0; --left) {
      const auto id = in.get<std::uint32_t>();
      get_part(in, units_[id]);
    }
    load_search(main_.state);
    search_->wait_for(waits_for);
  }

  const Scenario& scenario_;
  const SearchOptions& options_;
  ExploreOptions explore_;
  std::unique_ptr<Search> search_;  ///< as it is in main_.state
  Part main_;
  std::map<std::uint32_t, Part> units_;
  std::uint32_t last_unit_ = 0;
  std::vector<Worker> workers_;
  ExploreResult total_;             ///< of the search, and the units that it has taken over
  std::unordered_set<std::uint64_t> traces_;
  bool finished_ = false;
  bool ended_ = false;
  int deaths_for_nothing_ = 0;
  double seconds_before_ = 0;       ///< of what a checkpoint goes on from
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_checkpoint_ = start_ + checkpoint_least;
};

}  // namespace

SearchResult search_in_workers(const Scenario& scenario, const SearchOptions& options) {
  return SearchInWorkers(scenario, options).run();
}

}  // namespace foreseed
