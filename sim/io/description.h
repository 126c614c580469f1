#pragma once
// What a descriptor of the simulated world stands for: an open file description, as POSIX calls it.
//
// Sockets, pipes, event counters, timers and epoll sets derive from it. Each call is one of the running task, and its
// result is that of the system call of the same name, or a negative errno value. A description lives until the end of the
// run, closed or not; those who wait for a change of it stand in `waiters`. Simulator code only.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <poll.h>

#include "kernel/world.h"

namespace foreseed::io {

struct Description {
  enum class Kind : std::uint8_t { stream, datagram, pipe, event_counter, timer, epoll, file };

  Description(Kind of_kind, const char* name)
      : kind(of_kind), host(World::get().current().host), number(World::get().number_object(name)) {}
  virtual ~Description() = default;
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  virtual long read(void* data, std::size_t size);
  virtual long write(const void* data, std::size_t size);
  /// Those events of poll(2) that hold now, wanted or not.
  virtual short readiness() const = 0;
  /// When readiness() changes with nobody's doing, in virtual time.
  virtual std::uint64_t changes_at_ns() const { return never; }
  /// How often something has happened that edge-triggered waiters are to hear of.
  virtual std::uint64_t changes() const { return changes_; }
  /// Every description whose change is one of this one's.
  virtual void each_source(const std::function<void(Description&)>& visit) { visit(*this); }
  /// Bytes that can be read at once, for FIONREAD.
  virtual std::size_t unread() const { return 0; }
  /// fcntl(2), beyond what concerns the descriptor only.
  virtual long control(int command, long argument);
  /// One of its descriptors is gone.
  virtual void descriptor_closed() {}
  /// The last descriptor is gone.
  virtual void closed() {}

  /// Something has changed: whoever waits looks again.
  void changed() {
    ++changes_;
    World::get().wake_all(waiters);
  }
  /// Waits for a change; false if the deadline came first.
  bool wait(Op op, std::uint64_t deadline_ns);
  /// Notes that `op` on this had `result`, and returns it.
  long report(Op op, long result, bool progress = true) {
    World::get().event(op, number, static_cast<std::int32_t>(result), progress);
    return result;
  }

  const Kind kind;
  std::uint32_t host;
  std::uint32_t number;          ///< for reports
  std::uint32_t references = 0;  ///< descriptors; 0 = closed
  bool nonblocking = false;
  WaitList waiters;

 protected:
  std::uint64_t changes_ = 0;
};

}  // namespace foreseed::io
