#include "net/link.h"

#include <algorithm>

namespace foreseed::net {

std::uint64_t Link::travel_ns(std::size_t size) {
  World& world = World::get();
  std::uint64_t wait_ns = 0;
  const std::uint64_t rate = trouble.bytes_per_second != 0 ? trouble.bytes_per_second : bytes_per_second;
  if (rate != 0) {
    const std::uint64_t start_ns = std::max(world.now(), free_at_ns);
    free_at_ns = start_ns + size * 1'000'000'000 / rate;
    wait_ns = free_at_ns - world.now();
  }
  const std::uint32_t k = delay.shape == Delay::Shape::constant
                              ? 0
                              : world.choose(static_cast<std::uint32_t>(Op::sock_deliver), ChoiceKind::timing, 65536);
  return wait_ns + trouble.extra_ns + sample(delay, k);
}

bool chance(Op site, std::uint32_t millionths) {
  if (millionths == 0) return false;
  World& world = World::get();
  // A search goes through both.
  if (world.search_mode()) return world.choose(static_cast<std::uint32_t>(site), ChoiceKind::fault, 2) != 0;
  return world.choose(static_cast<std::uint32_t>(site), ChoiceKind::fault, million) >= million - millionths;
}

bool is_blocked(const Link& link, Fate& fate) {
  const std::uint32_t blocked = link.trouble.blocked;
  if (blocked == 0) return false;
  if (blocked == million) return true;
  if (fate.epoch != link.block_epoch) fate = {link.block_epoch, chance(Op::sock_deliver, blocked)};
  return fate.hangs;
}

}  // namespace foreseed::net
