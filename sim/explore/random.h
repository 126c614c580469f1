#pragma once
// Random strategies: who goes on in an execution that a seed stands for. Each is one small file; `uniform` is what the
// kernel does by itself, and faster. All let others go first where a task only yields or spins.

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "choice/prng.h"
#include "kernel/strategy.h"

namespace foreseed::explore {

/// A guess of how many steps an execution will make, in which something is to happen at a random one: 8, half as often 16,
/// and so on up to 1,024. Small programs are the most common, and wrong guesses cost them most.
inline std::uint64_t guess_length(Prng& random) { return std::uint64_t{8} << std::countr_zero(random.next() | 128); }

std::unique_ptr<Strategy> make_walk();
std::unique_ptr<Strategy> make_pct();
std::unique_ptr<Strategy> make_pos();
std::unique_ptr<Strategy> make_surw();
std::unique_ptr<Strategy> make_delays();
std::unique_ptr<Strategy> make_preemptions();
std::unique_ptr<Strategy> make_round_robin();

/// The names of the strategies that a seed can be run under, "portfolio" among them.
FORESEED_API std::vector<std::string> strategy_names();

/// Whether executions under the strategy of this name are those of a search (RunOptions::search).
inline bool is_search(std::string_view name) { return name == "dfs" || name == "dpor"; }

/// The name of the strategy that an execution of `seed` has: the portfolio's member, else `name`.
FORESEED_API std::string_view member_for(std::string_view name, std::uint64_t seed);

/// The strategy of that name, for an execution of `seed`: under "portfolio" each seed has its own. Null stands for uniform,
/// and for names of searches. It is the process's: good for one execution at a time.
FORESEED_API Strategy* strategy_named(std::string_view name, std::uint64_t seed);

}  // namespace foreseed::explore
