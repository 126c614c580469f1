// The journal: events numbered 1, 2, 3, ... in a versioned store, and their fold in memory.
//
// An event is appended by writing it where no record is yet, so of several that want the same number one wins, in this
// process or another that shares the store; the others read what won, judge again and try the next number. What has
// been appended is never changed. So each operation is linearizable, durable as far as the store is, and has happened
// together with its audit or not at all. Where the store says `unavailable` an event may or may not have been written;
// asking again with the same idempotency key finds out.
// Invariants: the fold is that of a prefix of the journal; an answer is by a fold at least as new as the call. No store
// is called under the lock. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "store/versioned_store.h"
#include "workflow/state.h"

namespace workflow {

struct JournalConfig {
  std::string name = "workflow";       ///< what its records' keys begin with
  std::uint64_t events_max = 1'000'000;  ///< 1 .. 10^9
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const JournalConfig& config);

/// What became of a proposal.
struct Outcome {
  bool replayed = false;       ///< it had happened before
  std::uint64_t decision = 0;  ///< where it is about one
};

class Journal {
 public:
  /// Called with each event and its number, once, when this process first knows of it; in order of the numbers, but for
  /// those learned at the same time by several threads; under no lock.
  using OnEvent = std::function<void(std::uint64_t number, const Event& event)>;

  /// Throws std::invalid_argument. REQUIRES: `store` outlives it.
  Journal(const JournalConfig& config, store::VersionedStore& store, OnEvent on_event = {});
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Error: what State::judge says; invalid_argument (an event that would not be the same when read back: not UTF-8, or
  /// without credentials), deadline_exceeded (others kept winning), overloaded (events_max), unavailable, internal (a
  /// record that is no event of this journal).
  Result<Outcome> propose(const Event& proposed, MonoTime deadline);

  /// Reads what is new. Error: deadline_exceeded, unavailable, internal.
  std::optional<Error> catch_up(MonoTime deadline);

  // By the fold as it is; for an answer that is not older than the question, catch_up() first.
  std::optional<User> user(const std::string& name) const;
  std::optional<Decision> decision(std::uint64_t id) const;
  std::vector<Decision> decisions(DecisionState state, std::uint64_t after, std::size_t limit) const;
  Statistics statistics() const;

  /// How often the store has taken an event, and has not, as unavailable.
  std::uint64_t writes() const { return writes_; }
  std::uint64_t write_failures() const { return write_failures_; }

  /// Events `first` and following, at most `limit`, from the store. Error: unavailable, internal.
  Result<std::vector<Event>> read(std::uint64_t first, std::size_t limit);

 private:
  std::string record_key(std::uint64_t number) const { return config_.name + "/" + std::to_string(number); }
  Result<bool> read_next();
  std::optional<Error> learn(std::uint64_t number, const Event& event);
  Judgement judge(const Event& proposed, std::uint64_t& number) const;

  const JournalConfig config_;
  store::VersionedStore& store_;
  const OnEvent on_event_;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> write_failures_{0};
  mutable std::mutex mutex_;
  State state_;  // guarded by mutex_
};

}  // namespace workflow
