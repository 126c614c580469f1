// What a host has in use: known to several rooms.

#include <cstdio>
#include <cstdlib>

#include "api/foreseed/world.h"
#include "io/descriptors.h"
#include "memory/heap.h"
#include "net/network.h"

namespace foreseed {

HostUsage usage(std::string_view host) {
  if (!simulated_code()) {
    std::fputs("foreseed: usage() is for use inside a scenario\n", stderr);
    std::abort();
  }
  const Entry entry;
  const std::uint32_t index = net::Network::get().machine_index(host);
  HostUsage usage;
  World& world = World::get();
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    usage.tasks += world.task(i).host == index && !world.task(i).finished;
  }
  usage.descriptors = io::open_count(index);
  usage.heap_bytes = memory::bytes_of(index);
  return usage;
}

}  // namespace foreseed
