#include "io/descriptors.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <string>

#include "io/counters.h"

namespace foreseed::io {

std::vector<Description*> detail::table;
std::vector<std::unique_ptr<Description>> detail::owned;

namespace {

using detail::table;
std::size_t taken_below = 0;      ///< none of those before it is free

struct Ledger {
  std::uint32_t open = 0;
  std::uint32_t limit = no_limit;
};
std::vector<Ledger> ledgers;  ///< of each host

Ledger& ledger_of(std::uint32_t host) {
  if (host >= ledgers.size()) ledgers.resize(host + 1);
  return ledgers[host];
}

std::size_t index_of(int descriptor) { return static_cast<std::size_t>(descriptor - first_descriptor); }

void drop(int descriptor) {
  Description& description = *table[index_of(descriptor)];
  table[index_of(descriptor)] = nullptr;
  taken_below = std::min(taken_below, index_of(descriptor));
  --ledger_of(description.host).open;
  description.descriptor_closed();
  if (--description.references == 0) description.closed();
}

long scan(pollfd* entries, std::size_t count) {
  long ready = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pollfd& entry = entries[i];
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const Description* const description = find(entry.fd);
    entry.revents = description == nullptr
                        ? static_cast<short>(POLLNVAL)
                        : static_cast<short>(description->readiness() & (entry.events | POLLERR | POLLHUP));
    ready += entry.revents != 0;
  }
  return ready;
}

}  // namespace

long Description::read(void*, std::size_t) { return -EINVAL; }
long Description::write(const void*, std::size_t) { return -EINVAL; }

long Description::control(int command, long argument) {
  switch (command) {
    case F_GETFL: return O_RDWR | (nonblocking ? O_NONBLOCK : 0);
    case F_SETFL: nonblocking = (argument & O_NONBLOCK) != 0; return 0;
    default:
      World::get().fail(FindingKind::unsupported,
                        "fcntl(" + std::to_string(command) + ") on a virtual descriptor cannot be simulated yet");
  }
}

bool Description::wait(Op op, std::uint64_t deadline_ns) {
  World& world = World::get();
  const Waiter waiter(waiters, world.current());
  return world.wait(op, number, deadline_ns);
}

std::uint32_t open_count(std::uint32_t host) { return ledger_of(host).open; }
void set_limit(std::uint32_t host, std::uint32_t count) { ledger_of(host).limit = count; }

int open(Description& description, int at_least) {
  Ledger& ledger = ledger_of(description.host);
  if (ledger.open >= ledger.limit) return -EMFILE;
  const std::size_t first = index_of(std::max(at_least, first_descriptor));
  std::size_t i = std::max(first, taken_below);
  while (i < table.size() && table[i] != nullptr) ++i;
  if (i > index_of(last_descriptor)) return -EMFILE;
  if (i >= table.size()) table.resize(i + 1, nullptr);
  table[i] = &description;
  if (first <= taken_below) taken_below = i + 1;
  ++description.references;
  ++ledger.open;
  return first_descriptor + static_cast<int>(i);
}

long close_now(int descriptor) {
  if (find(descriptor) == nullptr) return -EBADF;
  drop(descriptor);
  return 0;
}

long close(int descriptor) {
  Description* const description = find(descriptor);
  if (description == nullptr) return -EBADF;
  World::get().point(Op::close);
  if (find(descriptor) != description) return -EBADF;
  drop(descriptor);
  return description->report(Op::close, 0);
}

long duplicate(int descriptor, int at_least) {
  Description* const description = find(descriptor);
  return description == nullptr ? -EBADF : open(*description, at_least);
}

long duplicate_to(int from, int to) {
  Description* const description = find(from);
  if (description == nullptr || !is_virtual(to)) return -EBADF;
  if (from == to) return to;
  if (find(to) != nullptr) drop(to);
  return open(*description, to);
}

void close_all(std::uint32_t host) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i] != nullptr && table[i]->host == host) drop(first_descriptor + static_cast<int>(i));
  }
}

long poll(pollfd* entries, std::size_t count, std::uint64_t deadline_ns) {
  World& world = World::get();
  world.point(Op::poll);
  std::uint32_t object = 0;
  long ready = scan(entries, count);
  if (ready == 0 && deadline_ns > world.now()) {
    std::deque<Waiter> places;
    for (std::size_t i = 0; i < count; ++i) {
      Description* const description = entries[i].fd < 0 ? nullptr : find(entries[i].fd);
      if (description == nullptr) continue;
      object = description->number;
      description->each_source([&](Description& source) { places.emplace_back(source.waiters, world.current()); });
    }
    while (ready == 0 && world.now() < deadline_ns) {
      std::uint64_t until_ns = deadline_ns;
      for (std::size_t i = 0; i < count; ++i) {
        const Description* const description = entries[i].fd < 0 ? nullptr : find(entries[i].fd);
        if (description != nullptr) until_ns = std::min(until_ns, description->changes_at_ns());
      }
      world.wait(Op::poll, object, until_ns);
      ready = scan(entries, count);
    }
  }
  world.event(Op::poll, object, static_cast<std::int32_t>(ready), ready != 0);
  return ready;
}

void install(World& world) {
  RunHooks hooks;
  hooks.end = [] {
    if (__builtin_expect(table.empty() && ledgers.empty() && detail::owned.empty(), 1)) return;  // none was made
    std::uint32_t wrong = 0;
    for (const Description* const description : table) {
      if (description != nullptr) --ledger_of(description->host).open;
    }
    for (const Ledger& ledger : ledgers) wrong += ledger.open != 0;
    World::get().left_behind(wrong, "hosts whose ledger of descriptors is wrong");
    table.clear();
    taken_below = 0;
    ledgers.clear();
    detail::owned.clear();
  };
  hooks.clock_set = [](std::uint32_t host, std::int64_t by_ns) {
    for (const auto& description : detail::owned) {
      if (description->kind != Description::Kind::timer || description->host != host) continue;
      if (description->references != 0) static_cast<Timer&>(*description).clock_set(by_ns);
    }
  };
  world.add_hooks(hooks);
}

}  // namespace foreseed::io
