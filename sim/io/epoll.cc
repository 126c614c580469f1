#include "io/epoll.h"

#include <algorithm>
#include <cerrno>
#include <deque>

#include "io/descriptors.h"

namespace foreseed::io {

namespace {

/// What is to be reported of `item` now.
std::uint32_t ready(const Epoll::Item& item) {
  if (item.disabled || item.target->references == 0) return 0;
  if ((item.event.events & EPOLLET) != 0 && item.reported == item.target->changes() + 1) return 0;
  const auto holds = static_cast<std::uint32_t>(static_cast<unsigned short>(item.target->readiness()));
  return holds & (item.event.events | EPOLLERR | EPOLLHUP);
}

int collect(Epoll& epoll, epoll_event* events, int max) {
  std::erase_if(epoll.items, [](const Epoll::Item& item) { return item.target->references == 0; });
  const std::size_t n = epoll.items.size();
  const std::size_t first = n == 0 ? 0 : epoll.next % n;
  int count = 0;
  for (std::size_t k = 0; k < n && count < max; ++k) {
    Epoll::Item& item = epoll.items[(first + k) % n];
    const std::uint32_t holds = ready(item);
    if (holds == 0) continue;
    events[count++] = {holds, item.event.data};
    item.reported = item.target->changes() + 1;
    if ((item.event.events & EPOLLONESHOT) != 0) item.disabled = true;
    epoll.next = (first + k) % n + 1;
  }
  return count;
}

/// Whether `within` is, or contains, `epoll`.
bool contains(const Description& within, const Epoll& epoll) {
  if (&within == &epoll) return true;
  if (within.kind != Description::Kind::epoll) return false;
  const auto& items = static_cast<const Epoll&>(within).items;
  return std::any_of(items.begin(), items.end(), [&](const auto& item) { return contains(*item.target, epoll); });
}

}  // namespace

short Epoll::readiness() const {
  const bool any = std::any_of(items.begin(), items.end(), [](const Item& item) { return ready(item) != 0; });
  return any ? POLLIN | POLLRDNORM : 0;
}

std::uint64_t Epoll::changes_at_ns() const {
  std::uint64_t first = never;
  for (const Item& item : items) first = std::min(first, item.target->changes_at_ns());
  return first;
}

std::uint64_t Epoll::changes() const {
  std::uint64_t sum = changes_;
  for (const Item& item : items) sum += item.target->changes();
  return sum;
}

void Epoll::each_source(const std::function<void(Description&)>& visit) {
  visit(*this);
  for (const Item& item : items) item.target->each_source(visit);
}

long open_epoll() {
  Epoll& made = make<Epoll>();
  return made.report(Op::epoll_create, open(made));
}

long control(Epoll& epoll, int operation, int descriptor, const epoll_event* event) {
  World::get().point(Op::epoll_ctl);
  const auto result = [&](long value) { return epoll.report(Op::epoll_ctl, value); };
  Description* const target = find(descriptor);
  if (target == nullptr) return result(-EBADF);
  if (target == &epoll) return result(-EINVAL);
  const auto item = std::find_if(epoll.items.begin(), epoll.items.end(), [&](const Epoll::Item& known) {
    return known.descriptor == descriptor && known.target == target;
  });
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (item != epoll.items.end()) return result(-EEXIST);
      if (contains(*target, epoll)) return result(-ELOOP);
      epoll.items.push_back({descriptor, target, *event});
      break;
    case EPOLL_CTL_MOD:
      if (item == epoll.items.end()) return result(-ENOENT);
      *item = {descriptor, target, *event};
      break;
    case EPOLL_CTL_DEL:
      if (item == epoll.items.end()) return result(-ENOENT);
      epoll.items.erase(item);
      break;
    default: return result(-EINVAL);
  }
  epoll.clock.join(World::get().current().clock);
  World::get().current().release();
  epoll.changed();
  return result(0);
}

long wait(Epoll& epoll, epoll_event* events, int max, std::uint64_t deadline_ns) {
  if (max <= 0) return -EINVAL;
  World& world = World::get();
  world.point(Op::epoll_wait);
  int count = collect(epoll, events, max);
  if (count != 0) world.current().tell(&epoll, epoll.changes());
  while (count == 0 && world.now() < deadline_ns) {
    std::deque<Waiter> places;
    epoll.each_source([&](Description& source) { places.emplace_back(source.waiters, world.current()); });
    world.wait(Op::epoll_wait, epoll.number, std::min(deadline_ns, epoll.changes_at_ns()));
    count = collect(epoll, events, max);
  }
  if (count != 0) world.current().clock.join(epoll.clock);
  return epoll.report(Op::epoll_wait, count, count != 0);
}

}  // namespace foreseed::io
