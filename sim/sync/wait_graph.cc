#include "sync/wait_graph.h"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/depth_first_search.hpp>

#include <algorithm>
#include <string>

#include "sync/objects.h"

namespace foreseed::sync {

namespace {

// Vertices are tasks; an edge goes from a task that waits to one that it waits for.
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

SyncObject* object_waited_for(const Task& task) {
  ObjectTable& table = ObjectTable::get();
  for (std::size_t i = 0; i < table.size(); ++i) {
    SyncObject& object = table.nth(i);
    if (object.number != 0 && object.number == task.waiting_object) return &object;
  }
  return nullptr;
}

bool waits(const Task& task) { return !task.finished && task.waiting_op != Op::note; }

bool is_sync_wait(Op op) { return op != Op::thread_join && op != Op::sleep && op < Op::sock_socket; }

/// The tasks whose action could end the wait of `task`, where that is known: holders of locks, the joined thread.
std::vector<std::uint32_t> awaited(World& world, const Task& task) {
  std::vector<std::uint32_t> result;
  if (task.waiting_op == Op::thread_join) {
    result.push_back(task.waiting_object);
  } else if (is_sync_wait(task.waiting_op)) {
    const SyncObject* const object = object_waited_for(task);
    if (object == nullptr) return result;
    if (object->owner != nullptr) result.push_back(object->owner->id);
    for (const std::uint16_t holder : object->holders) result.push_back(holder);
  }
  static_cast<void>(world);
  return result;
}

std::vector<std::uint32_t> find_cycle(World& world) {
  Graph graph(world.task_count());
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    const Task& task = world.task(i);
    if (!waits(task)) continue;
    for (const std::uint32_t other : awaited(world, task)) add_edge(i, other, graph);
  }
  struct CycleFinder : boost::dfs_visitor<> {
    std::vector<std::uint32_t>* path;
    std::vector<std::uint32_t>* cycle;
    void discover_vertex(std::size_t v, const Graph&) { path->push_back(static_cast<std::uint32_t>(v)); }
    void finish_vertex(std::size_t, const Graph&) { path->pop_back(); }
    void back_edge(Graph::edge_descriptor edge, const Graph& g) {
      if (!cycle->empty()) return;
      const auto from = std::find(path->begin(), path->end(), static_cast<std::uint32_t>(target(edge, g)));
      cycle->assign(from, path->end());
    }
  };
  std::vector<std::uint32_t> path;
  std::vector<std::uint32_t> cycle;
  CycleFinder finder;
  finder.path = &path;
  finder.cycle = &cycle;
  depth_first_search(graph, boost::visitor(finder));
  return cycle;
}

std::string wait_text(World& world, const Task& task) {
  switch (task.waiting_op) {
    case Op::thread_join: return "waits for the end of " + world.task_name(world.task(task.waiting_object));
    default: break;
  }
  std::string text = "waits in " + std::string(to_string(task.waiting_op));
  if (task.waiting_object != 0) text += " for " + world.object_name(task.waiting_object);
  const SyncObject* const object = is_sync_wait(task.waiting_op) ? object_waited_for(task) : nullptr;
  if (object != nullptr && object->owner != nullptr) {
    text += object->owner == &task ? ", which it holds itself" : ", held by " + world.task_name(*object->owner);
  }
  return text;
}

/// Who waits for a condition variable that was signalled when nobody waited for it.
std::string lost_wake_up(World& world) {
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    const Task& task = world.task(i);
    if (!waits(task) || (task.waiting_op != Op::cond_wait && task.waiting_op != Op::cond_timedwait)) continue;
    const SyncObject* const object = object_waited_for(task);
    if (object == nullptr || object->kind != ObjectKind::cond || object->count == 0) continue;
    return ": lost wake-up: " + world.task_name(task) + " waits for " + world.object_name(object->number) +
           ", which was signalled when nobody waited";
  }
  return {};
}

/// The last signal that woke nobody, of each condition variable that a task waits for.
void add_lost_signals(World& world, Finding& finding) {
  if (!world.recording()) return;
  const Recording& recording = *world.recorded();
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    const Task& task = world.task(i);
    if (!waits(task) || task.waiting_op != Op::cond_wait) continue;
    const auto lost = std::find_if(recording.events.rbegin(), recording.events.rend(), [&](const Event& event) {
      return (event.op == Op::cond_signal || event.op == Op::cond_broadcast) && event.result == 0 && event.object == task.waiting_object;
    });
    if (lost == recording.events.rend()) continue;
    finding.places.push_back({lost->task, "signalled " + world.object_name(lost->object) + " when nobody waited", recording.stacks[lost->stack]});
  }
}

/// Where a waiting task acquired what others wait for, and where it waits, is in the recorded events; this adds the last
/// event's stack of each task as its place.
Place place_of(World& world, const Task& task) {
  return {static_cast<std::uint16_t>(task.id), wait_text(world, task), world.stack_of_wait(task)};
}

}  // namespace

void explain_deadlock(World& world, Finding& finding) {
  std::vector<std::uint32_t> involved = find_cycle(world);
  if (!involved.empty()) {
    finding.message = "deadlock: ";
    for (const std::uint32_t id : involved) {
      finding.message += world.task_name(world.task(id)) + (involved.size() == 1 ? " waits for itself" : " -> ");
    }
    if (involved.size() > 1) finding.message += world.task_name(world.task(involved.front()));
  } else {
    finding.message = "deadlock: every task waits for something that nobody is left to do" + lost_wake_up(world);
  }
  for (const std::uint32_t id : involved) finding.places.push_back(place_of(world, world.task(id)));
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    const Task& task = world.task(i);
    if (!waits(task)) continue;
    if (involved.empty() || std::find(involved.begin(), involved.end(), i) == involved.end()) {
      finding.places.push_back(place_of(world, task));
    }
    finding.details += world.task_name(task) + " " + wait_text(world, task) + "\n";
  }
  if (involved.empty()) add_lost_signals(world, finding);
}

}  // namespace foreseed::sync
