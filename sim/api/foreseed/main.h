#pragma once

#include <foreseed/export.h>

namespace foreseed {

/// The foreseed command over the scenarios of this program: parses `argv`, runs, returns the exit code. Called by the
/// main() of the library foreseed_main; call it from a main of your own to do something first.
FORESEED_API int foreseed_main(int argc, char** argv);

}  // namespace foreseed
