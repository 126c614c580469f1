// What AddressSanitizer's instrumentation finds, in a build with it: each is wrong under some schedules only.

#include <pthread.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <foreseed/scenario.h>

namespace {

std::mutex mutex;

/// 1 or 0: whether the other thread came first.
int other_first(int& turns) {
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

/// Keeps the optimiser from knowing.
template <typename T>
T* hidden(T* pointer) {
  asm volatile("" : "+r"(pointer));
  return pointer;
}

char table[24] = {1};

void handle(int depth) {
  char room[40];
  std::memset(hidden(room), depth, sizeof room);
  if (depth == 0) throw std::runtime_error("deep");
  handle(depth - 1);
}

}  // namespace

FORESEED_SCENARIO(heap, "writes one byte beyond a heap block of 13") {
  int turns = 0;
  const auto block = std::make_unique<char[]>(13);
  hidden(block.get())[12 + other_first(turns)] = 1;
}
FORESEED_SCENARIO(heap_before, "reads a byte before a heap block") {
  int turns = 0;
  const auto block = std::make_unique<char[]>(13);
  hidden(block.get())[-other_first(turns)] = 1;
}
FORESEED_SCENARIO(freed, "reads a block that another thread may have freed") {
  auto* block = new int(3);
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    delete block;
  });
  int read = 0;
  {
    const std::lock_guard lock(mutex);
    read = *hidden(block);
  }
  other.join();
  FORESEED_CHECK(read == 3);
}
FORESEED_SCENARIO(local, "writes beyond a local array") {
  int turns = 0;
  int numbers[5] = {};
  hidden(numbers)[4 + other_first(turns)] = 1;
}
FORESEED_SCENARIO(global, "reads beyond a global array") {
  int turns = 0;
  FORESEED_CHECK(hidden(table)[23 + other_first(turns)] == 0);
}
FORESEED_SCENARIO(scope, "writes to a local whose scope has ended") {
  int turns = 0;
  const int which = other_first(turns);
  int outer = 0;
  int* place = &outer;
  {
    int inner = 0;
    if (which == 1) place = hidden(&inner);
    *hidden(&inner) = 2;
  }
  *hidden(place) = 3;
}
FORESEED_SCENARIO(copied, "copies a byte too many") {
  int turns = 0;
  const auto block = std::make_unique<char[]>(16);
  char from[32] = {};
  std::memcpy(hidden(block.get()), hidden(from), 16 + static_cast<std::size_t>(other_first(turns)));
}
FORESEED_SCENARIO(good, "touches all that it may, through exceptions, ended threads and blocks used again") {
  int turns = 0;
  FORESEED_CHECK(other_first(turns) + turns > 0);
  for (int i = 0; i < 3; ++i) {
    std::thread([] {
      try {
        handle(5);
      } catch (const std::runtime_error&) {
      }
      char all[400];
      std::memset(hidden(all), 1, sizeof all);
    }).join();
    pthread_t thread;
    pthread_create(&thread, nullptr, [](void*) -> void* {
      char all[200];
      std::memset(hidden(all), 1, sizeof all);
      pthread_exit(nullptr);
    }, nullptr);
    pthread_join(thread, nullptr);
  }
  for (std::size_t size = 1; size < 300; ++size) {
    const auto block = std::make_unique<char[]>(size);
    std::memset(hidden(block.get()), 1, size);
  }
  std::vector<std::string> texts(20, std::string(100, 'x'));
  texts.resize(3);
  FORESEED_CHECK(texts[2].size() == 100 && table[0] == 1);
}
