#pragma once
// Many executions of one scenario, run after run: run k has the seed first_seed + k * seed_stride. Host code.
//
// Worker processes take chunks of runs, and tell through shared memory which are done and what failed. One that dies of a
// run costs nothing but that run, which is a failure with its choices; one that is killed from outside costs nothing.
// Every 64th run is made twice and its fingerprints compared. Without --keep-going the failure is that of the lowest run,
// however many workers there are (where the campaign is bounded by a count; a time limit makes no such promise).

#include <cstdint>
#include <string>
#include <vector>

#include "campaign/record.h"
#include "kernel/execution.h"
#include "trace/ranges.h"
#include "trace/trace.h"

namespace foreseed {

struct CampaignOptions {
  std::uint64_t first_seed = 0;
  std::uint64_t seed_stride = 1;
  std::uint64_t runs = 1000;           ///< 0 = no bound: then `seconds` is one
  double seconds = 0;                  ///< 0 = no bound
  unsigned jobs = 1;                   ///< worker processes, 1 .. 256
  bool fork = true;                    ///< false: one job, in this process
  bool keep_going = false;
  Setting setting;
  Limits limits;

  // What an earlier part of the campaign did.
  std::vector<Range> done;                        ///< runs, united
  struct Known {
    std::string signature;                        ///< signature_text()
    std::uint64_t run = 0;
  };
  std::vector<Known> known;                       ///< failures that were kept
};

/// A run that did not hold. `trace` is its recording.
struct Failure {
  std::uint64_t seed = 0;
  Trace trace;
  bool not_deterministic = false;
  std::string message;  ///< not_deterministic: where two runs part
};

struct CampaignProgress {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint64_t failures = 0;  ///< runs that failed, of which one per message is kept
  double seconds = 0;          ///< since the start
};

/// Hears of a campaign while it runs, from the process that called run_campaign().
class CampaignObserver {
 public:
  virtual ~CampaignObserver() = default;
  /// A few times a second.
  virtual void progress(const CampaignProgress&) {}
  /// A failure of a new kind, or a lower seed for one that was told before: to be kept before this returns.
  virtual void failed(const Failure&) {}
  /// These runs, beyond those told before, are done: all their failures were told.
  virtual void done(const std::vector<Range>&, const CampaignProgress&) {}
};

struct CampaignResult : CampaignProgress {
  bool interrupted = false;    ///< by Ctrl-C, or SIGTERM
};

FORESEED_API CampaignResult run_campaign(const Scenario& scenario, const CampaignOptions& options, CampaignObserver& observer);

}  // namespace foreseed
