// A world is gone without trace when its execution ends: no descriptor, thread or memory of the process is left, however
// the execution ended.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "past_the_simulator.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0x0a000001 + host);
  return address;
}

int bound(int type, std::uint16_t port) {
  const int made = socket(AF_INET, type, 0);
  sockaddr_in own = address_of(0, port);
  own.sin_addr.s_addr = INADDR_ANY;
  FORESEED_CHECK(bind(made, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  return made;
}

/// Serves for ever, and leaves everything open.
void untidy_server() {
  const int listener = bound(SOCK_STREAM, 80);
  FORESEED_CHECK(listen(listener, 5) == 0);
  const int file = open("/var/lib/notes", O_CREAT | O_RDWR, 0644);
  const std::string text(5000, 'x');
  std::thread receiver([] {
    const int udp = bound(SOCK_DGRAM, 53);
    char bytes[100];
    while (recv(udp, bytes, sizeof bytes, 0) > 0) {
    }
  });
  for (;;) {
    const int connection = accept(listener, nullptr, nullptr);
    FORESEED_CHECK(write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    char bytes[100];
    while (recv(connection, bytes, sizeof bytes, 0) > 0) send(connection, bytes, sizeof bytes, MSG_NOSIGNAL);
  }
}

/// Everything that a world has, some of it in the middle of something when the execution ends; one in four fails.
void untidy_world() {
  Host server("server", untidy_server);
  std::this_thread::sleep_for(10ms);
  const sockaddr_in tcp = address_of(1, 80);
  const sockaddr_in udp = address_of(1, 53);
  const sockaddr_in nobody = address_of(1, 54);
  const int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  const int stream = socket(AF_INET, SOCK_STREAM, 0);
  FORESEED_CHECK(connect(stream, reinterpret_cast<const sockaddr*>(&tcp), sizeof tcp) == 0);
  const int counter = eventfd(0, 0);
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const itimerspec each_second{{1, 0}, {1, 0}};
  timerfd_settime(timer, 0, &each_second, nullptr);
  const int set = epoll_create1(0);
  epoll_event wanted{EPOLLIN, {}};
  epoll_ctl(set, EPOLL_CTL_ADD, timer, &wanted);
  epoll_ctl(set, EPOLL_CTL_ADD, counter, &wanted);
  int ends[2];
  FORESEED_CHECK(pipe(ends) == 0);
  std::thread waits([&] {
    char byte;
    FORESEED_CHECK(read(ends[0], &byte, 1) == 1);
  });
  std::thread sleeps([] { std::this_thread::sleep_for(24h); });
  sleeps.detach();
  for (int i = 0; i < 10; ++i) {
    char bytes[100] = {};
    send(stream, bytes, sizeof bytes, MSG_NOSIGNAL);
    sendto(datagrams, bytes, sizeof bytes, 0, reinterpret_cast<const sockaddr*>(&udp), sizeof udp);
    sendto(datagrams, bytes, sizeof bytes, 0, reinterpret_cast<const sockaddr*>(&nobody), sizeof nobody);
    if (i == 5) server.crash();
    if (i == 6) FORESEED_CHECK(choose(4) != 3);
    if (i == 7) server.restart();
    epoll_wait(set, &wanted, 1, -1);
    std::uint64_t count;
    FORESEED_CHECK(read(timer, &count, sizeof count) == sizeof count);
  }
  FORESEED_CHECK(write(ends[1], "x", 1) == 1);
  waits.join();
}

std::size_t entries(const char* directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

struct Process {
  std::size_t threads = entries("/proc/self/task");
  std::size_t descriptors = entries("/proc/self/fd");
  std::size_t allocated = mallinfo2().uordblks;
  std::size_t resident = [] {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t pages = 0;
    file >> total >> pages;
    return pages * 4096;
  }();
};

TEST(World, is_gone_without_trace_after_a_thousand_executions) {
  const RunSeries series;
  std::uint64_t seed = 0;
  const auto failures_of = [&](int executions) {
    int failures = 0;
    while (executions-- != 0) {
      const Execution execution = run_seed(untidy_world, seed++);
      if (!execution.finding) continue;
      EXPECT_EQ(execution.finding->kind, FindingKind::check_failed) << execution.finding->message;
      ++failures;
    }
    return failures;
  };
  failures_of(200);
  const Process before;
  const int failures = failures_of(1000);
  const Process after;
  EXPECT_GT(failures, 150);
  EXPECT_LT(failures, 350);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_LT(after.allocated, before.allocated + 64 * 1024);
  EXPECT_LT(after.resident, before.resident + 1024 * 1024);
}

// What a world that leaks would leave in the process.

constexpr int left_descriptor = 100;  // free, and none of the simulator's

void leaves_a_descriptor() {
  FORESEED_CHECK(past_the_simulator(SYS_dup2, 0, left_descriptor) == left_descriptor);
}

__attribute__((noinline, no_sanitize("thread"))) void waits_for_ever() {
  for (long result;;) asm volatile("syscall" : "=a"(result) : "a"(SYS_pause) : "rcx", "r11", "memory");
}

/// A thread that the simulator knows nothing of, as vfork() makes one but of this process; it waits for ever.
void leaves_a_thread() {
  alignas(16) static std::uintptr_t stack[512];
  constexpr long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  std::uintptr_t* const top = stack + std::size(stack) - 2;
  *top = reinterpret_cast<std::uintptr_t>(&waits_for_ever);  // where libc's syscall() returns to there
  FORESEED_CHECK(past_the_simulator(SYS_clone, flags, reinterpret_cast<long>(top)) > 0);
}

/// Writes past instrumentation over what the heap keeps before a block: whose it is. So it goes off the wrong ledger.
void falsifies_a_ledger() {
  auto* const block = new char[100];
  asm volatile("movw $1, -10(%0)" ::"r"(block) : "memory");
  delete[] block;
}

TEST(WorldDeathTest, what_an_execution_leaves_behind_ends_the_process_with_its_name) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [](void (*body)()) {
    const RunSeries series;
    run_seed(body, 7);
  };
  using ::testing::ExitedWithCode;
  EXPECT_EXIT(run(leaves_a_descriptor), ExitedWithCode(70),
              "internal error: an execution of test \\(seed 7\\) left behind: descriptor 100 \\(.*\\)\\. ");
  EXPECT_EXIT(run(leaves_a_thread), ExitedWithCode(70), "left behind: 1 thread\\. ");
  EXPECT_EXIT(run(falsifies_a_ledger), ExitedWithCode(70), "left behind: 2 hosts whose ledger of memory is wrong\\. ");
}

TEST(WorldDeathTest, what_executions_leave_behind_is_seen_in_a_long_series_too) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leaves_descriptors_later = [] {
    const RunSeries series;
    run_seed([] {}, 0);
    for (std::uint64_t seed = 1; seed < 200; ++seed) {
      run_seed([] {
        std::mutex mutex;
        for (int i = 0; i < 10'000; ++i) const std::lock_guard lock(mutex);
        past_the_simulator(SYS_dup, 0, 0);
      }, seed);
    }
  };
  EXPECT_EXIT(leaves_descriptors_later(), ::testing::ExitedWithCode(70), "left behind: descriptor ");
}

/// Memory that is mapped lies at the same place in every execution, holds nothing of the one before, and is gone after it.
void maps_memory() {
  for (int i = 0; i < 10; ++i) {
    void* const got = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FORESEED_CHECK(got != MAP_FAILED);
    char* const bytes = static_cast<char*>(got);
    FORESEED_CHECK(bytes[0] == 0 && bytes[(1 << 20) - 1] == 0);
    bytes[0] = bytes[(1 << 20) - 1] = 'x';
    note(std::to_string(reinterpret_cast<std::uintptr_t>(got)));
  }
}

TEST(World, takes_along_the_memory_that_it_mapped) {
  const RunSeries series;
  const std::uint64_t first = run_seed(maps_memory, 0).fingerprint;
  const Process before;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(run_seed(maps_memory, 0).fingerprint, first);
  EXPECT_LT(Process().resident, before.resident + 64 * 1024);
}

TEST(World, leaves_the_same_behind_whatever_ran_before_it) {
  const RunSeries series;
  const std::uint64_t alone = run_seed(untidy_world, 7).fingerprint;
  for (std::uint64_t seed = 0; seed < 20; ++seed) run_seed(untidy_world, seed);
  EXPECT_EQ(run_seed(untidy_world, 7).fingerprint, alone);
}

/// Datagrams that have arrived take no memory, in an execution of any length.
void many_datagrams() {
  const int from = socket(AF_INET, SOCK_DGRAM, 0);
  const int to = bound(SOCK_DGRAM, 53);
  const sockaddr_in there = address_of(0, 53);
  for (int i = 0; i < 50'000; ++i) {
    char bytes[100] = {};
    sendto(from, bytes, sizeof bytes, 0, reinterpret_cast<const sockaddr*>(&there), sizeof there);
    FORESEED_CHECK(recv(to, bytes, sizeof bytes, 0) == sizeof bytes);
  }
}

TEST(World, forgets_datagrams_that_have_arrived) {
  const RunSeries series;
  run_seed(untidy_world, 0);  // maps what any execution needs
  const Process before;
  EXPECT_FALSE(run_seed(many_datagrams, 0).finding);
  EXPECT_LT(Process().resident, before.resident + 8 * 1024 * 1024);
}

}  // namespace
}  // namespace foreseed::testing
