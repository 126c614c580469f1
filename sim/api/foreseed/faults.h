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
// Times count from start(). Where faults of a kind overlap, delays add up and the rest takes the larger share. At a fault's
// `until` the link, clock or name is as it was; a host that crashed or was killed is restarted.

#include <chrono>
#include <cstdint>
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
};

/// Begins the plan in a JSON file of the host machine; an execution with a plan that cannot be read ends with what is wrong
/// and where.
FORESEED_API void start_faults(std::string_view file);

}  // namespace foreseed
