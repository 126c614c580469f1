#pragma once
// A trace as one HTML file that needs nothing else: no network, no other file, no server.
//
// What the trace says is data in the page, never markup or code: the page allows its own script and style by their hashes
// and nothing besides (Content-Security-Policy). Host code only.

#include <string>

#include "trace/trace.h"

namespace foreseed::report {

struct PageOptions {
  std::string replay;  ///< the command that replays the trace, for the reader to copy
};

std::string page(const Trace& trace, const PageOptions& options);

/// Writes a file; missing directories are made. Throws UnreadableError, which names the `option` that gives another path.
void write_text(const std::string& text, const std::string& path, const char* option);

/// Text as HTML text or a double-quoted attribute's value.
std::string html_escaped(std::string_view text);

}  // namespace foreseed::report
