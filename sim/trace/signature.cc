#include "trace/signature.h"

#include <fmt/format.h>

#include <algorithm>

namespace foreseed {

namespace {

/// Without the numbers that compilers give to lambdas, which change with what stands above: "{lambda()#2}", "$_2".
std::string without_numbers(std::string_view function) {
  std::string text;
  for (const char c : function) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit || !(text.ends_with('#') || text.ends_with("$_"))) text += c;
  }
  return text;
}

}  // namespace

std::string signature_text(FindingKind kind, const std::string& message) {
  std::string text(to_string(kind));
  text += ' ';
  std::string_view rest = message;
  if (kind == FindingKind::deadlock || kind == FindingKind::data_race) rest = rest.substr(0, rest.find(':'));
  for (const char c : rest) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) text += c;
    else if (text.back() != '#') text += '#';
  }
  return text;
}

Signature signature_of(const Trace& trace, Places by) {
  Signature signature;
  if (!trace.failed) return signature;
  const TraceFinding& finding = trace.finding;
  signature.text = signature_text(finding.kind, finding.message);
  const bool anywhere = finding.kind == FindingKind::livelock || finding.kind == FindingKind::hang ||
                        finding.kind == FindingKind::died || finding.kind == FindingKind::out_of_memory;
  if (anywhere) return signature;
  for (const TracePlace& place : finding.places) {
    // What follows the two accesses of a race is its context.
    if (finding.kind == FindingKind::data_race && &place - finding.places.data() == 2) break;
    const bool joins = finding.kind == FindingKind::deadlock &&
                       (place.role.starts_with("waits for the end of ") || place.role.starts_with("signalled "));
    const Frame* const frame = user_frame(trace, place.stack);
    if (joins || frame == nullptr) continue;
    // The directory depends on where it is compiled and run.
    const std::string file = frame->file.substr(frame->file.rfind('/') + 1);
    signature.places.push_back(by == Places::lines ? fmt::format("{}:{}", file, frame->line) : file + ' ' + without_numbers(frame->function));
  }
  std::sort(signature.places.begin(), signature.places.end());
  signature.places.erase(std::unique(signature.places.begin(), signature.places.end()), signature.places.end());
  return signature;
}

}  // namespace foreseed
