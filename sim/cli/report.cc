// report, diff, export: a trace for people and for other tools.

#include <fmt/format.h>

#include "cli/cli.h"
#include "report/export.h"
#include "report/page.h"
#include "trace/store.h"

namespace foreseed {

namespace {

/// Beside what the trace was loaded from: t.json -> t.html, results/foreseed.db#3 -> results/foreseed-3.html. Of what the
/// trace says, nothing becomes part of a path.
std::string beside(const Options& options, const std::string& ending) {
  std::string name = options.trace;
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos) name = options.database + "#" + name;
  const std::size_t sign = name.rfind('#');
  std::string number;
  if (sign != std::string::npos && name.find('/', sign) == std::string::npos) {
    number = "-" + name.substr(sign + 1);
    name.resize(sign);
  }
  const std::size_t dot = name.rfind('.');
  if (dot != std::string::npos && name.find('/', dot) == std::string::npos && dot != 0) name.resize(dot);
  return name + number + ending;
}

std::string full_name(const Options& options) {
  const bool number = options.trace.find_first_not_of("0123456789") == std::string::npos;
  return number ? options.database + "#" + options.trace : options.trace;
}

std::string exported(const Trace& trace, const Options& options) {
  const std::string name = full_name(options);
  const report::ExportOptions about{name, fmt::format("{} replay {}", options.program, name)};
  if (options.format == "chrome") return report::chrome(trace);
  if (options.format == "dot") return report::dot(trace);
  if (options.format == "junit") return report::junit(trace, about);
  if (options.format == "sarif") return report::sarif(trace, about);
  return report::github(trace, about);
}

}  // namespace

ExitCode export_trace(const Options& options) {
  const std::string text = exported(load_trace(options.trace, options.database), options);
  if (options.out.empty()) {
    fmt::print("{}", text);
  } else {
    report::write_text(text, options.out, "--out");
  }
  return ExitCode::held;
}

ExitCode report_trace(const Options& options) {
  const Trace trace = load_trace(options.trace, options.database);
  const std::string path = options.out.empty() ? beside(options, ".html") : options.out;
  const std::string command = fmt::format("{} replay {}", options.program, full_name(options));
  report::write_text(report::page(trace, {command}), path, "--out");
  fmt::print("{}\n", path);
  return ExitCode::held;
}

ExitCode diff_traces(const Options& options) {
  const Trace one = load_trace(options.trace, options.database);
  const Trace other = load_trace(options.other_trace, options.database);
  const std::string difference = show_difference(one, other, terminal_width(), options.last);
  fmt::print("{}", difference.empty() ? "equal: " + std::to_string(one.events.size()) + " steps\n" : difference);
  return difference.empty() ? ExitCode::held : ExitCode::violated;
}

}  // namespace foreseed
