// Disks as a scenario treats them.

#include <cstdio>
#include <cstdlib>

#include "api/foreseed/world.h"
#include "files/tree.h"
#include "net/network.h"

namespace foreseed {

namespace {

std::uint32_t host_of(std::string_view name) { return net::Network::get().machine_index(name); }

void only_inside() {
  if (simulated_code()) return;
  std::fputs("foreseed: crash_files, disk_capacity and disk_error are for use inside a scenario\n", stderr);
  std::abort();
}

}  // namespace

void crash_files(std::string_view host) {
  only_inside();
  const Entry entry;
  files::crash(host_of(host));
}

void disk_capacity(std::string_view host, std::uint64_t bytes) {
  only_inside();
  const Entry entry;
  files::set_capacity(host_of(host), bytes);
}

void disk_error(std::string_view host, int error, std::uint32_t after) {
  only_inside();
  const Entry entry;
  if (error <= 0) World::get().fail(FindingKind::misuse, "disk_error(): the error must be a positive errno value");
  files::fail_next(host_of(host), Op::count_, error, after);
}

}  // namespace foreseed
