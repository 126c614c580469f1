#include "trace/lock_order.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>
#include <deque>
#include <set>
#include <tuple>

#include "kernel/held_locks.h"

namespace foreseed {

namespace {

constexpr std::size_t edges_max = 10'000;
constexpr std::size_t cycle_max = 8;
constexpr std::size_t attempts_max = 200'000;  ///< at cycles, in all

using Clock = std::vector<std::uint32_t>;

/// What each task knows of others by starts and joins alone.
class Lives {
 public:
  void see(const Event& event) {
    Clock& mine = clock(event.task);
    if (event.result <= 0) return;
    const auto other = static_cast<std::uint16_t>(event.result);
    if (event.op == Op::thread_create) {
      join(clock(other), clock(event.task));
      ++at(clock(event.task), event.task);
    } else if (event.op == Op::thread_join) {
      join(mine, clock(other));
    }
  }
  const Clock& of(std::uint16_t task) { return clock(task); }
  static std::uint32_t get(const Clock& clock, std::uint16_t task) { return task < clock.size() ? clock[task] : 0; }

 private:
  static std::uint32_t& at(Clock& clock, std::uint16_t task) {
    if (clock.size() <= task) clock.resize(task + std::size_t{1}, 0);
    return clock[task];
  }
  static void join(Clock& into, const Clock& from) {
    if (into.size() < from.size()) into.resize(from.size(), 0);
    for (std::size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
  }
  Clock& clock(std::uint16_t task) {
    while (clocks_.size() <= task) {
      clocks_.emplace_back();
      at(clocks_.back(), static_cast<std::uint16_t>(clocks_.size() - 1)) = 1;
    }
    return clocks_[task];
  }
  std::deque<Clock> clocks_;
};

struct Edge {
  LockEdge events;
  std::vector<std::uint32_t> held;  ///< all locks, sorted
  Clock lives;

  std::uint32_t from() const { return events.held->object; }
  std::uint32_t to() const { return events.taken->object; }
  std::uint16_t task() const { return events.taken->task; }
};

bool reads(const Event& event) {
  return event.op == Op::rwlock_rdlock || event.op == Op::rwlock_tryrdlock || event.op == Op::rwlock_timedrdlock;
}

bool waits_for_ever(const Event& event) {
  return event.op == Op::mutex_lock || event.op == Op::spin_lock || event.op == Op::rwlock_rdlock || event.op == Op::rwlock_wrlock;
}

std::vector<Edge> find_edges(std::span<const Event> events) {
  std::vector<Edge> edges;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t, std::vector<std::uint32_t>, Clock>> known;
  HeldLocks locks;
  Lives lives;
  for (const Event& event : events) {
    lives.see(event);
    const bool took = locks.see(event);
    if (!took || !waits_for_ever(event) || edges.size() == edges_max) continue;
    const std::vector<HeldLocks::Lock>& held = locks.of(event.task);
    std::vector<std::uint32_t> all;
    for (std::size_t i = 0; i + 1 < held.size(); ++i) all.push_back(held[i].object);
    if (std::find(all.begin(), all.end(), event.object) != all.end()) continue;  // once more, a recursive one
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
      const bool fresh = known.emplace(held[i].object, event.object, event.task, event.stack, all, lives.of(event.task)).second;
      if (fresh) edges.push_back({{held[i].event, &event}, all, lives.of(event.task)});
    }
  }
  return edges;
}

/// Whether both could be under way at the same time.
bool compatible(const Edge& a, const Edge& b) {
  if (a.task() == b.task()) return false;
  const bool before = Lives::get(a.lives, a.task()) <= Lives::get(b.lives, a.task());
  const bool after = Lives::get(b.lives, b.task()) <= Lives::get(a.lives, b.task());
  if (before || after) return false;
  return std::none_of(a.held.begin(), a.held.end(),
                      [&](std::uint32_t lock) { return std::binary_search(b.held.begin(), b.held.end(), lock); });
}

/// What `a` takes, `b` holds.
bool follows(const Edge& a, const Edge& b) { return a.to() == b.from() && !(reads(*a.events.taken) && reads(*b.events.held)); }

class Finder {
 public:
  explicit Finder(std::vector<Edge> edges) : edges_(std::move(edges)) {}

  std::vector<std::vector<LockEdge>> find() {
    keep_strong_components();
    for (const Edge& first : edges_) {
      path_ = {&first};
      extend();
    }
    return std::move(cycles_);
  }

 private:
  /// Only edges within a strong component are part of a cycle.
  void keep_strong_components() {
    std::uint32_t locks = 0;
    for (const Edge& edge : edges_) locks = std::max({locks, edge.from() + 1, edge.to() + 1});
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS> graph(locks);
    for (const Edge& edge : edges_) add_edge(edge.from(), edge.to(), graph);
    std::vector<int> component(locks);
    if (locks != 0) boost::strong_components(graph, component.data());
    std::erase_if(edges_, [&](const Edge& edge) { return component[edge.from()] != component[edge.to()]; });
  }

  void extend() {
    for (const Edge& next : edges_) {
      // Each cycle begins at its lowest lock.
      if (++attempts_ > attempts_max || next.from() < path_.front()->from() || !follows(*path_.back(), next)) continue;
      if (!std::all_of(path_.begin(), path_.end(), [&](const Edge* edge) { return compatible(*edge, next); })) continue;
      path_.push_back(&next);
      if (follows(next, *path_.front())) add_cycle();
      else if (path_.size() < cycle_max) extend();
      path_.pop_back();
    }
  }

  void add_cycle() {
    std::vector<std::uint32_t> locks;
    for (const Edge* const edge : path_) locks.push_back(edge->from());
    if (!known_.insert(locks).second) return;
    std::vector<LockEdge>& cycle = cycles_.emplace_back();
    for (const Edge* const edge : path_) cycle.push_back(edge->events);
  }

  std::vector<Edge> edges_;
  std::vector<const Edge*> path_;
  std::set<std::vector<std::uint32_t>> known_;
  std::vector<std::vector<LockEdge>> cycles_;
  std::size_t attempts_ = 0;
};

}  // namespace

std::vector<std::vector<LockEdge>> lock_order_cycles(std::span<const Event> events) { return Finder(find_edges(events)).find(); }

}  // namespace foreseed
