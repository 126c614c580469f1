#pragma once
// epoll(7): level and edge triggered, one-shot, sets within sets.

#include <sys/epoll.h>
#include <vector>

#include "io/description.h"

namespace foreseed::io {

struct Epoll : Description {
  Epoll() : Description(Kind::epoll, "epoll") {}
  short readiness() const override;
  std::uint64_t changes_at_ns() const override;
  std::uint64_t changes() const override;
  void each_source(const std::function<void(Description&)>& visit) override;

  struct Item {
    int descriptor;
    Description* target;
    epoll_event event;           ///< what is wanted, and the caller's data
    std::uint64_t reported = 0;  ///< edge triggered: the target's changes() at the last report, + 1
    bool disabled = false;       ///< one-shot, and its shot is gone
  };
  std::vector<Item> items;
  VectorClock clock;     ///< what those who put items there knew; so does whoever they are reported to
  std::size_t next = 0;  ///< where the next report starts, so that none is passed by for ever
};

long open_epoll();
long control(Epoll& epoll, int operation, int descriptor, const epoll_event* event);
long wait(Epoll& epoll, epoll_event* events, int max, std::uint64_t deadline_ns);

}  // namespace foreseed::io
