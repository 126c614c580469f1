#pragma once

namespace foreseed {

class World;

// See the files of these names.
void install_host_files(World& world);
void install_process_state(World& world);
void install_inline_calls(World& world);

}  // namespace foreseed
