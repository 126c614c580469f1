// The Trace Event Format: chrome://tracing and ui.perfetto.dev open it.

#include <nlohmann/json.hpp>

#include "report/export.h"
#include "report/timeline.h"

namespace foreseed::report {

namespace {

using nlohmann::json;

/// Places steps of one instant 1 ns apart, so that their order can be seen; later instants are not moved.
class Clock {
 public:
  explicit Clock(const Trace& trace) {
    for (const Event& event : trace.events) {
      at_ = std::max(at_ + 1, event.time_ns);
      step_ns_.push_back(at_);
    }
  }
  double of_step(std::uint32_t step) const {
    if (step_ns_.empty()) return 0;
    const std::size_t index = step == 0 ? 0 : std::min<std::size_t>(step, step_ns_.size()) - 1;
    return static_cast<double>(step_ns_[index]) / 1e3;
  }
  double end() const { return static_cast<double>(at_ + 1) / 1e3; }

 private:
  std::uint64_t at_ = 0;
  std::vector<std::uint64_t> step_ns_;
};

class Writer {
 public:
  explicit Writer(const Trace& trace) : trace_(trace), clock_(trace) {}

  std::string write() {
    names();
    for (const Event& event : trace_.events) add_step(event);
    const Timeline timeline = timeline_of(trace_);
    for (const Bar& bar : timeline.holds) add_bar("holds ", bar);
    for (const Bar& bar : timeline.waits) add_bar("waits: ", bar);
    for (const Bar& bar : timeline.faults) {
      events_.push_back({{"ph", "i"}, {"s", "g"}, {"name", bar.label}, {"cat", "fault"}, {"pid", 0}, {"tid", 0},
                         {"ts", clock_.of_step(bar.from)}});
    }
    for (const Order& order : trace_.orders) {
      if (order.from == 0 || order.to == 0 || order.to > trace_.events.size()) continue;
      arrow("order", "happens before", order.from, order.to);
    }
    const json document = {{"traceEvents", events_},
                           {"displayTimeUnit", "ns"},
                           {"otherData", {{"program", trace_.program}, {"scenario", trace_.scenario}, {"seed", std::to_string(trace_.seed)}}}};
    return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }

 private:
  int host(std::uint32_t task) const { return task < trace_.task_hosts.size() ? trace_.task_hosts[task] : 0; }

  void names() {
    for (std::size_t i = 0; i < trace_.hosts.size(); ++i) {
      events_.push_back({{"ph", "M"}, {"name", "process_name"}, {"pid", i}, {"args", {{"name", trace_.hosts[i]}}}});
    }
    for (std::uint32_t i = 0; i < trace_.tasks.size(); ++i) {
      events_.push_back({{"ph", "M"}, {"name", "thread_name"}, {"pid", host(i)}, {"tid", i}, {"args", {{"name", trace_.tasks[i]}}}});
    }
  }

  void add_step(const Event& event) {
    json arguments = {{"step", event.step}};
    if (const std::string place = place_text(user_frame(trace_, event.stack)); !place.empty()) arguments["place"] = place;
    events_.push_back({{"ph", "i"}, {"s", "t"}, {"name", event_text(trace_, event)}, {"cat", "step"}, {"pid", host(event.task)},
                       {"tid", event.task}, {"ts", clock_.of_step(event.step)}, {"args", arguments}});
  }

  /// Asynchronous, since bars of one task need not be nested.
  void add_bar(const char* what, const Bar& bar) {
    const double end = bar.to == 0 ? clock_.end() : clock_.of_step(bar.to);
    const json both = {{"name", what + bar.label}, {"cat", "bar"}, {"id", ++id_}, {"pid", host(bar.lane)}, {"tid", bar.lane}};
    json begin = both;
    json finish = both;
    begin.update({{"ph", "b"}, {"ts", clock_.of_step(bar.from)}});
    finish.update({{"ph", "e"}, {"ts", end}});
    events_.push_back(std::move(begin));
    events_.push_back(std::move(finish));
  }

  void arrow(const char* category, const char* name, std::uint32_t from, std::uint32_t to) {
    const auto end = [&](const char* phase, std::uint32_t step) {
      const std::uint16_t task = trace_.events[step - 1].task;
      return json{{"ph", phase}, {"cat", category}, {"name", name}, {"id", id_}, {"pid", host(task)}, {"tid", task},
                  {"ts", clock_.of_step(step)}, {"bp", "e"}};
    };
    ++id_;
    events_.push_back(end("s", from));
    events_.push_back(end("f", to));
  }

  const Trace& trace_;
  Clock clock_;
  json events_ = json::array();
  std::uint64_t id_ = 0;
};

}  // namespace

std::string chrome(const Trace& trace) { return Writer(trace).write(); }

}  // namespace foreseed::report
