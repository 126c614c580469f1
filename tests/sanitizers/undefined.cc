// What UndefinedBehaviorSanitizer's instrumentation finds, in a build with it: each is undefined under some schedules only.

#include <climits>
#include <cstdint>
#include <mutex>
#include <thread>

#include <foreseed/scenario.h>

namespace {

std::mutex mutex;

int other_first() {
  int turns = 0;
  int mine = 0;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    ++turns;
  });
  {
    const std::lock_guard lock(mutex);
    mine = turns;
  }
  other.join();
  return mine;
}

int keep(int value) {
  asm volatile("" : "+r"(value));
  return value;
}

int named(int value) {
  switch (value) {
    case 0: return 1;
    case 1: __builtin_unreachable();
  }
  return 0;
}

struct Pair {
  int first;
  int second;
};

}  // namespace

FORESEED_SCENARIO(overflow, "adds beyond the largest integer") { keep(INT_MAX - 1 + keep(1) + other_first()); }
FORESEED_SCENARIO(negation, "negates the least integer") {
  const int least = keep(INT_MIN + 1 - other_first());
  keep(-least);
}
FORESEED_SCENARIO(division, "divides by zero") { keep(7 / (1 - other_first())); }
FORESEED_SCENARIO(shift, "shifts too far") { keep(1 << (31 * other_first() + other_first())); }
FORESEED_SCENARIO(index_beyond, "an index beyond an array") {
  int numbers[3] = {1, 2, 3};
  keep(numbers[keep(2) + other_first()]);
}
FORESEED_SCENARIO(null_pointer, "a member of nothing") {
  Pair pair{1, 2};
  Pair* const pointer = other_first() == 1 ? nullptr : &pair;
  keep(pointer->second);
}
FORESEED_SCENARIO(misaligned, "an integer at an odd address") {
  alignas(8) char bytes[16] = {};
  auto* const number = reinterpret_cast<int*>(bytes + other_first());
  keep(*number);
}
FORESEED_SCENARIO(bad_bool, "a bool that is neither") {
  bool flag = false;
  const auto value = static_cast<unsigned char>(2 * other_first());
  __builtin_memcpy(&flag, &value, 1);
  asm volatile("" : : "r"(&flag) : "memory");
  keep(flag ? 1 : 0);
}
FORESEED_SCENARIO(unreachable, "a place that is never reached") { keep(named(keep(other_first()))); }
FORESEED_SCENARIO(good, "nothing undefined") { keep(INT_MAX - 1 + other_first()); }
