#pragma once
// The search for an order of operations, and for the smallest part of a history that has none.
//
// Wing and Gong's search with Lowe's memory ("Testing for linearizability", Concurrency and Computation 2017): operations
// are linearized one after another, each as long as nothing that is left returned before it was called; a set of linearized
// operations that leads to a state where it has led before is not tried again.
// Pure: knows nothing of runs. Runs in simulated code, so that what a specification allocates is the run's.

#include <cstdint>
#include <vector>

#include "api/foreseed/history.h"

namespace foreseed::check {

using detail::Operation;
using detail::StateSpace;

/// An operation to be explained, by its number in the state space.
struct Constraint {
  std::uint32_t operation = 0;
  std::uint64_t called = 0;
  std::uint64_t returned = Operation::never;  ///< never: it may have taken effect, with any result, or not
};

/// Whether there is an order of `constraints`, which come in order of their calls; undecided after `steps_max` steps, of
/// which each applies an operation or compares two states.
Verdict search(StateSpace& states, const std::vector<Constraint>& constraints, std::uint64_t steps_max);

/// Fewest constraints for which there is no order: those of the shortest such prefix, of which as many as possible are
/// relaxed (returned == never). `constraints` have none. Where the search would take too long, more are kept.
std::vector<Constraint> smallest_unexplained(StateSpace& states, const std::vector<Constraint>& constraints);

}  // namespace foreseed::check
