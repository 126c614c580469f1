#pragma once
// A trace: one recorded execution as a value that needs nothing of the process that made it. It is what the store keeps,
// JSON carries, `show` prints and `replay` follows.
//
// Stacks are symbolised when the trace is made; addresses are relative to their module. Host code only.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/foreseed/scenario.h"
#include "kernel/execution.h"

namespace foreseed {

/// Something that was handed in - a trace, a database - cannot be used. what() is one line: what, where, and what to do.
struct UnreadableError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One symbolised code address; inlined calls give several frames for one address, innermost first.
struct Frame {
  std::string module;        ///< file name of the module, "" = the program itself
  std::uint64_t offset = 0;  ///< module-relative address
  std::string function;      ///< demangled, "" = unknown
  std::string file;          ///< as compiled, made relative to the current directory where it lies below it; "" = unknown
  std::uint32_t line = 0;
  bool user = false;         ///< neither the simulator, libc, the C++ library nor the compiler's headers

  friend bool operator==(const Frame&, const Frame&) = default;
};

struct TracePlace {
  std::uint16_t task = 0;
  std::string role;
  std::uint32_t stack = 0;  ///< indexes Trace::stacks

  friend bool operator==(const TracePlace&, const TracePlace&) = default;
};

struct TraceFinding {
  FindingKind kind = FindingKind::check_failed;
  std::string message;
  std::uint64_t time_ns = 0;
  std::uint32_t step = 0;
  std::vector<TracePlace> places;
  std::string details;

  friend bool operator==(const TraceFinding&, const TraceFinding&) = default;
};

struct Trace {
  static constexpr int format_version = 1;

  std::string program;      ///< file name of the program
  std::string build_id;     ///< hex, "" = the program has none
  std::string scenario;
  std::uint64_t seed = 0;
  std::uint32_t steps_per_instant_max = 0;  ///< the bound it was run with
  std::string faults;       ///< RunOptions::faults
  MemoryModel memory = MemoryModel::sc;
  std::uint32_t timeouts = 0;  ///< RunOptions::timeouts
  std::string strategy;     ///< RunOptions::strategy_name; "" = uniform
  std::uint64_t fingerprint = 0;
  std::uint64_t virtual_ns = 0;
  std::uint32_t steps = 0;
  bool truncated = false;   ///< only the first events were kept
  bool failed = false;
  TraceFinding finding;     ///< only if failed
  std::vector<Choice> choices;
  std::vector<Event> events;                        ///< Event::stack indexes `stacks`, Event::text indexes `texts`
  std::vector<Frame> frames;                        ///< distinct
  std::vector<std::vector<std::uint32_t>> stacks;   ///< of indices into `frames`, innermost first; [0] is empty
  std::vector<std::string> texts;                   ///< [0] is empty
  std::vector<std::string> tasks;
  std::vector<std::string> objects;                 ///< [0] is empty
  // what readers are shown beside the events; traces of before it was recorded have none
  std::vector<std::string> hosts;
  std::vector<std::uint16_t> task_hosts;            ///< of each task
  std::vector<std::uint32_t> choice_steps;          ///< for each choice, the first step that it had a part in
  std::vector<Wait> waits;                          ///< Wait::stack indexes `stacks`
  std::vector<Order> orders;                        ///< by `to`; none that follows from others
  std::vector<Message> messages;
  // --races explore
  Races races = Races::stop;                        ///< RunOptions::races
  std::vector<std::uint32_t> racy_sites;            ///< RunOptions::racy_sites: of each, a stack of that address alone

  friend bool operator==(const Trace&, const Trace&) = default;
};

/// The trace of a recorded execution of this process (RunOptions::record was set). `choices` are those of the execution.
FORESEED_API Trace make_trace(const Scenario& scenario, const RunOptions& options, const Execution& execution);

/// The build id of this process's program in hex, and its file name.
std::string own_build_id();
std::string own_program_name();

/// The innermost frame of a stack that is the user's; null if there is none with a known line.
const Frame* user_frame(const Trace& trace, std::uint32_t stack);

/// "file:line", or "" where it is not known.
std::string place_text(const Frame* frame);

/// The position in `events` at which two traces first differ in (time, task, operation, result), which is the length of
/// the shorter if one goes on where the other ends; -1 if they do not differ.
std::int64_t first_difference(const Trace& a, const Trace& b);

// json.cc. Throws UnreadableError.
std::string to_json(const Trace& trace);
Trace from_json(std::string_view text, const std::string& name);
/// The JSON Schema of what to_json() gives.
std::string json_schema();
void write_json_file(const Trace& trace, const std::string& path);
Trace read_json_file(const std::string& path);

// diff.cc
/// The first event in which two traces differ, those before it and those that followed, side by side; "" if they are equal.
/// `last`: at most so many from there on, 0 = all.
std::string show_difference(const Trace& one, const Trace& other, std::size_t width, std::size_t last);

// show.cc
struct ShowOptions {
  std::size_t width = 100;     ///< columns of the terminal, at least 60
  std::size_t last = 60;       ///< prints the last so many steps; 0 = all
  std::uint32_t until = 0;     ///< up to that step, without the finding; 0 = to the end
};
/// Steps in columns, one per task, then the finding with its places.
std::string show(const Trace& trace, const ShowOptions& options);
/// What one step did, on one line: "mutex_lock mutex#1 = 16  a.cc:7". Control characters are shown, not obeyed.
std::string step_text(const Trace& trace, const Event& event);
std::string time_text(std::uint64_t ns);
std::string task_name(const Trace& trace, std::uint16_t task);
/// Text from a trace may hold anything: control characters are shown, not obeyed.
std::string printable(std::string_view text);
/// The finding alone: message, places with file:line and stack, details. Several lines, each ending in '\n'.
std::string describe_finding(const Trace& trace);

}  // namespace foreseed
