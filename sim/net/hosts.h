#pragma once
// Programs on hosts: started, stopped, held up. Simulator code only; may be called while no task runs.

#include <cstdint>
#include <functional>

namespace foreseed::net {

/// Starts the program of a host, which is `main` (on the run's heap) or, if that is null, the one that ran there before.
void start_host(std::uint32_t host, std::function<void()>* main);
/// See foreseed::Host.
void kill_host(std::uint32_t host);
void crash_host(std::uint32_t host);
void pause_host(std::uint32_t host, bool on);
/// Whether any of the host's tasks is left.
bool is_running(std::uint32_t host);

}  // namespace foreseed::net
