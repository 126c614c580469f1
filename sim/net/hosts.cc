#include "net/hosts.h"

#include <algorithm>
#include <cstring>

#include "io/descriptors.h"
#include "net/network.h"
#include "sync/sync.h"

namespace foreseed::net {

namespace {

void* host_main(void* main) {
  (*static_cast<const std::function<void()>*>(main))();
  return nullptr;
}

void not_the_client(std::uint32_t host, const char* what) {
  if (host == 0) World::get().fail(FindingKind::misuse, std::string(what) + " of the host that runs the scenario");
}

void note(std::uint32_t host, const char* what) {
  World::get().text_event(Op::host, Network::get().machine(host).name + " " + what);
}

}  // namespace

void start_host(std::uint32_t host, std::function<void()>* main) {
  World& world = World::get();
  Network& network = Network::get();
  Machine& machine = network.machine(host);
  if (main != nullptr) {
    machine.main = main;
    world.roots.push_back(main);
  } else {
    note(host, "restarts");
  }
  network.start(host);
  Task& task = *sync::task_of(sync::thread_create(host_main, machine.main, false));
  task.host = host;
  // Whoever restarts a host, as another host's task does where a fault ends, comes after all that the earlier life did and
  // knew: the end of a process is no race with the next one.
  for (std::uint32_t i = 0; main == nullptr && i < task.id; ++i) {
    const Task& earlier = world.task(i);
    if (earlier.host == host) task.clock.join(earlier.clock);
  }
  const std::size_t n = std::min(machine.name.size(), sizeof task.name - 1);
  std::memcpy(task.name, machine.name.data(), n);
  task.name[n] = '\0';
  machine.main_task = task.id;
}

void kill_host(std::uint32_t host) {
  not_the_client(host, "kill()");
  note(host, "is killed");
  World::get().kill_tasks(host);
  io::close_all(host);
}

void crash_host(std::uint32_t host) {
  not_the_client(host, "crash()");
  note(host, "crashes");
  World::get().kill_tasks(host);
  Network::get().crash(host);
  for (const RunHooks& hooks : World::get().hooks()) {
    if (hooks.host_crash != nullptr) hooks.host_crash(host);
  }
}

void pause_host(std::uint32_t host, bool on) {
  not_the_client(host, "pause()");
  note(host, on ? "is paused" : "goes on");
  World& world = World::get();
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    Task& task = world.task(i);
    if (task.host == host) on ? world.freeze(task) : world.thaw(task);
  }
}

bool is_running(std::uint32_t host) {
  World& world = World::get();
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    if (world.task(i).host == host && !world.task(i).finished) return true;
  }
  return false;
}

}  // namespace foreseed::net
