#include "fault/run.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "fault/plan.h"
#include "net/hosts.h"
#include "net/network.h"

namespace foreseed {

namespace fault {

namespace {

/// A fault of a plan that was started.
struct Running {
  Fault fault;
  std::uint64_t start_ns;  ///< of the plan
  std::vector<std::uint32_t> hosts;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links;  ///< from, to
  bool active = false;
  bool drawn = false;   ///< its hosts are chosen when it begins
  bool struck = false;  ///< a host went down for it
};
std::vector<std::unique_ptr<Running>> running;

std::uint32_t millionths(double share) { return static_cast<std::uint32_t>(share * net::million + 0.5); }

void add(net::Trouble& trouble, const Fault& fault) {
  const std::uint32_t share = millionths(fault.share);
  switch (fault.kind) {
    case FaultKind::partition: trouble.blocked = std::max(trouble.blocked, share); break;
    case FaultKind::flap:
    case FaultKind::flap_random: trouble.blocked = net::million; break;
    case FaultKind::slow: trouble.extra_ns += static_cast<std::uint64_t>(fault.amount.count()); break;
    case FaultKind::loss: trouble.loss = std::max(trouble.loss, share); break;
    case FaultKind::duplicate: trouble.duplicate = std::max(trouble.duplicate, share); break;
    case FaultKind::reorder: trouble.reorder = std::max(trouble.reorder, share); break;
    case FaultKind::corrupt: trouble.corrupt = std::max(trouble.corrupt, share); break;
    case FaultKind::refuse: trouble.refusing = std::max(trouble.refusing, share); break;
    case FaultKind::clog:
      trouble.bytes_per_second = trouble.bytes_per_second == 0
                                     ? static_cast<std::uint64_t>(fault.number)
                                     : std::min(trouble.bytes_per_second, static_cast<std::uint64_t>(fault.number));
      break;
    case FaultKind::dribble: trouble.dribble = static_cast<std::uint32_t>(fault.number); break;
    default: break;
  }
}

/// A link's troubles are those of all faults that are active on it.
void update(std::pair<std::uint32_t, std::uint32_t> way) {
  net::Link& link = net::Network::get().link(way.first, way.second);
  const std::uint32_t blocked = link.trouble.blocked;
  link.trouble = {};
  link.troubled = false;
  for (const auto& other : running) {
    if (!other->active || std::find(other->links.begin(), other->links.end(), way) == other->links.end()) continue;
    add(link.trouble, other->fault);
    link.troubled = true;
  }
  if (link.trouble.blocked != blocked) ++link.block_epoch;
}

std::uint32_t pick(std::uint64_t bound) {
  return World::get().choose(static_cast<std::uint32_t>(Op::fault), ChoiceKind::fault, bound);
}

/// One host other than the client, or a link between any two.
void choose_hosts(Running& run) {
  net::Network& network = net::Network::get();
  const std::uint32_t count = network.machine_count();
  if (count < 2) return;
  Fault& fault = run.fault;
  const std::uint32_t one = 1 + pick(count - 1);
  run.hosts.push_back(one);
  fault.hosts = {network.machine(one).name};
  fault.others.clear();
  if (!is_of_links(fault.kind)) return;
  std::uint32_t other = pick(count - 1);
  if (other >= one) ++other;
  fault.others = {network.machine(other).name};
  run.links = {{one, other}};
  if (!fault.one_way) run.links.emplace_back(other, one);
}

/// Names become hosts when the fault begins: every host that there is by then can be meant.
void resolve(Running& run) {
  net::Network& network = net::Network::get();
  const Fault& fault = run.fault;
  run.hosts.clear();
  run.links.clear();
  if (run.drawn) return choose_hosts(run);
  for (const std::string& name : fault.hosts) run.hosts.push_back(network.machine_index(name));
  if (!is_of_links(fault.kind)) return;
  std::vector<std::uint32_t> others;
  for (const std::string& name : fault.others) others.push_back(network.machine_index(name));
  if (others.empty()) {
    for (std::uint32_t i = 0; i < network.machine_count(); ++i) {
      if (std::find(run.hosts.begin(), run.hosts.end(), i) == run.hosts.end()) others.push_back(i);
    }
  }
  for (const std::uint32_t one : run.hosts) {
    for (const std::uint32_t other : others) {
      run.links.emplace_back(one, other);
      if (!fault.one_way && one != other) run.links.emplace_back(other, one);
    }
  }
}

void note(const Fault& fault, const char* what) {
  std::string text = std::string(to_string(fault.kind)) + " " + what;
  for (const std::string& host : fault.hosts) text += " " + host;
  if (!fault.others.empty()) text += " |";
  for (const std::string& host : fault.others) text += " " + host;
  World::get().text_event(Op::fault, text);
}

void on_host(Running& run, std::uint32_t host, bool begins) {
  const Fault& fault = run.fault;
  World& world = World::get();
  switch (fault.kind) {
    case FaultKind::unknown_name: net::Network::get().machine(host).unknown = begins; break;
    case FaultKind::crash:
    case FaultKind::kill:
      if (begins) {
        run.struck = net::is_running(host);
        if (run.struck) fault.kind == FaultKind::crash ? net::crash_host(host) : net::kill_host(host);
      } else if (run.struck && !net::is_running(host)) {
        net::start_host(host, nullptr);
      }
      break;
    case FaultKind::pause: net::pause_host(host, begins); break;
    case FaultKind::step_clock:
      if (begins) world.step_clock(host, fault.amount.count());
      break;
    case FaultKind::drift_clock:
      world.drift_clock(host, begins ? static_cast<std::int32_t>(fault.number) * 1000 : 0);
      break;
    default: break;
  }
}

std::uint64_t after(std::uint64_t start_ns, nanoseconds duration) {
  return start_ns + static_cast<std::uint64_t>(duration.count());
}

bool toggles(FaultKind kind) { return kind == FaultKind::flap || kind == FaultKind::flap_random; }

bool turn(void* context, std::uint64_t begins, bool dry);

/// When a flapping link turns next.
std::uint64_t next_turn_ns(const Running& run) {
  World& world = World::get();
  const nanoseconds plain = run.active ? run.fault.amount : run.fault.period;
  auto length_ns = static_cast<std::uint64_t>(plain.count());
  if (run.fault.kind == FaultKind::flap_random) {
    const std::uint32_t k = world.choose(static_cast<std::uint32_t>(Op::fault), ChoiceKind::timing, 1024);
    length_ns = k == 0 ? length_ns : 1 + length_ns * k / 512;
  }
  return world.now() + length_ns;
}

/// A fault begins (1) or ends (0).
bool turn(void* context, std::uint64_t begins, bool dry) {
  Running& run = *static_cast<Running*>(context);
  if (dry) return true;
  const Fault& fault = run.fault;
  World& world = World::get();
  const std::uint64_t end_ns = fault.until == nanoseconds::max() ? never : after(run.start_ns, fault.until);
  if (begins != 0 && toggles(fault.kind) && world.now() >= end_ns) return true;
  if (begins != 0 && !run.active && (run.hosts.empty() || !toggles(fault.kind))) resolve(run);
  note(fault, begins != 0 ? "begins:" : "ends:");
  run.active = begins != 0;
  if (fault.kind == FaultKind::reset) {
    for (const auto& [from, to] : run.links) net::Network::get().reset_connections(from, to);
    run.active = false;
    return true;
  }
  for (const auto& way : run.links) update(way);
  if (!is_of_links(fault.kind)) {
    for (const std::uint32_t host : run.hosts) on_host(run, host, begins != 0);
  }
  if (toggles(fault.kind)) {
    if (begins == 0 && world.now() >= end_ns) return true;
    std::uint64_t next_ns = next_turn_ns(run);
    if (begins != 0) next_ns = std::min(next_ns, end_ns);
    if (next_ns < end_ns || begins != 0) world.at(next_ns, turn, &run, begins != 0 ? 0 : 1);
  }
  return true;
}

}  // namespace

namespace {

void begin(const Fault& fault, bool drawn) {
  World& world = World::get();
  {
    running.push_back(std::make_unique<Running>(Running{fault, world.now(), {}, {}}));
    Running& run = *running.back();
    run.drawn = drawn;
    world.at(after(run.start_ns, fault.at), turn, &run, 1);
    const bool ends = fault.until != nanoseconds::max() && !toggles(fault.kind) && fault.kind != FaultKind::reset &&
                      fault.kind != FaultKind::step_clock;
    if (ends) world.at(after(run.start_ns, fault.until), turn, &run, 0);
  }
}

/// 1 ms to 33 s, each power of two as likely as the next.
nanoseconds chosen_span() { return std::chrono::milliseconds(std::int64_t{1} << pick(16)); }

Fault chosen_fault(FaultKind kind) {
  Fault fault;
  fault.kind = kind;
  fault.at = chosen_span();
  fault.until = fault.at + chosen_span();
  switch (kind) {
    case FaultKind::partition:
      fault.one_way = pick(2) != 0;
      fault.share = 1 - pick(4) / 4.0;
      break;
    case FaultKind::loss:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::corrupt: fault.share = 0.01 * (1 << pick(6)); break;
    case FaultKind::refuse: fault.share = 1 - pick(4) / 4.0; break;
    case FaultKind::slow: fault.amount = chosen_span(); break;
    case FaultKind::clog: fault.number = 1'000'000 >> pick(12); break;
    case FaultKind::dribble: fault.number = 256 >> pick(9); break;
    case FaultKind::flap:
    case FaultKind::flap_random:
      fault.amount = chosen_span();
      fault.period = chosen_span();
      break;
    case FaultKind::reset: fault.until = fault.at; break;
    case FaultKind::step_clock:
      fault.until = fault.at;
      fault.amount = chosen_span() * (pick(2) != 0 ? -60 : 60);
      break;
    case FaultKind::drift_clock: fault.number = (std::int64_t{1} << pick(17)) * (pick(2) != 0 ? -1 : 1); break;
    default: break;
  }
  return fault;
}

void start_text(std::string_view faults) {
  if (faults.front() == '{') return start(from_json(faults, "--faults"));
  draw(kinds_from_list(faults));
}

}  // namespace

void start(const FaultPlan& plan) {
  for (const Fault& fault : plan.faults) begin(fault, false);
}

void draw(const std::vector<FaultKind>& kinds) {
  for (const FaultKind kind : kinds) {
    if (pick(2) == 0) continue;
    for (std::uint32_t strikes = 1 + pick(3); strikes != 0; --strikes) begin(chosen_fault(kind), true);
  }
}

void install(World& world) {
  world.start_faults = start_text;
  RunHooks hooks;
  hooks.begin = [] { running.clear(); };
  world.add_hooks(hooks);
}

}  // namespace fault

namespace {

void inside() {
  if (simulated_code()) return;
  std::fputs("foreseed: fault plans are for use inside a scenario\n", stderr);
  std::abort();
}

void start_checked(const FaultPlan& plan) {
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (const std::string error = fault::check(plan.faults[i]); !error.empty()) {
      World::get().fail(FindingKind::misuse, "FaultPlan: faults[" + std::to_string(i) + "]: " + error);
    }
  }
  fault::start(plan);
}

}  // namespace

void FaultPlan::start() const {
  inside();
  const Entry entry;
  start_checked(*this);
}

void start_faults(std::string_view file) {
  inside();
  const Entry entry;
  FaultPlan plan;
  std::string error;
  try {
    plan = fault::from_file(std::string(file));
  } catch (const fault::PlanError& wrong) {
    error = wrong.what();
  }
  if (!error.empty()) World::get().fail(FindingKind::misuse, error);
  start_checked(plan);
}

}  // namespace foreseed
