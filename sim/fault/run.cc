#include "fault/run.h"

#include <algorithm>

#include "files/tree.h"
#include "io/descriptors.h"
#include "kernel/clear.h"
#include "memory/heap.h"
#include "net/hosts.h"
#include "net/network.h"

namespace foreseed::fault {

namespace {

std::vector<std::unique_ptr<Running>> all;

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
    case FaultKind::truncate:
      trouble.truncating = true;
      trouble.truncate_after = static_cast<std::uint64_t>(fault.number);
      break;
    case FaultKind::dribble: trouble.dribble = static_cast<std::uint32_t>(fault.number); break;
    default: break;
  }
}

/// A link's troubles are those of all faults that are active on it.
void update(std::pair<std::uint32_t, std::uint32_t> way) {
  net::Link& link = net::Network::get().link(way.first, way.second);
  const std::uint32_t blocked = link.trouble.blocked;
  const bool truncating = link.trouble.truncating;
  link.trouble = {};
  link.troubled = false;
  for (const auto& other : all) {
    if (!other->active || std::find(other->links.begin(), other->links.end(), way) == other->links.end()) continue;
    add(link.trouble, other->fault);
    link.troubled = true;
  }
  if (link.trouble.blocked != blocked) ++link.block_epoch;
  if (link.trouble.truncating != truncating) ++link.truncate_epoch;
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

/// What is left of a host's resource: the least that an active fault leaves. `all_of_it` where there is none.
std::uint64_t least_left(FaultKind kind, std::uint32_t host, std::uint64_t all_of_it) {
  for (const auto& run : all) {
    if (!run->active || run->fault.kind != kind) continue;
    if (std::find(run->hosts.begin(), run->hosts.end(), host) == run->hosts.end()) continue;
    all_of_it = std::min(all_of_it, static_cast<std::uint64_t>(run->fault.number));
  }
  return all_of_it;
}

constexpr std::uint64_t unlimited = ~std::uint64_t{0};

/// What a host may use from now on, of what the fault is about.
void limit(FaultKind kind, std::uint32_t host) {
  const std::uint64_t left = least_left(kind, host, unlimited);
  const auto beyond = [left](std::uint64_t used) { return left > unlimited - used ? unlimited : used + left; };
  switch (kind) {
    case FaultKind::disk_full: files::tree_of(host).limit = beyond(files::tree_of(host).used()); break;
    case FaultKind::no_memory: memory::set_limit(host, beyond(memory::bytes_of(host))); break;
    case FaultKind::no_descriptors:
      io::set_limit(host, static_cast<std::uint32_t>(std::min<std::uint64_t>(beyond(io::open_count(host)), io::no_limit)));
      break;
    default: break;
  }
}

void fail_files(std::uint32_t host) {
  std::uint32_t failing = 0;
  for (const auto& run : all) {
    if (!run->active || run->fault.kind != FaultKind::disk_error) continue;
    if (std::find(run->hosts.begin(), run->hosts.end(), host) == run->hosts.end()) continue;
    failing = std::max(failing, millionths(run->fault.share));
  }
  files::tree_of(host).failing = failing;
}

void end_on_host(Running& run, std::uint32_t host) {
  switch (run.fault.kind) {
    case FaultKind::crash:
    case FaultKind::kill:
      if (run.struck && !net::is_running(host)) net::start_host(host, nullptr);
      break;
    case FaultKind::pause:
      if (run.struck) net::pause_host(host, false);
      break;
    default: break;
  }
}

void turn_on_host(Running& run, std::uint32_t host) {
  const Fault& fault = run.fault;
  World& world = World::get();
  switch (fault.kind) {
    case FaultKind::unknown_name: net::Network::get().machine(host).unknown = run.active; break;
    case FaultKind::step_clock: world.step_clock(host, fault.amount.count()); break;
    case FaultKind::drift_clock:
      world.drift_clock(host, run.active ? static_cast<std::int32_t>(fault.number) * 1000 : 0);
      break;
    case FaultKind::disk_full:
    case FaultKind::no_memory:
    case FaultKind::no_descriptors: limit(fault.kind, host); break;
    case FaultKind::disk_error: fail_files(host); break;
    default:
      if (!strikes_at_points(fault.kind)) break;
      if (!run.active) {
        end_on_host(run, host);
      } else if (!waits_for_point(fault)) {
        strike(run, host);
      }
  }
}

std::uint64_t after(std::uint64_t start_ns, nanoseconds duration) {
  return start_ns + static_cast<std::uint64_t>(duration.count());
}

std::uint64_t end_ns(const Running& run) {
  return run.fault.until == nanoseconds::max() ? never : after(run.start_ns, run.fault.until);
}

bool toggles(FaultKind kind) { return kind == FaultKind::flap || kind == FaultKind::flap_random; }

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

void break_connections(const Running& run) {
  net::Network& network = net::Network::get();
  const bool both = run.fault.kind == FaultKind::reset;
  for (const auto& [from, to] : run.links) {
    const bool first = std::find(run.hosts.begin(), run.hosts.end(), from) != run.hosts.end();
    if (both) {
      network.reset_connections(from, to);
    } else if (first) {
      network.forget_connections(from, to);
    }
  }
}

/// A fault begins (1) or ends (0).
bool turn(void* context, std::uint64_t begins, bool dry) {
  Running& run = *static_cast<Running*>(context);
  if (dry) return true;
  const Fault& fault = run.fault;
  World& world = World::get();
  if (begins != 0 && toggles(fault.kind) && world.now() >= end_ns(run)) return true;
  if (begins != 0 && !run.active && (run.hosts.empty() || !toggles(fault.kind))) resolve(run);
  note(fault, begins != 0 ? "begins:" : "ends:");
  run.active = begins != 0;
  if (is_of_links(fault.kind) && is_instant(fault.kind)) {
    break_connections(run);
  } else if (is_of_links(fault.kind)) {
    for (const auto& way : run.links) update(way);
  } else {
    for (const std::uint32_t host : run.hosts) turn_on_host(run, host);
  }
  if (is_instant(fault.kind)) run.active = false;
  watch_points();
  if (toggles(fault.kind)) {
    if (begins == 0 && world.now() >= end_ns(run)) return true;
    std::uint64_t next_ns = next_turn_ns(run);
    if (begins != 0) next_ns = std::min(next_ns, end_ns(run));
    if (next_ns < end_ns(run) || begins != 0) world.at(next_ns, turn, &run, begins != 0 ? 0 : 1);
  }
  return true;
}

void start_text(std::string_view faults) {
  if (faults.front() == '{') return start(from_json(faults, "--faults"));
  draw(kinds_from_list(faults));
}

}  // namespace

const std::vector<std::unique_ptr<Running>>& running() { return all; }

void note(const Fault& fault, std::string_view what) {
  std::string text = std::string(to_string(fault.kind)) + " " + std::string(what);
  for (const std::string& host : fault.hosts) text += " " + host;
  if (!fault.others.empty()) text += " |";
  for (const std::string& host : fault.others) text += " " + host;
  World::get().text_event(Op::fault, text);
}

void strike(Running& run, std::uint32_t host) {
  switch (run.fault.kind) {
    case FaultKind::crash:
    case FaultKind::kill:
      if (!net::is_running(host)) break;
      run.struck = true;
      run.fault.kind == FaultKind::crash ? net::crash_host(host) : net::kill_host(host);
      break;
    case FaultKind::pause:
      run.struck = true;
      net::pause_host(host, true);
      break;
    default: break;
  }
}

void begin(const Fault& fault, bool drawn) {
  World& world = World::get();
  Running& run = *all.emplace_back(std::make_unique<Running>());
  run.fault = fault;
  run.start_ns = world.now();
  run.drawn = drawn;
  run.countdown = std::max<std::int64_t>(1, fault.number);
  if (fault.at.count() == 0 && waits_for_point(fault)) {
    turn(&run, 1, false);  // from the next scheduling point on
  } else {
    world.at(after(run.start_ns, fault.at), turn, &run, 1);
  }
  if (end_ns(run) != never && !toggles(fault.kind) && !is_instant(fault.kind)) world.at(end_ns(run), turn, &run, 0);
}

void start(const FaultPlan& plan) {
  for (const Fault& fault : plan.faults) begin(fault, false);
}

std::uint64_t whole_at_ns() {
  std::uint64_t whole_ns = 0;
  for (const auto& run : all) {
    if (end_ns(*run) != never) whole_ns = std::max(whole_ns, end_ns(*run));
  }
  return whole_ns;
}

void install(World& world) {
  world.start_faults = start_text;
  RunHooks hooks;
  hooks.begin = [] { clear_rare(all); };
  world.add_hooks(hooks);
}

}  // namespace foreseed::fault
