#include "fault/run.h"
#include "files/tree.h"
#include "intercept/install.h"
#include "io/descriptors.h"
#include "kernel/world.h"
#include "memory/install.h"
#include "net/network.h"
#include "sync/sync.h"

namespace foreseed {

void install_rooms(World& world) {
  memory::install(world);
  sync::install(world);
  io::install(world);
  files::install(world);
  net_install();
  fault::install(world);
  install_host_files(world);
  install_process_state(world);
  install_inline_calls(world);
}

}  // namespace foreseed
