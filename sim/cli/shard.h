#pragma once
// Which part of a campaign is this process's: --shard i/n, or what a cluster's scheduler says in the environment.

#include <string>

namespace foreseed {

struct Shard {
  unsigned index = 0;  ///< 0 .. count - 1
  unsigned count = 1;
};

/// "0/4"; "auto" reads SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or GTEST_SHARD_INDEX, whose job count is in the
/// environment too or follows as "auto/4". Throws UsageError.
Shard parse_shard(const std::string& text);

}  // namespace foreseed
