#include "trace/trace.h"

#include <elf.h>
#include <errno.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>
#include <map>

#include "kernel/modules.h"
#include "trace/causality.h"
#include "trace/symbols.h"

namespace foreseed {

namespace {

/// Collects distinct frames and stacks.
class StackTable {
 public:
  explicit StackTable(Trace& trace) : trace_(trace) { trace_.stacks.emplace_back(); }

  std::uint32_t add(const Stack& stack) {
    if (stack.empty()) return 0;
    const auto known = stacks_.find(stack);
    if (known != stacks_.end()) return known->second;
    std::vector<std::uint32_t> indices;
    for (const std::uintptr_t address : stack) {
      for (const Frame& frame : symbolise(address)) {
        // The simulator's own frames on top of a stack tell nobody anything.
        if (indices.empty() && frame.module.starts_with("libforeseed")) continue;
        indices.push_back(add_frame(frame));
      }
    }
    trace_.stacks.push_back(std::move(indices));
    return stacks_[stack] = static_cast<std::uint32_t>(trace_.stacks.size() - 1);
  }

 private:
  std::uint32_t add_frame(const Frame& frame) {
    const auto key = fmt::format("{}+{:x} {} {}:{}", frame.module, frame.offset, frame.function, frame.file, frame.line);
    const auto [it, fresh] = frames_.try_emplace(key, static_cast<std::uint32_t>(trace_.frames.size()));
    if (fresh) trace_.frames.push_back(frame);
    return it->second;
  }

  Trace& trace_;
  std::map<Stack, std::uint32_t> stacks_;
  std::map<std::string, std::uint32_t> frames_;
};

/// The GNU build id among the notes of the main executable, which is the first object.
int find_build_id(dl_phdr_info* info, std::size_t, void* out) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr);
    const auto* const end = at + header.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const auto* const name = at + sizeof note;
      const auto* const data = name + (note.n_namesz + 3) / 4 * 4;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        auto& text = *static_cast<std::string*>(out);
        for (std::uint32_t k = 0; k < note.n_descsz; ++k) text += fmt::format("{:02x}", static_cast<unsigned>(data[k]));
        return 1;
      }
      at = data + (note.n_descsz + 3) / 4 * 4;
    }
  }
  return 1;
}

}  // namespace

std::string own_build_id() {
  static const std::string id = [] {
    std::string text;
    dl_iterate_phdr(find_build_id, &text);
    return text;
  }();
  return id;
}

std::string own_program_name() { return program_invocation_short_name; }

Trace make_trace(const Scenario& scenario, const RunOptions& options, const Execution& execution) {
  Trace trace;
  trace.program = own_program_name();
  trace.build_id = own_build_id();
  trace.scenario = scenario.name;
  trace.seed = options.seed;
  trace.steps_per_instant_max = options.steps_per_instant_max;
  trace.faults = options.faults;
  trace.memory = options.memory;
  trace.timeouts = options.timeouts;
  if (options.strategy_name != "uniform") trace.strategy = options.strategy_name;
  trace.fingerprint = execution.fingerprint;
  trace.virtual_ns = execution.virtual_ns;
  trace.steps = execution.steps;
  trace.choices.assign(execution.choices.begin(), execution.choices.end());
  StackTable table(trace);
  if (execution.recording != nullptr) {
    const Recording& recording = *execution.recording;
    trace.events = recording.events;
    for (Event& event : trace.events) event.stack = table.add(recording.stacks[event.stack]);
    trace.texts = recording.texts;
    trace.tasks = recording.tasks;
    trace.objects = recording.objects;
    trace.truncated = recording.truncated;
    trace.hosts = recording.hosts;
    trace.task_hosts = recording.task_hosts;
    trace.choice_steps = recording.choice_steps;
    trace.waits = recording.waits;
    for (Wait& wait : trace.waits) wait.stack = table.add(recording.stacks[wait.stack]);
    trace.messages = recording.messages;
    trace.orders = recording.orders;
    drop_implied_orders(trace);
  } else {
    trace.texts.emplace_back();
    trace.objects.emplace_back();
  }
  trace.races = options.races;
  for (const std::uintptr_t site : execution.racy_sites) trace.racy_sites.push_back(table.add({site}));
  if (execution.finding) {
    const Finding& finding = *execution.finding;
    trace.failed = true;
    trace.finding = {finding.kind, finding.message, finding.time_ns, finding.step, {}, finding.details};
    for (const Place& place : finding.places) {
      trace.finding.places.push_back({place.task, place.role, table.add(place.stack)});
    }
  }
  return trace;
}

const Frame* user_frame(const Trace& trace, std::uint32_t stack) {
  if (stack >= trace.stacks.size()) return nullptr;
  for (const std::uint32_t index : trace.stacks[stack]) {
    if (trace.frames[index].user && trace.frames[index].line != 0) return &trace.frames[index];
  }
  return nullptr;
}

std::string place_text(const Frame* frame) {
  return frame == nullptr || frame->file.empty() ? std::string() : fmt::format("{}:{}", frame->file, frame->line);
}

std::int64_t first_difference(const Trace& a, const Trace& b) {
  const std::size_t n = std::min(a.events.size(), b.events.size());
  for (std::size_t i = 0; i < n; ++i) {
    const Event& x = a.events[i];
    const Event& y = b.events[i];
    if (x.time_ns != y.time_ns || x.task != y.task || x.op != y.op || x.result != y.result) {
      return static_cast<std::int64_t>(i);
    }
  }
  return a.events.size() == b.events.size() ? -1 : static_cast<std::int64_t>(n);
}

}  // namespace foreseed
