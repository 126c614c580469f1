#include "intercept/host_files.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "intercept/install.h"
#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

namespace {

std::vector<int> descriptors;
std::vector<FILE*> streams;
std::vector<DIR*> directories;

template <typename What>
What opened(std::vector<What>& all, What what, bool good) {
  if (!good || !simulated_code()) return what;
  const Entry entry;
  all.push_back(what);
  return what;
}

template <typename What>
void closed(std::vector<What>& all, What what) {
  if (all.empty() || !simulated_code()) return;
  const Entry entry;
  std::erase(all, what);
}

}  // namespace

int foreseed::opened_on_host(int fd) { return opened(descriptors, fd, fd >= 0); }
FILE* foreseed::opened_on_host(FILE* stream) { return opened(streams, stream, stream != nullptr); }
DIR* foreseed::opened_on_host(DIR* stream) { return opened(directories, stream, stream != nullptr); }

void foreseed::closed_on_host(int fd) { closed(descriptors, fd); }
void foreseed::closed_on_host(FILE* stream) { closed(streams, stream); }
void foreseed::closed_on_host(DIR* stream) { closed(directories, stream); }

void foreseed::install_host_files(World& world) {
  RunHooks hooks;
  hooks.end = [] {
    for (FILE* const stream : std::exchange(streams, {})) REAL(fclose)(stream);
    for (DIR* const stream : std::exchange(directories, {})) REAL(closedir)(stream);
    for (const int fd : std::exchange(descriptors, {})) REAL(close)(fd);
  };
  world.add_hooks(hooks);
}
