#include "campaign/child.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "kernel/crash.h"
#include "kernel/time_stamps.h"

namespace foreseed {

namespace {

constexpr int threw_status = 123;
constexpr int gave_up_status = 70;  ///< by a fault of foreseed's, which it has told

void write_all(int file, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = write(file, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) std::_Exit(threw_status);
    at += static_cast<std::size_t>(written);
  }
}

std::string read_all(int file) {
  std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t got = pread(file, text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got <= 0) break;
    at += static_cast<std::size_t>(got);
  }
  return text;
}

/// Waits for the child to end; false: it was killed because it made no progress.
bool wait_for(pid_t child, const unsigned long* beats, double seconds, int& status) {
  using Clock = RealClock;
  unsigned long seen = 0;
  auto since = Clock::now();
  useconds_t pause = 50;
  while (waitpid(child, &status, WNOHANG) == 0) {
    usleep(pause);
    pause = std::min<useconds_t>(pause * 2, 2000);
    if (const unsigned long now = __atomic_load_n(beats, __ATOMIC_RELAXED); now != seen) {
      seen = now;
      since = Clock::now();
    }
    if (seconds > 0 && std::chrono::duration<double>(Clock::now() - since).count() > seconds) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return false;
    }
  }
  return true;
}

}  // namespace

void settle_in_child(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) std::_Exit(0);  // it ended meanwhile
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
}

std::string describe_end(int status, bool& hung) {
  hung = WIFEXITED(status) && WEXITSTATUS(status) == hang_status;
  if (hung) return "made no step within the limit of real time, within the simulator";
  if (WIFEXITED(status) && WEXITSTATUS(status) == gave_up_status) {
    throw std::runtime_error("a process that ran executions gave up; why is said above");
  }
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

ChildResult in_child(const std::function<std::string()>& work, double seconds) {
  const int file = memfd_create("foreseed", MFD_CLOEXEC);
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = file < 0 || page == MAP_FAILED ? -1 : fork();
  if (child < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  struct Shared {
    unsigned long beats;
    bool done;  ///< `work` returned: the code under test may end its process with status 0
  };
  auto* const shared = static_cast<Shared*>(page);
  if (child == 0) {
    settle_in_child(parent);
    heartbeat = &shared->beats;
    try {
      write_all(file, work());
      __atomic_store_n(&shared->done, true, __ATOMIC_RELAXED);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "foreseed: %s\n", error.what());
      std::_Exit(threw_status);
    }
    std::fflush(nullptr);
    std::_Exit(0);
  }
  int status = 0;
  ChildResult result;
  // The child finds most hangs itself; a long time without a beat of its timer is one of the rest, or, in between two
  // executions, much to do on a busy machine.
  result.hung = !wait_for(child, &shared->beats, seconds > 0 ? seconds * 3 + 30 : 0, status);
  if (result.hung) {
    result.how = "made no step within the limit of real time";
  } else if (__atomic_load_n(&shared->done, __ATOMIC_RELAXED)) {
    result.ended_well = true;
    result.output = read_all(file);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == threw_status) {
    close(file);
    munmap(page, 4096);
    throw std::runtime_error("a process that was to run an execution failed; its message is above");
  } else {
    result.how = describe_end(status, result.hung);
  }
  close(file);
  munmap(page, 4096);
  return result;
}

}  // namespace foreseed
