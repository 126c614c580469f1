#pragma once
// The local database of campaigns and failures: SQLite, WAL, STRICT tables; schema in docs/trace.md.
//
// A campaign that passes leaves one row of counters and the ranges of what it has run, never a row per run. A failure is
// written with synchronous=FULL before it is reported, and before the range it was found in is, so that nothing reported
// is lost and nothing found is skipped. Older databases are brought up to date when they are opened; files that are not
// ours, are damaged or come from a newer version are refused with UnreadableError. Host code only; one Store per process
// and file.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trace/ranges.h"
#include "trace/trace.h"

namespace foreseed {

/// What makes two campaigns the same one: then one can go on with the other.
struct CampaignIdentity {
  std::string scenario;
  std::string build_id;
  std::string configuration;        ///< all else that its executions depend on
  std::uint64_t first_seed = 0;     ///< run k has the seed first_seed + k * seed_stride
  std::uint64_t seed_stride = 1;
  std::uint64_t runs_wanted = 0;    ///< 0 = no bound
};

struct CampaignCounters {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint64_t failures = 0;
  double seconds = 0;
};

struct CampaignState {
  std::int64_t id = 0;
  CampaignCounters counters;
  std::vector<Range> done;  ///< runs, united
};

struct KeptFailure {
  std::int64_t id = 0;
  std::string scenario;
  std::uint64_t seed = 0;
  std::string kind;
  std::string message;
};

class Store {
 public:
  /// Opens or makes the database; missing parent directories are made. Throws UnreadableError.
  explicit Store(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::int64_t begin_campaign(const CampaignIdentity& identity);
  /// The last campaign of that identity, unless it has come to its end.
  std::optional<CampaignState> unfinished_campaign(const CampaignIdentity& identity);
  /// Counters and ranges in one transaction.
  void update_campaign(const CampaignState& state);
  void finish_campaign(std::int64_t id);

  /// Keeps a failure, returns its number (1, 2, ..). `campaign` 0 = none.
  std::int64_t add_failure(std::int64_t campaign, const Trace& trace);
  /// Puts a smaller trace of the same failure in its place.
  void replace_failure(std::int64_t id, const Trace& trace);
  Trace load_failure(std::int64_t id);
  /// Of one campaign, or all at -1, by number.
  std::vector<KeptFailure> failures(std::int64_t campaign = -1);

  /// Takes over campaigns and failures of another database that are not there yet, and what campaigns that are there have
  /// run more. Returns the number of failures that were new.
  std::size_t merge(Store& other);

  struct Connection;

 private:
  std::int64_t insert_failure(std::int64_t campaign, const std::string& uid, const Trace& trace);
  void write_rows(std::int64_t id, const Trace& trace);
  std::int64_t merge_campaign(Store& other, std::int64_t id);
  CampaignState load_campaign(std::int64_t id);
  void write_state(const CampaignState& state);

  std::unique_ptr<Connection> connection_;
};

/// Loads what `name` names: a JSON file, "<database>#<number>", or a number (then in `default_database`).
Trace load_trace(const std::string& name, const std::string& default_database);

}  // namespace foreseed
