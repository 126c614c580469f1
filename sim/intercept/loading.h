#pragma once
// Libraries that the program loads while it runs: see loading.cc.

namespace foreseed {

extern bool loading_library;

}  // namespace foreseed
