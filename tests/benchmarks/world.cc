// What the world costs: timers, messages, many hosts, and making one and clearing it. Run in the release build:
//   build/release/benchmarks --benchmark_filter=world
// No test asserts a time; compare ratios within one run. Each line's `ns/event` (timers, sleeps, messages) leaves out the
// making of hosts and connections.

#include <benchmark/benchmark.h>

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "past_the_simulator.h"
#include "run_scenario.h"
#include "services/town.h"

namespace {

using namespace std::chrono_literals;
using foreseed::RunSeries;
using foreseed::testing::run_seed;

// --- scenarios that time themselves ------------------------------------------------------------------------------

/// What a scenario is told, and what it says: outside of the memory that a run puts back.
struct Board {
  std::uint32_t hosts;
  std::uint32_t rounds;
  std::uint64_t events;
  std::uint64_t first_ns;
  std::uint64_t ns;
};
Board& board() {
  static Board& made = *static_cast<Board*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return made;
}

/// This thread's processor time in ns, past the simulator.
std::uint64_t processor_ns() {
  timespec time;
  foreseed::testing::past_the_simulator(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, reinterpret_cast<long>(&time));
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

void begin_events() { board().first_ns = processor_ns(); }
void end_events(std::uint64_t events) {
  board().ns = processor_ns() - board().first_ns;
  board().events = events;
}

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * 4096 / 1e6;
}

/// Executes `body` with so many hosts (or actors) and rounds; the first execution, in which memory is mapped, is not
/// timed.
void events(benchmark::State& state, void (*body)(), std::uint32_t rounds) {
  board().hosts = static_cast<std::uint32_t>(state.range(0));
  board().rounds = rounds;
  const double before_mb = resident_mb();
  const RunSeries series;
  const auto execute = [&](std::uint64_t seed) {
    const foreseed::Execution execution = run_seed(body, seed);
    if (execution.finding) state.SkipWithError(execution.finding->message.c_str());
  };
  execute(0);
  double least = 1e18;
  double sum = 0;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    execute(++seed);
    const double ns = static_cast<double>(board().ns) / static_cast<double>(board().events);
    least = std::min(least, ns);
    sum += ns;
  }
  state.counters["ns/event"] = sum / static_cast<double>(seed);
  state.counters["least"] = least;
  state.counters["grown_MB"] = resident_mb() - before_mb;
}

std::string host_name(std::uint32_t i) {
  std::string name = "h";
  return name += std::to_string(i);
}

/// As many tasks as hosts, each of which calls `part(i)` once all are there; the time from there to their end is measured.
template <typename Part>
void together(bool on_hosts, std::uint64_t events, Part part) {
  const std::uint32_t n = board().hosts;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<foreseed::Host>> hosts;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (on_hosts) {
      hosts.push_back(std::make_unique<foreseed::Host>(host_name(i), [i, &part] { part(i); }));
    } else {
      threads.emplace_back([i, &part] { part(i); });
    }
  }
  std::this_thread::sleep_for(1s);
  begin_events();
  for (std::thread& thread : threads) thread.join();
  for (const auto& host : hosts) host->join();
  end_events(events);
}

void wait_for_the_start() { std::this_thread::sleep_for(1s + 1us); }

void sleeps() {
  const std::uint32_t rounds = board().rounds;
  together(false, std::uint64_t{board().hosts} * rounds, [rounds](std::uint32_t i) {
    wait_for_the_start();
    for (std::uint32_t k = 0; k < rounds; ++k) std::this_thread::sleep_for(1ms + 13ns * (i * 7 + k * 31) % 9973);
  });
}
BENCHMARK_CAPTURE(events, sleeps, sleeps, 100)->Name("world/sleeps_of_actors")->Arg(100)->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

/// One task sets timers and sees them end, while the others' are pending.
void timer_among_pending() {
  const std::uint32_t n = board().hosts;
  std::vector<std::thread> others;
  for (std::uint32_t i = 0; i < n; ++i) {
    others.emplace_back([] { std::this_thread::sleep_for(24h); });
  }
  std::this_thread::sleep_for(1ms);
  begin_events();
  for (std::uint32_t k = 0; k < board().rounds; ++k) std::this_thread::sleep_for(1us);
  end_events(board().rounds);
  for (std::thread& other : others) other.join();
}
BENCHMARK_CAPTURE(events, timer, timer_among_pending, 1'000'000)->Name("world/sleep_with_pending")->Arg(1)->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

/// Two tasks wake each other, each under a timeout that never comes.
void timed_waits_among_pending() {
  const std::uint32_t n = board().hosts;
  std::vector<std::thread> others;
  for (std::uint32_t i = 0; i < n; ++i) {
    others.emplace_back([] { std::this_thread::sleep_for(24h); });
  }
  std::this_thread::sleep_for(1ms);
  std::mutex mutex;
  std::condition_variable turn;
  bool his = false;
  const std::uint32_t rounds = board().rounds / 2;
  begin_events();
  std::thread other([&] {
    std::unique_lock lock(mutex);
    for (std::uint32_t k = 0; k < rounds; ++k) {
      while (!his) turn.wait_for(lock, 1h);
      his = false;
      turn.notify_one();
    }
  });
  {
    std::unique_lock lock(mutex);
    for (std::uint32_t k = 0; k < rounds; ++k) {
      his = true;
      turn.notify_one();
      while (his) turn.wait_for(lock, 1h);
      lock.unlock();
      if (k % 100 == 99) std::this_thread::sleep_for(1us);
      lock.lock();
    }
  }
  other.join();
  end_events(board().rounds);
  for (std::thread& waiter : others) waiter.join();
}
BENCHMARK_CAPTURE(events, timed_wait, timed_waits_among_pending, 200'000)->Name("world/timed_wait_with_pending")->Arg(1)
    ->Arg(10'000)->Unit(benchmark::kMillisecond);

sockaddr_in address_of(std::uint32_t host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(7000);
  address.sin_addr.s_addr = htonl(0x0a000002 + host);  // 10.0.0.2 is the first after the client
  return address;
}

int bound_socket(int type, std::uint32_t host) {
  const int socket = ::socket(AF_INET, type, 0);
  const sockaddr_in own = address_of(host);
  FORESEED_CHECK(::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  return socket;
}

/// Every actor sends 32 bytes to the next and receives those of the one before, over TCP.
void stream_ring() {
  const std::uint32_t rounds = board().rounds;
  const std::uint32_t n = board().hosts;
  together(true, std::uint64_t{n} * rounds, [rounds, n](std::uint32_t i) {
    const int listener = bound_socket(SOCK_STREAM, i);
    FORESEED_CHECK(::listen(listener, 1) == 0);
    std::this_thread::sleep_for(100ms);
    const int out = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in next = address_of((i + 1) % n);
    FORESEED_CHECK(::connect(out, reinterpret_cast<const sockaddr*>(&next), sizeof next) == 0);
    const int in = ::accept(listener, nullptr, nullptr);
    wait_for_the_start();
    char message[32] = {};
    for (std::uint32_t k = 0; k < rounds; ++k) {
      FORESEED_CHECK(::send(out, message, sizeof message, 0) == sizeof message);
      FORESEED_CHECK(::recv(in, message, sizeof message, 0) == sizeof message);
    }
    ::close(out);
    ::close(in);
    ::close(listener);
  });
}
BENCHMARK_CAPTURE(events, messages, stream_ring, 1000)->Name("world/stream_messages_of_actors")->Arg(2)->Arg(100)
    ->Unit(benchmark::kMillisecond);

/// The same in datagrams.
void datagram_ring() {
  const std::uint32_t rounds = board().rounds;
  const std::uint32_t n = board().hosts;
  together(true, std::uint64_t{n} * rounds, [rounds, n](std::uint32_t i) {
    const int socket = bound_socket(SOCK_DGRAM, i);
    const sockaddr_in next = address_of((i + 1) % n);
    wait_for_the_start();
    char message[32] = {};
    for (std::uint32_t k = 0; k < rounds; ++k) {
      ::sendto(socket, message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&next), sizeof next);
      FORESEED_CHECK(::recv(socket, message, sizeof message, 0) == sizeof message);
    }
    ::close(socket);
  });
}
BENCHMARK_CAPTURE(events, datagrams, datagram_ring, 1000)->Name("world/datagrams_of_actors")->Arg(2)->Arg(100)
    ->Unit(benchmark::kMillisecond);

/// Hosts with one task each, which sleeps, sends to the next host and receives from the one before, in a loop: three events
/// a round.
void many_hosts() {
  const std::uint32_t rounds = board().rounds;
  const std::uint32_t n = board().hosts;
  together(true, std::uint64_t{n} * rounds * 3, [rounds, n](std::uint32_t i) {
    const int socket = bound_socket(SOCK_DGRAM, i);
    const sockaddr_in next = address_of((i + 1) % n);
    wait_for_the_start();
    char message[32] = {};
    for (std::uint32_t k = 0; k < rounds; ++k) {
      std::this_thread::sleep_for(1ms + 13ns * (i * 7 + k * 31) % 9973);
      ::sendto(socket, message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&next), sizeof next);
      FORESEED_CHECK(::recv(socket, message, sizeof message, 0) == sizeof message);
    }
    ::close(socket);
  });
}
BENCHMARK_CAPTURE(events, hosts, many_hosts, 20)->Name("world/events_of_hosts")->Arg(100)->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

/// Hosts that wait for ever, while the client sleeps through the hours.
void idle_hosts() {
  const std::uint32_t n = board().hosts;
  std::vector<std::unique_ptr<foreseed::Host>> hosts;
  for (std::uint32_t i = 0; i < n; ++i) {
    hosts.push_back(std::make_unique<foreseed::Host>(host_name(i), [i] {
      const int socket = bound_socket(SOCK_DGRAM, i);
      char message[32];
      ::recv(socket, message, sizeof message, 0);
    }));
  }
  std::this_thread::sleep_for(1s);
  begin_events();
  for (std::uint32_t k = 0; k < board().rounds; ++k) std::this_thread::sleep_for(1h);
  end_events(board().rounds);
}
BENCHMARK_CAPTURE(events, idle, idle_hosts, 100'000)->Name("world/sleep_beside_idle_hosts")->Arg(1)->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

// --- making a world and clearing it ------------------------------------------------------------------------------

void executions(benchmark::State& state, void (*body)()) {
  const RunSeries series;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const foreseed::Execution execution = run_seed(body, seed++);
    if (execution.finding) state.SkipWithError(execution.finding->message.c_str());
  }
}

/// OMS and IAM start, each on its host, and stop, with no order between.
void town() { scenarios::Town().stop(); }

/// The part of it that is the simulator's: its hosts, threads and listeners, without the services' own work.
void bare_town() {
  std::mutex mutex;
  std::condition_variable told;
  bool stopping = false;
  const auto service = [&](int port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<std::uint16_t>(port));
    FORESEED_CHECK(::bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
    FORESEED_CHECK(::listen(listener, 5) == 0);
    std::vector<std::thread> workers;
    for (int i = 0; i < 6; ++i) {
      workers.emplace_back([&] {
        std::unique_lock lock(mutex);
        while (!stopping) told.wait(lock);
      });
    }
    workers.emplace_back([&] { ::accept(listener, nullptr, nullptr); });
    {
      std::unique_lock lock(mutex);
      while (!stopping) told.wait(lock);
    }
    ::shutdown(listener, SHUT_RDWR);
    for (std::thread& worker : workers) worker.join();
    ::close(listener);
  };
  foreseed::Host iam("iam", [&] { service(8081); });
  foreseed::Host oms("oms", [&] { service(8080); });
  foreseed::link("client", "oms", 1ms);
  foreseed::link("oms", "iam", 2ms);
  std::this_thread::sleep_for(1ms);
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  told.notify_all();
  oms.join();
  iam.join();
}

void empty_hosts() {
  foreseed::Host iam("iam", [] {});
  foreseed::Host oms("oms", [] {});
  iam.join();
  oms.join();
}

BENCHMARK_CAPTURE(executions, town, town)->Name("world/oms_iam_start_and_stop");
BENCHMARK_CAPTURE(executions, bare_town, bare_town)->Name("world/its_hosts_threads_and_listeners");
BENCHMARK_CAPTURE(executions, empty_hosts, empty_hosts)->Name("world/two_hosts_that_do_nothing");

}  // namespace
