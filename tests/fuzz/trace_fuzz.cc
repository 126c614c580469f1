// What is handed in as a trace is refused with UnreadableError, or is a trace that everything can be done with. For
// libFuzzer: see scripts/fuzz.sh.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "trace/signature.h"
#include "trace/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreseed;
  Trace trace;
  try {
    trace = from_json({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const UnreadableError&) {
    return 0;
  }
  show(trace, {});
  describe_finding(trace);
  signature_of(trace);
  signature_of(trace, Places::functions);
  // Text that is no UTF-8 is refused by the reader, so that what was read comes back as it was.
  if (from_json(to_json(trace), "again") != trace) std::abort();
  return 0;
}
