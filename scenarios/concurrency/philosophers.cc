// Dining philosophers (Dijkstra, EWD310): each needs the forks on both sides.

#include <foreseed/scenario.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace {

void dinner(std::size_t philosophers, bool lower_fork_first) {
  std::vector<std::mutex> forks(philosophers);
  int meals = 0;
  std::mutex meals_mutex;
  std::vector<std::thread> table;
  for (std::size_t i = 0; i < philosophers; ++i) {
    table.emplace_back([&, i] {
      std::size_t first = i;
      std::size_t second = (i + 1) % philosophers;
      if (lower_fork_first && second < first) std::swap(first, second);
      const std::lock_guard one(forks[first]);
      const std::lock_guard other(forks[second]);
      const std::lock_guard lock(meals_mutex);
      ++meals;
    });
  }
  for (std::thread& philosopher : table) philosopher.join();
  FORESEED_CHECK(meals == static_cast<int>(philosophers));
}

}  // namespace

FORESEED_SCENARIO(philosophers_3_broken, "three, each of whom takes the left fork first (fails: deadlock)") { dinner(3, false); }
FORESEED_SCENARIO(philosophers_5_broken, "five (fails: deadlock)") { dinner(5, false); }
FORESEED_SCENARIO(philosophers_3, "the repaired twin: the lower fork first (holds)") { dinner(3, true); }
FORESEED_SCENARIO(philosophers_5, "five (holds)") { dinner(5, true); }
