#pragma once
// The world that a scenario puts its code into: hosts with clocks of their own, and links between them.
//
// Everything here is called from inside a simulation. Durations are of virtual time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include <foreseed/export.h>

namespace foreseed {

using std::chrono::nanoseconds;

/// A named machine and the program on it.
///
/// The constructor starts `main` as the first task of the host `name`, which is made if it is new; hosts are reached by
/// that name, and have an address of their own. Threads that `main` starts run on the same host. The scenario's body
/// itself runs on the host "client", which cannot be stopped. All hosts of a world share the program's globals.
class FORESEED_API Host {
 public:
  explicit Host(std::string_view name, std::function<void()> main);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  /// Waits until `main` has returned, or the host was stopped and is not up again. Destroying a host does not wait.
  void join();

  /// The processes of the host end at once, wherever they are, as by SIGKILL: its sockets are closed, so the other ends
  /// see the connection end, or reset where data was unread.
  void kill();
  /// The host loses power: as kill(), but the other ends hear nothing. What they send is lost; after restart() it is
  /// answered by a reset. What was under way may still arrive. Its files are as crash_files() leaves them.
  void crash();
  /// After kill() or crash(), or when `main` has returned: starts `main` again.
  void restart();
  /// None of the host's tasks runs until resume(); time goes on, and what is sent to them waits.
  void pause();
  void resume();

  /// The wall clock is set, forwards or back.
  void step_clock(nanoseconds by);
  /// From now on the host's clocks run `parts_per_million` fast, or slow if it is negative; at most 500,000 either way.
  void drift_clock(std::int32_t parts_per_million);

 private:
  std::uint32_t host_;
};

/// What a host has in use now.
struct HostUsage {
  std::uint32_t tasks = 0;
  std::uint32_t descriptors = 0;
  std::uint64_t heap_bytes = 0;  ///< allocated by its tasks in this execution, and not freed by anyone
};
FORESEED_API HostUsage usage(std::string_view host);

/// How long a message takes from one host to another. The benign choice is the least: `constant`'s, `low`, `base`.
struct Delay {
  enum class Shape : std::uint8_t { constant, uniform, exponential, lognormal } shape = Shape::constant;
  nanoseconds first{0};
  nanoseconds second{0};
  double sigma = 0;

  static Delay constant(nanoseconds delay) { return {Shape::constant, delay, {}, 0}; }
  /// Between `low` and `high`.
  static Delay uniform(nanoseconds low, nanoseconds high) { return {Shape::uniform, low, high, 0}; }
  /// `base`, and on top an exponential variate of mean `mean`.
  static Delay exponential(nanoseconds base, nanoseconds mean) { return {Shape::exponential, base, mean, 0}; }
  /// `base`, and on top a lognormal variate of median `median`; `sigma` > 0 is that of its logarithm: 1 is a long tail.
  static Delay lognormal(nanoseconds base, nanoseconds median, double sigma) {
    return {Shape::lognormal, base, median, sigma};
  }
};

/// What a link does, each way. Probabilities lie in [0, 1]. TCP hides loss as TCP does: what is lost is sent again 200 ms
/// later, then twice as long after each time.
struct LinkRules {
  Delay delay = Delay::constant(std::chrono::microseconds(500));
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
  double loss = 0;
  double duplicate = 0;  ///< of datagrams, as are the next two
  double reorder = 0;
  double corrupt = 0;    ///< one bit is flipped
};

/// Sets what the link between two hosts does; hosts are made if they are new. The default is a delay of 500 us between
/// hosts and of 10 us within one.
FORESEED_API void link(std::string_view one, std::string_view other, const LinkRules& rules);
FORESEED_API void link(std::string_view one, std::string_view other, nanoseconds delay);

// Each host has files of its own, in memory, which are gone with the execution; a few paths of the system that foreseed
// runs on can be read (docs/limits.md names them).

/// Puts the files of `host` into the state after a power failure: what was not made durable by fsync may be lost, torn (in
/// sectors of 512 bytes) or there without what was written before it; a name is durable once its directory was synced.
/// What survives is foreseed's choice. Host::crash() does this too; here, no task is stopped, but from then on
/// every call on a file that was open, and every call on files by a thread that was there before (but for the caller),
/// fails with EIO.
FORESEED_API void crash_files(std::string_view host);

/// Lets the files of `host` hold at most `bytes` together: beyond it, calls fail with ENOSPC. The default is 1 GiB.
FORESEED_API void disk_capacity(std::string_view host, std::uint64_t bytes);

/// Lets one call on the files of `host` fail with `error` (an errno value such as EIO), after `after` more that do not:
/// of open, read, write, truncate, sync, and those that change names. Several errors can be planned.
FORESEED_API void disk_error(std::string_view host, int error, std::uint32_t after);

}  // namespace foreseed
