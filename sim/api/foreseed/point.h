#pragma once
// Optional marks in the code under test, where a fault plan can strike: the one header of foreseed that production code
// may include. In a program that does not run under foreseed a mark does nothing, and needs no library.
//
//   if (FORESEED_POINT("orders.before_commit")) return Status::unavailable;
//
// is true where a plan says that this point fails (FaultKind::fail), and a place where its host can be crashed, killed or
// paused, or its task stalled.

extern "C" {
/// Defined by foreseed; absent in production. `name` is a literal.
__attribute__((weak, visibility("default"))) bool foreseed_point(const char* name);
}

#define FORESEED_POINT(name) (foreseed_point != nullptr && foreseed_point(name))
