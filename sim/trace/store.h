#pragma once
// The local database of campaigns and failures: SQLite, WAL, STRICT tables; schema in docs/trace.md.
//
// A campaign that passes leaves one row of counters, never a row per run. A failure is written with synchronous=FULL
// before it is reported, so that nothing reported is lost. Files that are not ours, are damaged or come from a newer
// version are refused with UnreadableError. Host code only; one Store per process and file.

#include <cstdint>
#include <memory>
#include <string>

#include "trace/trace.h"

namespace foreseed {

struct CampaignCounters {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint64_t failures = 0;
  double seconds = 0;
};

class Store {
 public:
  /// Opens or makes the database; missing parent directories are made. Throws UnreadableError.
  explicit Store(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::int64_t begin_campaign(const std::string& scenario, std::uint64_t base_seed, std::uint64_t runs_wanted);
  void update_campaign(std::int64_t id, const CampaignCounters& counters);

  /// Keeps a failure, returns its number (1, 2, ..). `campaign` 0 = none.
  std::int64_t add_failure(std::int64_t campaign, const Trace& trace);
  Trace load_failure(std::int64_t id);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

/// Loads what `name` names: a JSON file, "<database>#<number>", or a number (then in `default_database`).
Trace load_trace(const std::string& name, const std::string& default_database);

}  // namespace foreseed
