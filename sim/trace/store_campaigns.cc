// Campaigns in the store: how far they are, and how two databases become one.

#include <sqlite3.h>

#include <algorithm>

#include "trace/store.h"
#include "trace/store_connection.h"

namespace foreseed {

std::int64_t Store::begin_campaign(const CampaignIdentity& identity) {
  Connection& db = *connection_;
  Statement insert(db, "INSERT INTO campaign (uid, scenario, build_id, configuration, base_seed, seed_stride, runs_wanted) "
                       "VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, ?, ?)");
  insert.bind(identity.scenario).bind(identity.build_id).bind(identity.configuration);
  insert.bind(std::to_string(identity.first_seed)).bind(as_signed(identity.seed_stride));
  insert.bind(as_signed(identity.runs_wanted)).must_execute();
  return sqlite3_last_insert_rowid(db.handle);
}

std::optional<CampaignState> Store::unfinished_campaign(const CampaignIdentity& identity) {
  Statement select(*connection_, "SELECT id, finished FROM campaign WHERE scenario = ? AND build_id = ? AND configuration = ? "
                                 "AND base_seed = ? AND seed_stride = ? AND runs_wanted = ? ORDER BY id DESC LIMIT 1");
  select.bind(identity.scenario).bind(identity.build_id).bind(identity.configuration);
  select.bind(std::to_string(identity.first_seed)).bind(as_signed(identity.seed_stride));
  select.bind(as_signed(identity.runs_wanted));
  if (!select.step() || select.number(1) != 0) return std::nullopt;
  return load_campaign(select.number(0));
}

CampaignState Store::load_campaign(std::int64_t id) {
  Connection& db = *connection_;
  CampaignState state;
  state.id = id;
  Statement counters(db, "SELECT executions, steps, failures, seconds FROM campaign WHERE id = ?");
  counters.bind(id);
  if (counters.step()) {
    state.counters = {static_cast<std::uint64_t>(counters.number(0)), static_cast<std::uint64_t>(counters.number(1)),
                      static_cast<std::uint64_t>(counters.number(2)), counters.real(3)};
  }
  Statement ranges(db, "SELECT first, end FROM done WHERE campaign = ? ORDER BY first");
  ranges.bind(id);
  while (ranges.step()) {
    state.done.push_back({static_cast<std::uint64_t>(ranges.number(0)), static_cast<std::uint64_t>(ranges.number(1))});
  }
  state.done = united(state.done);
  return state;
}

/// Within a transaction.
void Store::write_state(const CampaignState& state) {
  Connection& db = *connection_;
  Statement update(db, "UPDATE campaign SET executions = ?, steps = ?, failures = ?, seconds = ? WHERE id = ?");
  update.bind(as_signed(state.counters.executions)).bind(as_signed(state.counters.steps));
  update.bind(as_signed(state.counters.failures)).bind(state.counters.seconds).bind(state.id).must_execute();
  Statement(db, "DELETE FROM done WHERE campaign = ?").bind(state.id).must_execute();
  Statement insert(db, "INSERT INTO done VALUES (?, ?, ?)");
  for (const Range& range : united(state.done)) {
    insert.bind(state.id).bind(as_signed(range.first)).bind(as_signed(range.end)).must_execute();
  }
}

void Store::update_campaign(const CampaignState& state) {
  Transaction transaction(*connection_);
  write_state(state);
  transaction.commit();
}

void Store::finish_campaign(std::int64_t id) {
  Statement(*connection_, "UPDATE campaign SET finished = 1 WHERE id = ?").bind(id).must_execute();
}

// --- merging -----------------------------------------------------------------------------------------------------

/// A campaign that both know has run what either has; its counters are those of the one that is further.
std::int64_t Store::merge_campaign(Store& other, std::int64_t id) {
  Connection& db = *connection_;
  Statement from(*other.connection_, "SELECT uid, scenario, build_id, configuration, base_seed, seed_stride, runs_wanted, "
                                     "finished FROM campaign WHERE id = ?");
  from.bind(id);
  if (!from.step()) return 0;
  Statement insert(db, "INSERT INTO campaign (uid, scenario, build_id, configuration, base_seed, seed_stride, runs_wanted) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING");
  for (int column = 0; column < 5; ++column) insert.bind(from.text(column));
  insert.bind(from.number(5)).bind(from.number(6)).must_execute();
  Statement here(db, "SELECT id FROM campaign WHERE uid = ?");
  here.bind(from.text(0));
  here.step();
  CampaignState state = load_campaign(here.number(0));
  const CampaignState theirs = other.load_campaign(id);
  if (theirs.counters.executions > state.counters.executions) state.counters = theirs.counters;
  state.done.insert(state.done.end(), theirs.done.begin(), theirs.done.end());
  write_state(state);
  Statement(db, "UPDATE campaign SET finished = max(finished, ?) WHERE id = ?").bind(from.number(7)).bind(state.id).must_execute();
  return state.id;
}

std::size_t Store::merge(Store& other) {
  Connection& db = *connection_;
  Transaction transaction(db);
  std::size_t added = 0;
  Statement campaigns(*other.connection_, "SELECT id FROM campaign ORDER BY id");
  while (campaigns.step()) merge_campaign(other, campaigns.number(0));
  Statement theirs(*other.connection_, "SELECT f.id, f.uid, c.uid FROM failure f LEFT JOIN campaign c ON c.id = f.campaign "
                                       "ORDER BY f.id");
  while (theirs.step()) {
    Statement known(db, "SELECT 1 FROM failure WHERE uid = ?");
    if (known.bind(theirs.text(1)).step()) continue;
    Statement campaign(db, "SELECT id FROM campaign WHERE uid = ?");
    const std::int64_t id = campaign.bind(theirs.text(2)).step() ? campaign.number(0) : 0;
    insert_failure(id, theirs.text(1), other.load_failure(theirs.number(0)));
    ++added;
  }
  transaction.commit();
  return added;
}

}  // namespace foreseed
