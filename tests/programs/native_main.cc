// Runs every program natively, but for those of virtual time: native_main
// [times [name...]]. Prints those that fail; exit status 1 if any did.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "programs.h"

#if defined(__SANITIZE_THREAD__)
#define NATIVE_MAIN_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NATIVE_MAIN_TSAN 1
#endif
#endif
#ifndef NATIVE_MAIN_TSAN
#define NATIVE_MAIN_TSAN 0
#endif

#if NATIVE_MAIN_TSAN
// Some programs unlock what is not theirs, to see that refused.
extern "C" const char* __tsan_default_options() { return "report_mutex_bugs=0"; }
#endif

namespace {

bool run_once(const programs::Program& program) {
  try {
    program.run();
    return true;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
  }
  std::fflush(stdout);
  return false;
}

// In a process of its own, where nothing has been initialised yet. Only this
// thread is there to be copied.
bool run_once_in_child(const programs::Program& program) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const bool right = run_once(program);
    std::fflush(stdout);
    _exit(right ? 0 : 1);
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status)) std::printf("%s: ended by signal %d\n", program.name, WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_asked_for(const programs::Program& program, int count, char** names) {
  if (count == 0) return !program.virtual_only && !(NATIVE_MAIN_TSAN && (program.beyond_tsan || program.library_defect));
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(program.name, names[i]) == 0) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const int times = argc > 1 ? std::atoi(argv[1]) : 20;
  const bool verbose = std::getenv("NATIVE_MAIN_TIMES") != nullptr;
  int failures = 0;
  int run = 0;
  for (const auto& program : programs::all()) {
    if (!is_asked_for(program, argc > 2 ? argc - 2 : 0, argv + 2)) continue;
    ++run;
    const auto start = std::chrono::steady_clock::now();
    int failed = 0;
    for (int i = 0; i < times; ++i) {
      alarm(60);  // a hang ends the process, by SIGALRM
      const bool in_child = program.first_run_differs || program.library_defect;
      if (!(in_child ? run_once_in_child(program) : run_once(program))) ++failed;
    }
    alarm(0);
    if (failed > 0) {
      std::printf("FAILED %s: %d of %d\n", program.name, failed, times);
      ++failures;
    }
    if (verbose) {
      const std::chrono::duration<double, std::milli> span = std::chrono::steady_clock::now() - start;
      std::printf("%8.3f ms each  %s\n", span.count() / times, program.name);
    }
    std::fflush(stdout);
  }
  std::printf("%d programs, %d times each: %d failed\n", run, times, failures);
  return failures == 0 ? 0 : 1;
}
