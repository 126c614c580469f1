// Hosts and links as a scenario asks for them.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "api/foreseed/world.h"
#include "net/hosts.h"
#include "net/network.h"
#include "sync/sync.h"

namespace foreseed {

namespace {

void inside() {
  if (simulated_code()) return;
  std::fputs("foreseed: hosts and links are for use inside a scenario\n", stderr);
  std::abort();
}

[[noreturn]] void misuse(const std::string& what) { World::get().fail(FindingKind::misuse, what); }

std::uint64_t in_range(nanoseconds duration, const char* what) {
  if (duration.count() < 0 || duration > std::chrono::hours(1)) misuse(std::string(what) + " must lie in [0, 1 h]");
  return static_cast<std::uint64_t>(duration.count());
}

std::uint32_t millionths(double probability, const char* what) {
  if (!(probability >= 0 && probability <= 1)) misuse(std::string(what) + " must lie in [0, 1]");
  return static_cast<std::uint32_t>(probability * net::million + 0.5);
}

}  // namespace

Host::Host(std::string_view name, std::function<void()> main) : host_(0) {
  inside();
  auto* const closure = new std::function<void()>(std::move(main));
  const Entry entry;
  host_ = net::Network::get().machine_index(name);
  if (host_ == 0) misuse("Host(): the scenario itself runs on the host \"client\"");
  net::start_host(host_, closure);
}

void Host::join() {
  inside();
  const Entry entry;
  // Restarted meanwhile, it has a life more to wait for.
  const net::Machine& machine = net::Network::get().machine(host_);
  for (std::uint32_t task = 0; task != machine.main_task;) {
    task = machine.main_task;
    sync::thread_join(sync::handle_of(World::get().task(task)), nullptr);
  }
}

void Host::kill() {
  inside();
  const Entry entry;
  net::kill_host(host_);
  World::get().yield_to_others();
}

void Host::crash() {
  inside();
  const Entry entry;
  net::crash_host(host_);
  World::get().yield_to_others();
}

void Host::restart() {
  inside();
  const Entry entry;
  if (net::is_running(host_)) misuse("restart() of a host that runs");
  net::start_host(host_, nullptr);
}

void Host::pause() {
  inside();
  const Entry entry;
  net::pause_host(host_, true);
  World::get().yield_to_others();
}

void Host::resume() {
  inside();
  const Entry entry;
  net::pause_host(host_, false);
}

void Host::step_clock(nanoseconds by) {
  inside();
  const Entry entry;
  World::get().step_clock(host_, by.count());
}

void Host::drift_clock(std::int32_t parts_per_million) {
  inside();
  const Entry entry;
  if (std::abs(parts_per_million) > 500'000) misuse("drift_clock(): at most 500,000 parts per million");
  World::get().drift_clock(host_, parts_per_million * 1000);
}

void link(std::string_view one, std::string_view other, const LinkRules& rules) {
  inside();
  const Entry entry;
  net::Delay delay{static_cast<net::Delay::Shape>(rules.delay.shape), in_range(rules.delay.first, "link(): the delay"),
                   in_range(rules.delay.second, "link(): the delay"), rules.delay.sigma};
  if (delay.shape == net::Delay::Shape::uniform && delay.high_ns < delay.low_ns) {
    misuse("link(): the upper end of a uniform delay is below the lower");
  }
  net::Network& network = net::Network::get();
  const std::uint32_t a = network.machine_index(one);
  const std::uint32_t b = network.machine_index(other);
  const std::pair<std::uint32_t, std::uint32_t> ways[] = {{a, b}, {b, a}};
  for (const auto& [from, to] : ways) {
    net::Link& way = network.link(from, to);
    way.delay = delay;
    way.bytes_per_second = rules.bytes_per_second;
    way.loss = millionths(rules.loss, "link(): loss");
    way.duplicate = millionths(rules.duplicate, "link(): duplicate");
    way.reorder = millionths(rules.reorder, "link(): reorder");
    way.corrupt = millionths(rules.corrupt, "link(): corrupt");
  }
}

void link(std::string_view one, std::string_view other, nanoseconds delay) {
  LinkRules rules;
  rules.delay = Delay::constant(delay);
  link(one, other, rules);
}

}  // namespace foreseed
