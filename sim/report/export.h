#pragma once
// A trace in the formats of other tools. Names come from the program under test and are escaped in each. Host code only.

#include <string>
#include <vector>

#include "trace/trace.h"

namespace foreseed::report {

/// What is said of a trace besides itself.
struct ExportOptions {
  std::string trace_name;  ///< as the user names it
  std::string replay;      ///< the command that replays it
};

/// Trace Event Format of Chrome, which Perfetto reads: a process per host, a thread per task, an arrow per message and
/// order. Virtual time in microseconds; steps of one instant are drawn 1 ns apart.
std::string chrome(const Trace& trace);

/// Graphviz: the failing step's past, as far as it is within `steps_max` steps of it, and who waits for whom at the end.
std::string dot(const Trace& trace, std::size_t steps_max = 200);

/// SARIF 2.1.0: the finding as a result, each task's last steps as a thread flow.
std::string sarif(const Trace& trace, const ExportOptions& options);

/// A workflow command of GitHub Actions that puts the finding at its line; "" for a trace that held.
std::string github(const Trace& trace, const ExportOptions& options);

/// One test case of a JUnit report.
struct JUnitCase {
  std::string scenario;
  double seconds = 0;
  std::string failure;   ///< its message; "" = held
  std::string details;
};
std::string junit(const std::string& suite, const std::vector<JUnitCase>& cases);
std::string junit(const Trace& trace, const ExportOptions& options);

/// Text as it may stand in XML: escaped, and without the characters that XML 1.0 has no place for.
std::string xml_escaped(std::string_view text);

}  // namespace foreseed::report
