#include "report/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace foreseed::report {

namespace {

/// Their results count stores, which their texts say better.
bool is_atomic(Op op) { return op >= Op::atomic_load && op <= Op::atomic_cas; }

std::uint64_t end_ns(const Trace& trace) { return trace.virtual_ns; }

void close(Bar& bar, const Event& event) {
  bar.to = event.step;
  bar.to_ns = event.time_ns;
}

/// Locks held, task by task.
class Holds {
 public:
  Holds(const Trace& trace, std::vector<Bar>& bars) : trace_(trace), bars_(bars) {}

  void see(const Event& event) {
    switch (event.op) {
      case Op::mutex_lock: case Op::mutex_trylock: case Op::mutex_timedlock: case Op::spin_lock: case Op::spin_trylock:
      case Op::rwlock_rdlock: case Op::rwlock_wrlock: case Op::rwlock_tryrdlock: case Op::rwlock_trywrlock:
      case Op::rwlock_timedrdlock: case Op::rwlock_timedwrlock:
        if (event.result == 0) lock(event, event.object);
        break;
      case Op::mutex_unlock: case Op::spin_unlock: case Op::rwlock_unlock:
        if (event.result == 0) unlock(event);
        break;
      case Op::cond_wait: case Op::cond_timedwait:
        // It gave back the mutex that it unlocked last, and has it again.
        if (const auto it = unlocked_.find(event.task); it != unlocked_.end()) lock(event, it->second);
        break;
      default: break;
    }
  }

 private:
  using Key = std::pair<std::uint16_t, std::uint32_t>;

  void lock(const Event& event, std::uint32_t object) {
    if (object == 0) return;
    auto& [depth, bar] = open_[{event.task, object}];
    if (++depth != 1) return;
    bar = bars_.size();
    bars_.push_back({event.task, event.step, 0, event.time_ns, end_ns(trace_), trace_.objects[object], object});
  }
  void unlock(const Event& event) {
    unlocked_[event.task] = event.object;
    const auto it = open_.find({event.task, event.object});
    if (it == open_.end() || --it->second.first != 0) return;
    close(bars_[it->second.second], event);
    open_.erase(it);
  }

  const Trace& trace_;
  std::vector<Bar>& bars_;
  std::map<Key, std::pair<int, std::size_t>> open_;
  std::map<std::uint16_t, std::uint32_t> unlocked_;
};

/// A task whose host goes down waits no longer.
void end_with_host(const Trace& trace, const std::vector<Bar>& downs, Bar& wait) {
  for (const Bar& down : downs) {
    const bool gone = !down.label.ends_with(" paused") && down.from > wait.from;
    if (!gone || wait.lane >= trace.task_hosts.size() || trace.task_hosts[wait.lane] != down.lane) continue;
    wait.to = down.from;
    wait.to_ns = down.from_ns;
    return;
  }
}

void add_waits(const Trace& trace, const std::vector<Bar>& downs, std::vector<Bar>& bars) {
  std::vector<std::vector<const Event*>> by_task(trace.tasks.size());
  for (const Event& event : trace.events) by_task[event.task].push_back(&event);
  std::vector<std::size_t> last(trace.tasks.size(), ~std::size_t{0});  ///< the task's last bar
  for (const Wait& wait : trace.waits) {
    const auto& events = by_task[wait.task];
    const auto next = std::upper_bound(events.begin(), events.end(), wait.step,
                                       [](std::uint32_t step, const Event* event) { return step < event->step; });
    const std::string label = wait_text(trace, wait);
    Bar bar{wait.task, wait.step, 0, wait.time_ns, end_ns(trace), label, wait.op == Op::thread_join ? 0 : wait.object};
    if (next != events.end()) close(bar, **next);
    else end_with_host(trace, downs, bar);
    // Woken and waiting again, without a step between: one wait.
    std::size_t& previous = last[wait.task];
    if (previous != ~std::size_t{0} && bars[previous].to == bar.to && bars[previous].label == label) continue;
    previous = bars.size();
    bars.push_back(std::move(bar));
  }
}

/// Bars that texts begin and end.
class Noted {
 public:
  Noted(const Trace& trace, std::vector<Bar>& bars) : trace_(trace), bars_(bars) {}

  void begin(const Event& event, const std::string& key, std::uint32_t lane, std::string label) {
    end(event, key);
    open_[key] = bars_.size();
    bars_.push_back({lane, event.step, 0, event.time_ns, end_ns(trace_), std::move(label), 0});
  }
  void end(const Event& event, const std::string& key) {
    const auto it = open_.find(key);
    if (it == open_.end()) return;
    close(bars_[it->second], event);
    open_.erase(it);
  }

 private:
  const Trace& trace_;
  std::vector<Bar>& bars_;
  std::map<std::string, std::size_t> open_;
};

void see_state(const Event& event, const std::string& text, Noted& states, std::vector<std::string>& names) {
  const std::size_t sign = text.find(" = ");
  if (sign == std::string::npos || sign == 0 || sign > 40) return;
  const std::string name = text.substr(0, sign);
  const auto it = std::find(names.begin(), names.end(), name);
  const auto lane = static_cast<std::uint32_t>(it - names.begin());
  if (it == names.end()) names.push_back(name);
  states.begin(event, name, lane, text.substr(sign + 3));
}

/// As sim/fault/run.cc writes it: "partition begins: oms | iam".
void see_fault(const Event& event, const std::string& text, Noted& faults) {
  for (const auto& [word, begins] : {std::pair{" begins:", true}, {" ends:", false}}) {
    const std::size_t at = text.find(word);
    if (at == std::string::npos) continue;
    const std::string key = text.substr(0, at) + text.substr(at + std::string(word).size());
    begins ? faults.begin(event, key, 0, key) : faults.end(event, key);
    return;
  }
}

/// As sim/net/hosts.cc writes it: "iam crashes".
void see_host(const Trace& trace, const Event& event, const std::string& text, Noted& downs) {
  for (const auto& [word, what] : {std::pair{" crashes", "crashed"}, {" is killed", "killed"}, {" is paused", "paused"},
                                   {" restarts", ""}, {" goes on", ""}}) {
    if (!text.ends_with(word)) continue;
    const std::string name = text.substr(0, text.size() - std::string(word).size());
    const auto host = std::find(trace.hosts.begin(), trace.hosts.end(), name) - trace.hosts.begin();
    if (*what == '\0') return downs.end(event, name);
    return downs.begin(event, name, static_cast<std::uint32_t>(host), name + " " + what);
  }
}

}  // namespace

Timeline timeline_of(const Trace& trace) {
  Timeline timeline;
  Holds holds(trace, timeline.holds);
  Noted states(trace, timeline.states);
  Noted faults(trace, timeline.faults);
  Noted downs(trace, timeline.downs);
  for (const Event& event : trace.events) {
    holds.see(event);
    const std::string& text = trace.texts[event.text];
    if (event.op == Op::note) see_state(event, text, states, timeline.state_names);
    if (event.op == Op::fault) see_fault(event, text, faults);
    if (event.op == Op::host) see_host(trace, event, text, downs);
  }
  add_waits(trace, timeline.downs, timeline.waits);
  return timeline;
}

std::string event_text(const Trace& trace, const Event& event) {
  std::string text(to_string(event.op));
  if (event.object != 0) text += " " + trace.objects[event.object];
  if (event.text != 0) text += " " + trace.texts[event.text];
  const bool of_task = event.op == Op::thread_create || event.op == Op::thread_join;
  if (of_task && event.result > 0 && static_cast<std::size_t>(event.result) < trace.tasks.size()) {
    text += " " + trace.tasks[static_cast<std::size_t>(event.result)];
  } else if (event.result != 0 && !(is_atomic(event.op) && event.text != 0)) {
    text += fmt::format(" = {}", event.result);
  }
  return text;
}

std::string wait_text(const Trace& trace, const Wait& wait) {
  std::string text(to_string(wait.op));
  if (wait.op == Op::thread_join) return text + " " + trace.tasks[wait.object];
  if (wait.object != 0) text += " " + trace.objects[wait.object];
  return text;
}

}  // namespace foreseed::report
