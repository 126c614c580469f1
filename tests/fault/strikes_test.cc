// What faults of hosts do to programs that know nothing of them, and faults that strike in the middle of things.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "foreseed/faults.h"
#include "foreseed/point.h"
#include "http_pair.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

void expect_holds(void (*body)(), std::uint64_t runs = 20) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const Execution execution = run_seed(body, seed);
    ASSERT_FALSE(execution.finding.has_value()) << "seed " << seed << ": " << execution.finding->message;
    if (seed % 5 == 0) {
      EXPECT_EQ(run_seed(body, seed).fingerprint, execution.fingerprint);
    }
  }
}

/// The notes that `body` makes over many seeds, one text for each execution.
std::set<std::string> outcomes(void (*body)(), std::uint64_t runs) {
  std::set<std::string> all;
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const Execution execution = run_seed(body, seed, true);
    EXPECT_FALSE(execution.finding) << "seed " << seed << ": " << execution.finding->message;
    std::string text;
    for (const Event& event : execution.recording->events) {
      if (event.op == Op::note) text += execution.recording->texts[event.text] + " ";
    }
    all.insert(text);
  }
  return all;
}

void serve_for_ever() {
  httplib::Server http;
  http.Get("/hi", [](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); });
  http.Get("/big", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(100'000, 'x'), "text/plain");
  });
  http.bind_to_port("0.0.0.0", 8080);
  http.listen_after_bind();
}

std::unique_ptr<httplib::Client> client() {
  auto made = std::make_unique<httplib::Client>("web", 8080);
  made->set_read_timeout(5s);
  return made;
}

TEST(Links, a_truncated_stream_ends_early_and_cleanly) {
  expect_holds([] {
    Host web("web", serve_for_ever);
    std::this_thread::sleep_for(100ms);
    FORESEED_CHECK(client()->Get("/big")->body.size() == 100'000);
    FaultPlan().truncate({"web"}, {"client"}, {0s, 10s}, 1000).start();
    std::this_thread::sleep_for(1s);
    const auto cut = client()->Get("/big");
    FORESEED_CHECK(!cut && cut.error() == httplib::Error::Read);
    FORESEED_CHECK(client()->Get("/hi")->body == "hello");  // fits
    std::this_thread::sleep_for(10s);
    FORESEED_CHECK(client()->Get("/big")->body.size() == 100'000);
  });
}

TEST(Links, a_half_open_connection_is_noticed_by_who_sends) {
  expect_holds([] {
    Host web("web", serve_for_ever);
    std::this_thread::sleep_for(100ms);
    const auto kept = client();
    kept->set_keep_alive(true);
    FORESEED_CHECK(kept->Get("/hi")->status == 200);
    const int fd = static_cast<int>(kept->socket());
    FaultPlan().half_open({"web"}, {"client"}, 1s).start();
    std::this_thread::sleep_for(2s);
    char byte;
    FORESEED_CHECK(recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1 && errno == EAGAIN);  // silence
    FORESEED_CHECK(send(fd, "G", 1, MSG_NOSIGNAL) == 1);
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == ECONNRESET);
  });
}

/// Ten locked sections on a host of its own, and how long they took.
steady_clock::duration time_of_ten_sections(const FaultPlan& plan) {
  steady_clock::duration took{};
  plan.start();
  Host worker("worker", [&] {
    std::this_thread::sleep_for(1ms);
    const auto start = steady_clock::now();
    std::mutex mutex;
    for (int i = 0; i < 10; ++i) const std::lock_guard lock(mutex);
    took = steady_clock::now() - start;
  });
  worker.join();
  return took;
}

TEST(Hosts, a_slow_processor_takes_time_for_each_step) {
  expect_holds([] {
    FORESEED_CHECK(time_of_ten_sections({}) == 0ns);
    const auto took = time_of_ten_sections(FaultPlan().slow_cpu("worker", {}, 3ms));
    FORESEED_CHECK(took >= 30ms && took < 100ms);
  });
}

TEST(Hosts, stalls_hold_up_one_task_while_the_others_go_on) {
  expect_holds([] {
    int turns = 0;
    std::mutex mutex;
    bool held = false;
    steady_clock::duration took{};
    FaultPlan().stall("worker", {}, 10s, 1).in_the_middle(2).start();
    Host worker("worker", [&] {
      std::this_thread::sleep_for(1ms);
      const auto start = steady_clock::now();
      for (int i = 0; i < 3; ++i) {
        const std::lock_guard lock(mutex);
        held = true;
      }
      took = steady_clock::now() - start;
    });
    std::thread watcher([&] {
      for (int i = 0; i < 5; ++i, ++turns) std::this_thread::sleep_for(1s);
    });
    watcher.join();
    worker.join();
    FORESEED_CHECK(turns == 5 && held && took == 10s);
  });
}

TEST(Hosts, a_crash_in_the_middle_of_things_is_seen_at_every_step) {
  const auto body = [] {
    int step = 0;
    Host worker("worker", [&] {
      std::mutex mutex;
      for (; step < 4; ++step) const std::lock_guard lock(mutex);
    });
    FaultPlan().crash("worker", {}).in_the_middle(1 + choose(16)).start();
    worker.join();
    note(std::to_string(step));
  };
  EXPECT_EQ(outcomes(body, 300), (std::set<std::string>{"0 ", "1 ", "2 ", "3 ", "4 "}));
}

int write_until_it_fails(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return errno;
  const std::string block(1000, 'x');
  int error = 0;
  for (int i = 0; i < 20 && error == 0; ++i) {
    if (write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size())) error = errno;
  }
  close(fd);
  return error;
}

TEST(Hosts, that_restart_know_what_their_earlier_life_knew_whoever_restarts_them) {
  expect_holds([] {
    // It is the one that runs when the fault ends, and knows nothing of what comes after its own start.
    Host other("other", [] {
      for (int i = 0; i < 100; ++i) std::this_thread::sleep_for(1ms);
    });
    const int told = choose(2) == 0 ? 1 : 2;
    int lives = 0;
    Host node("node", [&] {
      lives += told;
      std::this_thread::sleep_for(1s);
    });
    FaultPlan().crash("node", {10ms, 50ms}).start();
    std::this_thread::sleep_for(100ms);
    node.join();
    FORESEED_CHECK(lives == 2 * told);
  });
}

TEST(Hosts, disks_are_full_for_a_while) {
  expect_holds([] {
    FaultPlan().disk_full("client", {1s, 2s}, 5000).start();
    FORESEED_CHECK(write_until_it_fails("/tmp/a") == 0);
    std::this_thread::sleep_for(1500ms);
    FORESEED_CHECK(write_until_it_fails("/tmp/b") == ENOSPC);
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(write_until_it_fails("/tmp/b") == 0);
  });
}

TEST(Hosts, disks_fail_for_a_while) {
  expect_holds([] {
    FaultPlan().disk_error("client", {1s, 2s}, 0.5).start();
    FORESEED_CHECK(write_until_it_fails("/tmp/a") == 0);
    std::this_thread::sleep_for(1500ms);
    FORESEED_CHECK(write_until_it_fails("/tmp/b") == EIO);
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(write_until_it_fails("/tmp/b") == 0);
  });
}

TEST(Hosts, memory_runs_out_on_one_of_them_only) {
  expect_holds([] {
    const auto largest = [] {
      std::size_t size = 0;
      try {
        for (std::vector<std::unique_ptr<char[]>> kept; size < 1'000'000; size += 1000) {
          kept.push_back(std::make_unique<char[]>(1000));
        }
      } catch (const std::bad_alloc&) {
      }
      return size;
    };
    FaultPlan().no_memory("small", {}, 50'000).start();
    std::size_t here = 0;
    std::size_t there = 0;
    std::this_thread::sleep_for(1ms);
    Host small("small", [&] { there = largest(); });
    small.join();
    here = largest();
    FORESEED_CHECK(there > 20'000 && there <= 50'000 && here == 1'000'000);
  });
}

TEST(Hosts, descriptors_run_out) {
  expect_holds([] {
    FaultPlan().no_descriptors("client", {1s, 2s}, 2).start();
    std::this_thread::sleep_for(1500ms);
    int ends[2];
    FORESEED_CHECK(pipe(ends) == 0 && usage("client").descriptors == 2);
    FORESEED_CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE);
    close(ends[0]);
    close(ends[1]);
    FORESEED_CHECK(usage("client").descriptors == 0);
    std::this_thread::sleep_for(1s);
    const int fds[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
    for (const int fd : fds) FORESEED_CHECK(fd >= 0 && close(fd) == 0);
  });
}

TEST(Hosts, what_they_use_is_counted) {
  expect_holds([] {
    bool go = false;
    Host other("other", [&] {
      const std::vector<char> block(10'000);
      asm volatile("" ::"r"(block.data()));  // it is really allocated
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      std::thread thread([] { std::this_thread::sleep_for(10s); });
      std::this_thread::sleep_for(2s);
      go = fd >= 0;
      thread.join();
      close(fd);
    });
    std::this_thread::sleep_for(1s);
    const HostUsage used = usage("other");
    FORESEED_CHECK(used.tasks == 2 && used.descriptors == 1 && used.heap_bytes >= 10'000 && used.heap_bytes < 20'000);
    other.kill();
    other.join();
    const HostUsage left = usage("other");
    FORESEED_CHECK(!go && left.tasks == 0 && left.descriptors == 0);
  });
}

// --- timers on a wall clock that is set

std::int64_t wall_seconds() { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); }

int wall_timer(std::int64_t at_seconds, time_t each_seconds, int flags) {
  const int timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  const itimerspec time{{each_seconds, 0}, {at_seconds, 0}};
  FORESEED_CHECK(timerfd_settime(timer, flags, &time, nullptr) == 0);
  return timer;
}

/// How long until the timer can be read, and what is read: a count, or the negative error.
std::pair<steady_clock::duration, std::int64_t> next_of(int timer) {
  const auto start = steady_clock::now();
  pollfd entry{timer, POLLIN, 0};
  FORESEED_CHECK(poll(&entry, 1, 1'000'000) == 1);
  std::uint64_t count = 0;
  const bool read_one = read(timer, &count, sizeof count) == sizeof count;
  return {steady_clock::now() - start, read_one ? static_cast<std::int64_t>(count) : -errno};
}

TEST(Clocks, a_timer_on_the_wall_clock_follows_when_that_is_set) {
  expect_holds([] {
    using Next = std::pair<steady_clock::duration, std::int64_t>;
    const std::int64_t now = wall_seconds();
    // Absolute, set forwards: sooner. Relative: as it was.
    const int absolute = wall_timer(now + 100, 0, TFD_TIMER_ABSTIME);
    const int relative = wall_timer(100, 0, 0);
    FaultPlan().step_clock("client", 10s, 60s).start();
    FORESEED_CHECK(next_of(absolute) == Next(40s, 1) && next_of(relative) == Next(60s, 1));
    // Set back: later. Past it: at once, with all that would have been counted.
    const int later = wall_timer(wall_seconds() + 20, 0, TFD_TIMER_ABSTIME);
    FaultPlan().step_clock("client", 10s, -30s).start();
    FORESEED_CHECK(next_of(later) == Next(50s, 1));
    const int each = wall_timer(wall_seconds() + 20, 10, TFD_TIMER_ABSTIME);
    FaultPlan().step_clock("client", 10s, 35s).start();
    FORESEED_CHECK(next_of(each) == Next(10s, 3) && next_of(each) == Next(5s, 1));
    for (const int timer : {absolute, relative, later, each}) close(timer);
  });
}

TEST(Clocks, are_set_from_inside_each_host_its_own) {
  expect_holds([] {
    Host server("server", [] {
      const auto steady = steady_clock::now();
      const std::int64_t before = wall_seconds();
      const timespec later{before + 3600, 0};
      FORESEED_CHECK(clock_settime(CLOCK_REALTIME, &later) == 0 && wall_seconds() == before + 3600);
      std::this_thread::sleep_for(10s);
      FORESEED_CHECK(wall_seconds() == before + 3610 && steady_clock::now() - steady == 10s);
      const timeval earlier{before - 60, 500'000};
      FORESEED_CHECK(settimeofday(&earlier, nullptr) == 0 && wall_seconds() == before - 60);
      FORESEED_CHECK(clock_settime(CLOCK_MONOTONIC, &later) == -1 && errno == EINVAL);
    });
    const std::int64_t before = wall_seconds();
    std::this_thread::sleep_for(10s);
    FORESEED_CHECK(wall_seconds() == before + 10);
    server.join();
  });
}

void slews_its_clock() {
  const timeval by{1, 0};
  adjtime(&by, nullptr);
}

TEST(Clocks, are_not_slewed_from_inside) {
  const auto finding = first_finding(slews_its_clock, 1);
  ASSERT_TRUE(finding.has_value());
  EXPECT_EQ(finding->kind, FindingKind::unsupported);
  EXPECT_NE(finding->message.find("adjtime"), std::string::npos) << finding->message;
}

TEST(Clocks, a_timer_is_cancelled_where_it_asks_for_that) {
  expect_holds([] {
    using Next = std::pair<steady_clock::duration, std::int64_t>;
    const std::int64_t now = wall_seconds();
    const int timer = wall_timer(now + 100, 0, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    const int deaf = wall_timer(100, 0, TFD_TIMER_CANCEL_ON_SET);  // not absolute
    FaultPlan().step_clock("client", 10s, -1s).start();
    FORESEED_CHECK(next_of(timer) == Next(10s, -ECANCELED));
    FORESEED_CHECK(next_of(timer) == Next(91s, 1) && next_of(deaf) == Next(0s, 1));  // it was still armed
    close(timer);
    close(deaf);
  });
}

// --- marks in the code under test

/// Moves money in two steps; a mark between them.
struct Bank {
  int from = 100;
  int to = 0;
  bool move(int amount) {
    if (FORESEED_POINT("bank.before")) return false;
    from -= amount;
    if (FORESEED_POINT("bank.between")) {
      from += amount;
      return false;
    }
    to += amount;
    return true;
  }
};

TEST(Points, do_nothing_without_a_plan_and_natively) {
  Bank native;
  EXPECT_TRUE(native.move(10));
  expect_holds([] {
    Bank bank;
    FORESEED_CHECK(bank.move(10) && bank.from == 90 && bank.to == 10);
  });
}

TEST(Points, fail_where_a_plan_says_so) {
  expect_holds([] {
    Bank bank;
    FaultPlan().fail("bank.between", "client", {0s, 1s}).start();
    std::this_thread::sleep_for(1ms);
    FORESEED_CHECK(!bank.move(10) && bank.from == 100 && bank.to == 0);
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(bank.move(10));
  });
}

/// cpp-httplib knows nothing of the mark in its handler: it makes an answer of the exception.
TEST(Points, fail_below_a_compiled_server) {
  expect_holds([] {
    Host web("web", [] {
      httplib::Server http;
      http.Get("/order", [](const httplib::Request&, httplib::Response& response) {
        if (FORESEED_POINT("orders.commit")) throw std::runtime_error("not committed");
        response.set_content("done", "text/plain");
      });
      http.bind_to_port("0.0.0.0", 8080);
      http.listen_after_bind();
    });
    std::this_thread::sleep_for(100ms);
    FORESEED_CHECK(client()->Get("/order")->status == 200);
    FaultPlan().fail("orders.commit", "web", {0s, 1s}).start();
    std::this_thread::sleep_for(1ms);
    FORESEED_CHECK(client()->Get("/order")->status == 500);
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(client()->Get("/order")->body == "done");
  });
}

TEST(Points, are_places_to_crash_at) {
  expect_holds([] {
    Bank bank;
    Host worker("worker", [&] {
      for (;;) {
        std::this_thread::sleep_for(1s);
        bank.move(10);
      }
    });
    FaultPlan().kill("worker", {}).in_the_middle(3, "bank.between").start();
    worker.join();
    FORESEED_CHECK(bank.from == 70 && bank.to == 20);
  });
}

// --- drawn plans, and what holds after them

TEST(Eventually, comes_after_the_faults) {
  expect_holds([] {
    Host web("web", serve_for_ever);
    FaultPlan().crash("web", {1s, 20s}).partition({"client"}, {}, {5s, 40s}).start();
    const auto start = steady_clock::now();
    FORESEED_EVENTUALLY(client()->Get("/hi")->status == 200, 10s);
    FORESEED_CHECK(steady_clock::now() - start >= 40s);
  });
}

TEST(Eventually, fails_where_it_does_not_come) {
  const Execution execution = run_seed(
      [] {
        FaultPlan().slow({"client"}, {}, {1s, 2s}, 5ms).start();
        FORESEED_EVENTUALLY(false, 30s);
      },
      0);
  ASSERT_TRUE(execution.finding.has_value());
  EXPECT_NE(execution.finding->message.find("FORESEED_EVENTUALLY(false)"), std::string::npos) << execution.finding->message;
  EXPECT_EQ(execution.virtual_ns, 32'000'000'000u);
}

void drawn_world() {
  Host web("web", [] {
    try {
      serve_for_ever();
    } catch (const std::exception&) {  // no memory, no descriptors
    }
  });
  FORESEED_EVENTUALLY(true, 1s);
}

TEST(Drawn, every_kind_is_enrolled_or_not_and_kept_within_its_budget) {
  const RunSeries series;
  std::set<std::string> kinds;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    RunOptions options;
    options.seed = seed;
    options.record = true;
    options.faults = "partition:1,slow,crash:2,kill,pause,stall,slow_cpu:1,disk_full,disk_error,no_descriptors,half_open,truncate";
    const Execution execution = run_once(scenario_of(drawn_world), options);
    ASSERT_FALSE(execution.finding.has_value()) << "seed " << seed << ": " << execution.finding->message;
    EXPECT_LE(execution.virtual_ns, 68'000'000'000u);
    int partitions = 0;
    int crashes = 0;
    for (const Event& event : execution.recording->events) {
      if (event.op != Op::fault) continue;
      const std::string& text = execution.recording->texts[event.text];
      if (text.find(" begins:") == std::string::npos) continue;
      kinds.insert(text.substr(0, text.find(' ')));
      partitions += text.starts_with("partition");
      crashes += text.starts_with("crash");
    }
    EXPECT_LE(partitions, 1);
    EXPECT_LE(crashes, 2);
  }
  EXPECT_EQ(kinds.size(), 12u);
}

}  // namespace
}  // namespace foreseed::testing
