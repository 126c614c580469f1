#pragma once

namespace foreseed {

/// Makes the C++ runtime do, natively, what it does once per process - the unwinder's tables, the classic locale and its
/// caches - so that no execution depends on what the process did before it. Then what the program has for this (WarmUp).
void warm_up();

}  // namespace foreseed
