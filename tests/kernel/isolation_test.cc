// Nothing leaks from one run into the next: globals, statics, memory allocated before the run, descriptors of a library (S4-02).

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

int counter = 0;
std::string text = "short";
std::map<int, int> table = {{1, 1}};
std::vector<int> numbers(1000, 7);

int& made_at_first_use() {
  static int* const value = new int(0);
  return *value;
}

void changes_globals() {
  FORESEED_CHECK(counter == 0);
  FORESEED_CHECK(text == "short");
  FORESEED_CHECK(table.size() == 1);
  FORESEED_CHECK(numbers[500] == 7 && numbers.size() == 1000);
  FORESEED_CHECK(made_at_first_use() == 0);
  ++counter;
  text = "a string that is long enough to be allocated from the heap of the run";
  table[2] = 2;
  table.erase(1);
  numbers[500] = 8;
  numbers.push_back(1);
  ++made_at_first_use();
  std::ostringstream out;
  out << 1.5 << std::boolalpha << true;
  FORESEED_CHECK(out.str() == "1.5true");
}

TEST(Isolation, globals_are_put_back_after_each_run) {
  EXPECT_FALSE(first_finding(changes_globals, 50).has_value());
  EXPECT_EQ(counter, 0);
  EXPECT_EQ(text, "short");
  EXPECT_EQ(table.at(1), 1);
  EXPECT_EQ(numbers.size(), 1000u);
}

TEST(Isolation, what_the_host_changes_between_runs_stays) {
  const RunSeries series;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(run_seed(changes_globals, 1).finding.has_value());
    EXPECT_EQ(numbers[2], 7 + i);
    ++numbers[2];
  }
  numbers[2] = 7;
}

int warm_ups = 0;
int* left = nullptr;
const WarmUp warm_up("what the tests of isolation find", [] {
  std::thread([] { left = new int(7); }).join();
  ++warm_ups;
});

void finds_what_the_warm_up_left() {
  FORESEED_CHECK(warm_ups == 1 && left != nullptr && *left == 7);
  ++warm_ups;
  *left = 8;
}

TEST(WarmUp, runs_once_and_every_execution_finds_what_it_left) {
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(first_finding(finds_what_the_warm_up_left, 20).has_value());
  EXPECT_EQ(warm_ups, 1);
  ASSERT_NE(left, nullptr);
  EXPECT_EQ(*left, 7);
}

TEST(WarmUp, that_fails_ends_the_process_and_says_which) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto fails = [] {
    const WarmUp bad("a table", [] { throw std::runtime_error("no such table"); });
    run_seed(finds_what_the_warm_up_left, 0);
  };
  EXPECT_EXIT(fails(), ::testing::ExitedWithCode(2), "warm-up \"a table\".*failed: no such table");
}

void draws_from_libc() {
  const int drawn[] = {std::rand(), static_cast<int>(lrand48())};
  FORESEED_CHECK(drawn[0] == 1804289383);  // what glibc's generator begins with, natively too
  FORESEED_CHECK(drawn[1] == 0);
  std::srand(42);
  const int again = std::rand();
  std::srand(42);
  FORESEED_CHECK(std::rand() == again);
}

TEST(Isolation, generators_of_libc_begin_anew) {
  std::srand(7);
  const int native = std::rand();
  std::srand(7);
  EXPECT_FALSE(first_finding(draws_from_libc, 5).has_value());
  EXPECT_EQ(std::rand(), native);  // a run does not draw from the process's
}

void changes_the_environment() {
  FORESEED_CHECK(std::getenv("FORESEED_TEST_NEW") == nullptr);
  const char* const home = std::getenv("FORESEED_TEST_OLD");
  FORESEED_CHECK(home != nullptr && std::string_view(home) == "old");
  setenv("FORESEED_TEST_NEW", "1", 1);
  setenv("FORESEED_TEST_OLD", "new", 1);
  static char own[] = "FORESEED_TEST_OWN=3";
  putenv(own);
  FORESEED_CHECK(std::getenv("FORESEED_TEST_OWN") == own + 18);
  unsetenv("PATH");
}

TEST(Isolation, the_environment_is_put_back) {
  setenv("FORESEED_TEST_OLD", "old", 1);
  const std::string path = std::getenv("PATH");
  EXPECT_FALSE(first_finding(changes_the_environment, 5).has_value());
  EXPECT_STREQ(std::getenv("FORESEED_TEST_OLD"), "old");
  EXPECT_EQ(std::getenv("FORESEED_TEST_NEW"), nullptr);
  EXPECT_EQ(std::getenv("FORESEED_TEST_OWN"), nullptr);
  EXPECT_EQ(std::getenv("PATH"), path);
}

void changes_what_signals_do() {
  struct sigaction action {};
  sigaction(SIGPIPE, nullptr, &action);
  FORESEED_CHECK(action.sa_handler == SIG_DFL);
  FORESEED_CHECK(std::signal(SIGPIPE, SIG_IGN) == SIG_DFL);
  action.sa_handler = [](int) {};
  for (const int signal : {SIGUSR1, SIGRTMAX}) {
    struct sigaction before {};
    FORESEED_CHECK(sigaction(signal, &action, &before) == 0 && before.sa_handler == SIG_DFL);
  }
  sigset_t mask, before, inherited;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  FORESEED_CHECK(pthread_sigmask(SIG_BLOCK, &mask, &before) == 0);
  FORESEED_CHECK(sigismember(&before, SIGTERM) == 0);
  std::thread([&] {
    sigset_t other;
    pthread_sigmask(SIG_SETMASK, nullptr, &inherited);
    sigfillset(&other);
    pthread_sigmask(SIG_SETMASK, &other, nullptr);
  }).join();
  FORESEED_CHECK(sigismember(&inherited, SIGTERM) == 1);
  sigprocmask(SIG_UNBLOCK, &mask, &before);
  FORESEED_CHECK(sigismember(&before, SIGTERM) == 1 && sigismember(&before, SIGUSR1) == 0);
}

TEST(Isolation, what_signals_do_is_put_back) {
  sigset_t before, after;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  EXPECT_FALSE(first_finding(changes_what_signals_do, 5).has_value());
  struct sigaction action {};
  sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  sigprocmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGTERM, SIGUSR1, SIGSEGV}) EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
}

int forks = 0;

void wants_to_hear_of_forks() {
  FORESEED_CHECK(pthread_atfork([] { ++forks; }, nullptr, nullptr) == 0);
}

TEST(Isolation, what_a_run_does_at_forks_ends_with_it) {
  EXPECT_FALSE(first_finding(wants_to_hear_of_forks, 3).has_value());
  const pid_t child = fork();
  if (child == 0) _exit(0);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(forks, 0);
}

void gives_up_half_way() {
  std::thread other([] { std::this_thread::sleep_for(std::chrono::hours(1)); });
  other.detach();
  std::vector<int> lost(100);
  ++counter;
  throw lost.size();
}

TEST(Isolation, a_run_that_is_given_up_leaves_nothing_behind) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_TRUE(run_seed(gives_up_half_way, seed).finding.has_value());
    EXPECT_FALSE(run_seed(changes_globals, seed).finding.has_value());
  }
}

// --- a library that is loaded within a run

std::vector<int> registered;  ///< by what is loaded

extern "C" __attribute__((visibility("default"))) void register_loaded(int number) { registered.push_back(number); }

void loads_and_counts() {
  FORESEED_CHECK(dlopen("no_such_library.so", RTLD_NOW) == nullptr && dlerror() != nullptr);
  void* const library = dlopen(LOADED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  FORESEED_CHECK(library != nullptr);
  const auto count = reinterpret_cast<int (*)()>(dlsym(library, "count_loaded"));
  FORESEED_CHECK(count != nullptr && dlsym(library, "nothing_of_the_kind") == nullptr);
  FORESEED_CHECK(count() == 43 && count() == 44);  // as its constructor left it, in each run
  FORESEED_CHECK(registered == std::vector<int>{17});
  registered.push_back(1);
  FORESEED_CHECK(dlclose(library) == 0);
}

TEST(Isolation, a_library_that_a_run_loads_is_the_same_in_each) {
  std::uint64_t first = 0;
  {
    const RunSeries series;
    for (std::uint64_t round = 0; round < 5; ++round) {
      const Execution execution = run_seed(loads_and_counts, 1);
      EXPECT_FALSE(execution.finding) << execution.finding->message;
      if (round == 0) first = execution.fingerprint;
      EXPECT_EQ(execution.fingerprint, first);
    }
  }
  EXPECT_EQ(registered, std::vector<int>{17});
}

void* loaded_before = nullptr;

void closes_what_was_loaded_before() {
  const auto count = reinterpret_cast<int (*)()>(dlsym(loaded_before, "count_loaded"));
  FORESEED_CHECK(count() == 43);
  FORESEED_CHECK(dlclose(loaded_before) == 0);
}

TEST(Isolation, a_library_that_was_loaded_before_the_run_stays) {
  loaded_before = dlopen(LOADED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(loaded_before, nullptr);
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Execution execution = run_seed(closes_what_was_loaded_before, seed);
    EXPECT_FALSE(execution.finding) << execution.finding->message;
  }
}

// --- files of the host that nobody closes

void leaves_files_open() {
  FORESEED_CHECK(open("/etc/passwd", O_RDONLY) >= 0);
  FORESEED_CHECK(dup(open("/etc/group", O_RDONLY)) >= 0);
  static FILE* file;
  static DIR* directory;
  file = fopen("/etc/passwd", "r");
  directory = opendir("/etc/ssl");
  FORESEED_CHECK(file != nullptr && fgetc(file) != EOF && directory != nullptr && readdir(directory) != nullptr);
  const int fd = open("/etc/group", O_RDONLY);
  FILE* const closed = fdopen(fd, "r");
  FORESEED_CHECK(fclose(closed) == 0 && fcntl(fd, F_GETFD) == -1);
}

void is_killed_with_a_file_open() {
  Host host("server", [] {
    const int fd = open("/etc/passwd", O_RDONLY);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    close(fd);
  });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  host.kill();
}

TEST(Isolation, files_of_the_host_are_closed_where_the_program_does_not) {
  struct stat first {};
  for (void (*const body)() : {leaves_files_open, is_killed_with_a_file_open}) {
    const RunSeries series;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Execution execution = run_seed(body, seed);
      EXPECT_FALSE(execution.finding) << execution.finding->message;
    }
  }
  int open_ones = 0;
  for (int fd = 0; fd < 100; ++fd) open_ones += fstat(fd, &first) == 0;
  EXPECT_LT(open_ones, 20);
}

// --- values of keys: destroyed where a thread ends, and not where main() returns

int* const destroyed =
    static_cast<int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

template <bool by_exit>
void sets_values() {
  pthread_key_t key;
  pthread_key_create(&key, [](void*) { ++*destroyed; });
  pthread_setspecific(key, destroyed);
  std::thread([key] { pthread_setspecific(key, destroyed); }).join();
  if (by_exit) pthread_exit(nullptr);
}

TEST(Keys, values_of_the_main_thread_outlive_it_unless_it_calls_pthread_exit) {
  EXPECT_FALSE(run_seed(sets_values<false>, 0).finding);
  EXPECT_EQ(*destroyed, 1);
  EXPECT_FALSE(run_seed(sets_values<true>, 0).finding);
  EXPECT_EQ(*destroyed, 3);
}

}  // namespace
}  // namespace foreseed::testing
