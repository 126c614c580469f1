// Hosts and links as a scenario asks for them.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "api/foreseed/scenario.h"
#include "net/network.h"
#include "sync/sync.h"

namespace foreseed {

namespace {

/// Runs as simulated code: the closure lives on the run's heap and goes with the task.
void* host_main(void* closure) {
  const std::unique_ptr<std::function<void()>> main(static_cast<std::function<void()>*>(closure));
  (*main)();
  return nullptr;
}

[[noreturn]] void outside() {
  std::fputs("foreseed: Host and link are for use inside a scenario\n", stderr);
  std::abort();
}

}  // namespace

Host::Host(std::string_view name, std::function<void()> main) : task_(0) {
  if (!simulated_code()) outside();
  auto* const closure = new std::function<void()>(std::move(main));
  const Entry entry;
  const std::uint32_t host = net::Network::get().machine_index(name);
  Task* const task = sync::task_of(sync::thread_create(host_main, closure, false));
  task->host = host;
  const std::size_t n = std::min(name.size(), sizeof task->name - 1);
  std::memcpy(task->name, name.data(), n);
  task->name[n] = '\0';
  task_ = task->id;
}

void Host::join() {
  if (!simulated_code()) outside();
  const Entry entry;
  sync::thread_join(sync::handle_of(World::get().task(task_)), nullptr);
}

void link(std::string_view one, std::string_view other, std::chrono::nanoseconds latency) {
  if (!simulated_code()) outside();
  const Entry entry;
  if (latency.count() < 0 || latency > std::chrono::hours(1)) {
    World::get().fail(FindingKind::misuse, "link(): the latency must lie in [0, 1 h]");
  }
  net::Network& network = net::Network::get();
  const std::uint32_t a = network.machine_index(one);
  const std::uint32_t b = network.machine_index(other);
  for (net::Link* const way : {&network.link(a, b), &network.link(b, a)}) {
    way->delay = {net::Delay::Shape::constant, static_cast<std::uint64_t>(latency.count()), 0, 0};
  }
}

}  // namespace foreseed
