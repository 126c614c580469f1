#pragma once
// The report's template, style and script, embedded by the build (cmake/embed_report.cmake).

namespace foreseed::report::assets {

extern const char shell[];          ///< report.html, with @NAMES@ to fill in
extern const char style[];          ///< report.css
extern const char style_sha256[];   ///< in hex
extern const char* const script[];  ///< the parts of the script, in order; ends in null
extern const char script_sha256[];
extern const char gdb_script[];     ///< foreseed_gdb.py, for `replay --gdb`

}  // namespace foreseed::report::assets
