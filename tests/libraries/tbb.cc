// oneTBB: arenas of worker threads that steal, and a second library that it loads while it runs.

#include <foreseed/scenario.h>
#include <tbb/concurrent_hash_map.h>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

#include <atomic>

FORESEED_SCENARIO(tbb_parallel_for, "each index once") {
  std::atomic<int> sum{0};
  tbb::parallel_for(0, 100, [&](int i) { sum += i; });
  FORESEED_CHECK(sum == 4950);
}

FORESEED_SCENARIO(tbb_task_group, "wait() waits for all tasks") {
  tbb::task_group group;
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) group.run([&] { ++done; });
  group.wait();
  FORESEED_CHECK(done == 10);
}

FORESEED_SCENARIO(tbb_concurrent_hash_map, "accessors exclude each other") {
  tbb::concurrent_hash_map<int, int> map;
  tbb::parallel_for(0, 50, [&](int i) {
    decltype(map)::accessor entry;
    map.insert(entry, i % 7);
    entry->second += i;
  });
  int sum = 0;
  for (const auto& [key, value] : map) sum += value;
  FORESEED_CHECK(sum == 1225);
}
