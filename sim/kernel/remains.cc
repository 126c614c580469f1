#include "kernel/remains.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "kernel/thread_state.h"

namespace foreseed {

namespace {

/// As /proc counts them: one link of the directory for each. The same number of them at any time are no threads.
std::size_t thread_links() {
  struct stat found {};
  return stat("/proc/self/task", &found) == 0 ? found.st_nlink : 0;
}

std::string name_of(int descriptor) {
  char target[PATH_MAX];
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), target, sizeof target);
  return length < 0 ? "gone by now" : std::string(target, static_cast<std::size_t>(length));
}

}  // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  state.threads = thread_links() - ThreadStates::get().lenders();
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return state;
  while (const dirent* const entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const int descriptor = std::atoi(entry->d_name);
    if (descriptor != dirfd(directory)) state.descriptors.push_back(descriptor);
  }
  closedir(directory);
  std::sort(state.descriptors.begin(), state.descriptors.end());
  return state;
}

std::string remains_since(const ProcessState& before) {
  const ProcessState after = ProcessState::now();
  std::string left;
  const auto add = [&left](const std::string& what) { left += (left.empty() ? "" : ", ") + what; };
  for (const int descriptor : after.descriptors) {
    if (std::binary_search(before.descriptors.begin(), before.descriptors.end(), descriptor)) continue;
    add("descriptor " + std::to_string(descriptor) + " (" + name_of(descriptor) + ')');
  }
  if (after.threads > before.threads) {
    const std::size_t threads = after.threads - before.threads;
    add(std::to_string(threads) + (threads == 1 ? " thread" : " threads"));
  }
  return left;
}

}  // namespace foreseed
