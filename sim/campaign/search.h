#pragma once
// explore in worker processes: a search goes on in slices, each in a worker that is given its state and hands it back.
// Host code.
//
// So a death of the code under test costs an execution, which becomes a failure with its choices, and the search goes on
// behind it; what is written down between two slices is a checkpoint; and with several jobs workers are given units, parts
// of the search that it comes to later (see explore/search.h). The search takes units over where it comes to them, so that
// executions are counted, and failures found, in the order of a search by one process, however many there are.

#include <cstdint>
#include <string>

#include "campaign/record.h"
#include "explore/explore.h"

namespace foreseed {

struct SearchOptions {
  explore::ExploreOptions search;
  unsigned jobs = 1;       ///< worker processes, 1 .. 256
  std::string checkpoint;  ///< file, written ten times a second, or less where that takes long, and at the end; "" = none
  bool resume = false;     ///< go on where the checkpoint is, if there is one
};

struct SearchResult : explore::ExploreResult {
  bool interrupted = false;  ///< by Ctrl-C, or SIGTERM
};

/// Throws UnreadableError for a checkpoint that is none, or of another search.
FORESEED_API SearchResult search_in_workers(const Scenario& scenario, const SearchOptions& options);

}  // namespace foreseed
