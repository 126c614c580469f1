#pragma once
// What goes wrong in a world, and when: a plan is a value, made here or read from JSON.
//
//   foreseed::FaultPlan plan;
//   plan.partition({"oms"}, {"iam"}, {.at = 10s, .until = 15s}).crash("iam", {.at = 20s, .until = 22s});
//   plan.start();
//
// The same in JSON, for start_faults("plan.json") and for --faults on the command line:
//
//   {"faults": [{"kind": "partition", "at": "10s", "until": "15s", "between": [["oms"], ["iam"]]},
//               {"kind": "crash", "at": "20s", "until": "22s", "host": "iam"}]}
//
// Times count from start(); a fault begins once everything at that instant has come to rest. Where faults of a kind overlap, delays add up and the rest takes the larger share. At a fault's
// `until` the link, clock, disk or name is as it was; a host that crashed or was killed is restarted.
//
// Crash, kill, pause and stall can strike in the middle of things: with `number` n > 0 not at `at`, but at the n-th
// scheduling point of the host's tasks from then on; with `point` where one of them passes FORESEED_POINT of that name
// (foreseed/point.h) for the n-th time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <foreseed/export.h>

namespace foreseed {

using std::chrono::nanoseconds;

enum class FaultKind : std::uint8_t {
  partition,   ///< nothing passes. `share` < 1: of connections, that many hang; the others pass
  slow,        ///< each message takes `amount` longer
  loss,        ///< `share` of segments and datagrams are lost
  duplicate,   ///< `share` of datagrams come twice
  reorder,     ///< `share` of datagrams are overtaken
  corrupt,     ///< in `share` of datagrams one bit is flipped
  refuse,      ///< `share` of connection attempts are refused
  clog,        ///< `number` bytes pass in a second
  dribble,     ///< stream data comes `number` bytes at a time, 20 ms apart
  flap,        ///< partitioned for `amount`, whole for `period`, and so on
  flap_random, ///< the same with times that are chosen, up to twice as long
  reset,       ///< at `at`, all connections are reset
  unknown_name,///< the hosts' names cannot be resolved
  crash,       ///< the hosts lose power until `until`
  kill,        ///< the hosts' processes are killed, and start again at `until`
  pause,       ///< the hosts' tasks do not run
  step_clock,  ///< at `at`, the wall clock is set by `amount`
  drift_clock, ///< the clocks run `number` parts per million fast
  half_open,   ///< at `at`, `hosts` forget their connections (and see them reset); `others` learn it when they send
  truncate,    ///< streams from `hosts` end, as if closed, after `number` more bytes
  stall,       ///< at `share` of scheduling points the task that is there does not run for `amount`; see above
  slow_cpu,    ///< each step of the hosts' tasks takes `amount`
  disk_full,   ///< files cannot grow by more than `number` bytes
  disk_error,  ///< `share` of calls on files fail with EIO
  no_memory,   ///< no more than `number` bytes can be allocated on top of what is
  no_descriptors, ///< no more than `number` descriptors can be opened on top of those that are
  fail,        ///< `share` of passes through FORESEED_POINT `point` fail; of any point if it is empty
};

/// The name used in JSON.
FORESEED_API std::string_view to_string(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::partition;
  nanoseconds at{0};
  nanoseconds until = nanoseconds::max();
  std::vector<std::string> hosts;   ///< those that it strikes; for links, one side
  std::vector<std::string> others;  ///< for links, the other side; empty: every other host there is
  bool one_way = false;             ///< for links: only from `hosts` to `others`
  double share = 1;                 ///< in [0, 1]
  nanoseconds amount{0};
  nanoseconds period{0};
  std::int64_t number = 0;
  std::string point;

  friend bool operator==(const Fault&, const Fault&) = default;
};

class FORESEED_API FaultPlan {
 public:
  struct When {
    nanoseconds at{0};
    nanoseconds until = nanoseconds::max();
  };
  using Hosts = std::vector<std::string>;

  FaultPlan& add(Fault fault) {
    faults.push_back(std::move(fault));
    return *this;
  }
  FaultPlan& partition(Hosts hosts, Hosts others, When when, double share = 1) {
    return on_link(FaultKind::partition, std::move(hosts), std::move(others), when, share);
  }
  FaultPlan& partition_one_way(Hosts from, Hosts to, When when) {
    on_link(FaultKind::partition, std::move(from), std::move(to), when, 1);
    faults.back().one_way = true;
    return *this;
  }
  FaultPlan& slow(Hosts hosts, Hosts others, When when, nanoseconds by) {
    on_link(FaultKind::slow, std::move(hosts), std::move(others), when, 1);
    faults.back().amount = by;
    return *this;
  }
  FaultPlan& loss(Hosts hosts, Hosts others, When when, double share) {
    return on_link(FaultKind::loss, std::move(hosts), std::move(others), when, share);
  }
  FaultPlan& refuse(Hosts hosts, Hosts others, When when, double share = 1) {
    return on_link(FaultKind::refuse, std::move(hosts), std::move(others), when, share);
  }
  FaultPlan& clog(Hosts hosts, Hosts others, When when, std::int64_t bytes_per_second) {
    on_link(FaultKind::clog, std::move(hosts), std::move(others), when, 1);
    faults.back().number = bytes_per_second;
    return *this;
  }
  FaultPlan& dribble(Hosts hosts, Hosts others, When when, std::int64_t bytes) {
    on_link(FaultKind::dribble, std::move(hosts), std::move(others), when, 1);
    faults.back().number = bytes;
    return *this;
  }
  FaultPlan& flap(Hosts hosts, Hosts others, When when, nanoseconds down, nanoseconds up) {
    on_link(FaultKind::flap, std::move(hosts), std::move(others), when, 1);
    faults.back().amount = down;
    faults.back().period = up;
    return *this;
  }
  FaultPlan& reset(Hosts hosts, Hosts others, nanoseconds at) {
    return on_link(FaultKind::reset, std::move(hosts), std::move(others), {at, at}, 1);
  }
  FaultPlan& unknown_name(std::string host, When when) { return on_host(FaultKind::unknown_name, std::move(host), when); }
  FaultPlan& crash(std::string host, When when) { return on_host(FaultKind::crash, std::move(host), when); }
  FaultPlan& kill(std::string host, When when) { return on_host(FaultKind::kill, std::move(host), when); }
  FaultPlan& pause(std::string host, When when) { return on_host(FaultKind::pause, std::move(host), when); }
  FaultPlan& step_clock(std::string host, nanoseconds at, nanoseconds by) {
    on_host(FaultKind::step_clock, std::move(host), {at, at});
    faults.back().amount = by;
    return *this;
  }
  FaultPlan& drift_clock(std::string host, When when, std::int64_t parts_per_million) {
    on_host(FaultKind::drift_clock, std::move(host), when);
    faults.back().number = parts_per_million;
    return *this;
  }

  FaultPlan& half_open(Hosts hosts, Hosts others, nanoseconds at) {
    return on_link(FaultKind::half_open, std::move(hosts), std::move(others), {at, at}, 1);
  }
  FaultPlan& truncate(Hosts from, Hosts to, When when, std::int64_t after_bytes) {
    on_link(FaultKind::truncate, std::move(from), std::move(to), when, 1);
    faults.back().one_way = true;
    faults.back().number = after_bytes;
    return *this;
  }
  FaultPlan& stall(std::string host, When when, nanoseconds by, double share) {
    on_host(FaultKind::stall, std::move(host), when);
    faults.back().amount = by;
    faults.back().share = share;
    return *this;
  }
  FaultPlan& slow_cpu(std::string host, When when, nanoseconds per_step) {
    on_host(FaultKind::slow_cpu, std::move(host), when);
    faults.back().amount = per_step;
    return *this;
  }
  FaultPlan& disk_full(std::string host, When when, std::int64_t bytes_left = 0) {
    return on_resource(FaultKind::disk_full, std::move(host), when, bytes_left);
  }
  FaultPlan& disk_error(std::string host, When when, double share = 1) {
    on_host(FaultKind::disk_error, std::move(host), when);
    faults.back().share = share;
    return *this;
  }
  FaultPlan& no_memory(std::string host, When when, std::int64_t bytes_left = 0) {
    return on_resource(FaultKind::no_memory, std::move(host), when, bytes_left);
  }
  FaultPlan& no_descriptors(std::string host, When when, std::int64_t left = 0) {
    return on_resource(FaultKind::no_descriptors, std::move(host), when, left);
  }
  FaultPlan& fail(std::string point, std::string host, When when, double share = 1) {
    on_host(FaultKind::fail, std::move(host), when);
    faults.back().point = std::move(point);
    faults.back().share = share;
    return *this;
  }
  /// The fault that was added last strikes in the middle of things: see above.
  FaultPlan& in_the_middle(std::int64_t number, std::string point = {}) {
    faults.back().number = number;
    faults.back().point = std::move(point);
    return *this;
  }

  /// Begins the plan in the running world; called from inside a simulation. The plan may go away afterwards.
  void start() const;

  std::vector<Fault> faults;

 private:
  FaultPlan& on_link(FaultKind kind, Hosts hosts, Hosts others, When when, double share) {
    Fault fault;
    fault.kind = kind;
    fault.at = when.at;
    fault.until = when.until;
    fault.hosts = std::move(hosts);
    fault.others = std::move(others);
    fault.share = share;
    return add(std::move(fault));
  }
  FaultPlan& on_host(FaultKind kind, std::string host, When when) {
    Fault fault;
    fault.kind = kind;
    fault.at = when.at;
    fault.until = when.until;
    fault.hosts.push_back(std::move(host));
    return add(std::move(fault));
  }
  FaultPlan& on_resource(FaultKind kind, std::string host, When when, std::int64_t left) {
    on_host(kind, std::move(host), when);
    faults.back().number = left;
    return *this;
  }
};

/// Begins the plan in a JSON file of the host machine; an execution with a plan that cannot be read ends with what is wrong
/// and where.
FORESEED_API void start_faults(std::string_view file);

/// Waits until the world is whole: every fault that has an end, of the plans that were started or drawn, is over. Then
/// `condition` must come true within `within` of virtual time; it is asked again and again, and may take time and block.
/// The execution fails where it does not.
FORESEED_API void eventually(std::string_view what, const std::function<bool()>& condition, nanoseconds within,
                             const char* file = __builtin_FILE(), int line = __builtin_LINE());

}  // namespace foreseed

/// eventually() with the condition's text: FORESEED_EVENTUALLY(healthy("oms"), 30s).
#define FORESEED_EVENTUALLY(condition, within) \
  ::foreseed::eventually(#condition, [&]() -> bool { return (condition); }, within, __FILE__, __LINE__)
