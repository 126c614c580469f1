#pragma once
// What happens to a message between two hosts: how long it takes, and whether it comes at all.
//
// Links are directed. What they do at random is a choice, and choice 0 is always the benign one: the least delay, no loss.
// A choice is asked for only where there is something to choose, so a link of constant latency costs none.

#include <cstdint>

#include "kernel/world.h"
#include "net/delay.h"

namespace foreseed::net {

/// Probabilities are in millionths.
inline constexpr std::uint32_t million = 1'000'000;

/// What faults do to a link, on top of its rules.
struct Trouble {
  std::uint64_t extra_ns = 0;          ///< on top of each delay
  std::uint64_t bytes_per_second = 0;  ///< 0: as the rules say
  std::uint32_t loss = 0;
  std::uint32_t duplicate = 0;
  std::uint32_t reorder = 0;
  std::uint32_t corrupt = 0;
  std::uint32_t blocked = 0;           ///< of connections (of datagram sockets): those that hang. A million: a partition
  std::uint32_t refusing = 0;          ///< of connection attempts: those that are refused
  bool truncating = false;             ///< streams end after `truncate_after` more bytes
  std::uint64_t truncate_after = 0;
  std::uint32_t dribble = 0;           ///< stream data comes in pieces of so many bytes; 0: as it was sent
};

struct Link {
  // What a link without troubles asks for lies together.
  Delay delay{Delay::Shape::constant, 500'000, 0, 0};
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
  std::uint32_t loss = 0;
  std::uint32_t duplicate = 0;  ///< datagrams only, as the next two
  std::uint32_t reorder = 0;
  std::uint32_t corrupt = 0;
  bool troubled = false;               ///< whether any of `trouble` is set

  Trouble trouble;
  std::uint32_t block_epoch = 0;       ///< counts the partitions, so that each connection's fate is drawn once in each
  std::uint32_t truncate_epoch = 0;    ///< the same for truncation
  std::uint64_t free_at_ns = 0;        ///< when the last byte so far is on the wire

  /// Everything comes, after delay.low_ns.
  bool plain() const {
    return !troubled && (bytes_per_second | loss) == 0 && delay.shape == Delay::Shape::constant;
  }
  /// The same for datagrams: as they were sent, too.
  bool plain_for_datagrams() const { return plain() && (duplicate | reorder | corrupt) == 0; }
  /// How long `size` bytes that are sent now take, queueing included.
  std::uint64_t travel_ns(std::size_t size);
};

/// What became of a connection, or of a datagram socket, in the current partition of a link.
struct Fate {
  std::uint32_t epoch = 0;
  bool hangs = false;
};

/// Whether the link's partition, if there is one, stops those of this fate.
bool is_blocked(const Link& link, Fate& fate);

/// True in `millionths` of cases, by choice.
bool chance(Op site, std::uint32_t millionths);

}  // namespace foreseed::net
