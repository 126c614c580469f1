#pragma once

namespace foreseed {

class World;

/// See process_state.cc.
void install_process_state(World& world);

}  // namespace foreseed
