#include "cli/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "cli/cli.h"

namespace foreseed {

namespace {

constexpr unsigned shards_max = 100'000;

unsigned number(const std::string& text, const std::string& what) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > shards_max) {
    throw UsageError(fmt::format("{}: '{}' is no number up to {}", what, text, shards_max));
  }
  return value;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// One scheduler's variables.
struct Scheduler {
  const char* index;
  const char* first;  ///< what counting starts at, null = 0
  const char* count;  ///< null: it does not say
};
constexpr Scheduler schedulers[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"},
    {"JOB_COMPLETION_INDEX", nullptr, nullptr},
    {"GTEST_SHARD_INDEX", nullptr, "GTEST_TOTAL_SHARDS"},
};

Shard from_environment(const std::string& count) {
  for (const Scheduler& scheduler : schedulers) {
    const std::string index = environment(scheduler.index);
    if (index.empty()) continue;
    std::string counted = count;
    if (counted.empty() && scheduler.count != nullptr) counted = environment(scheduler.count);
    if (counted.empty()) throw UsageError(fmt::format("--shard auto: {} does not say of how many; write auto/N", scheduler.index));
    Shard shard{number(index, scheduler.index), number(counted, "--shard")};
    const std::string first = scheduler.first == nullptr ? "" : environment(scheduler.first);
    if (!first.empty()) shard.index -= std::min(shard.index, number(first, scheduler.first));
    return shard;
  }
  throw UsageError("--shard auto: none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX and GTEST_SHARD_INDEX is set; write i/n");
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const auto slash = text.find('/');
  const std::string index = text.substr(0, slash);
  const std::string count = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (index != "auto" && count.empty()) throw UsageError(fmt::format("--shard: '{}' is not i/n, auto or auto/n", text));
  const Shard shard = index == "auto" ? from_environment(count) : Shard{number(index, "--shard"), number(count, "--shard")};
  if (shard.index >= shard.count) {
    throw UsageError(fmt::format("--shard: there is no part {} of {}; parts are 0 to n-1", shard.index, shard.count));
  }
  return shard;
}

}  // namespace foreseed
