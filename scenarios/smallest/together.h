#pragma once

#include <thread>

namespace smallest {

/// Runs the functions at the same time, each in a thread of its own, and waits for all.
template <typename... Functions>
void together(const Functions&... functions) {
  std::thread threads[] = {std::thread(functions)...};
  for (std::thread& thread : threads) thread.join();
}

}  // namespace smallest
