#include "trace/store.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <charconv>
#include <filesystem>

#include "trace/store_connection.h"

namespace foreseed {

namespace {

constexpr int application_id = 0x666f7265;  // "fore"

/// The statements that make version n + 1 of the schema out of version n; a new database goes through all.
constexpr const char* migrations[] = {R"sql(
CREATE TABLE campaign (
  id INTEGER PRIMARY KEY,
  scenario TEXT NOT NULL,
  base_seed TEXT NOT NULL,
  runs_wanted INTEGER NOT NULL,
  executions INTEGER NOT NULL DEFAULT 0,
  steps INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  seconds REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE failure (
  id INTEGER PRIMARY KEY,
  campaign INTEGER REFERENCES campaign(id),
  scenario TEXT NOT NULL,
  seed TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  kind TEXT NOT NULL,
  message TEXT NOT NULL,
  trace TEXT NOT NULL
) STRICT;
CREATE TABLE choice (
  failure INTEGER NOT NULL REFERENCES failure(id),
  position INTEGER NOT NULL,
  kind INTEGER NOT NULL, value INTEGER NOT NULL, bound INTEGER NOT NULL, site INTEGER NOT NULL, task INTEGER NOT NULL,
  PRIMARY KEY (failure, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  failure INTEGER NOT NULL REFERENCES failure(id),
  position INTEGER NOT NULL,
  time_ns INTEGER NOT NULL, step INTEGER NOT NULL, task INTEGER NOT NULL, op TEXT NOT NULL, object INTEGER NOT NULL,
  result INTEGER NOT NULL, stack INTEGER NOT NULL, text INTEGER NOT NULL,
  PRIMARY KEY (failure, position)
) STRICT, WITHOUT ROWID;
)sql",
                                      R"sql(
ALTER TABLE campaign ADD COLUMN uid TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN build_id TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN configuration TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN seed_stride INTEGER NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN finished INTEGER NOT NULL DEFAULT 0;
UPDATE campaign SET uid = lower(hex(randomblob(16))), finished = 1;
CREATE UNIQUE INDEX campaign_uid ON campaign(uid);
ALTER TABLE failure ADD COLUMN uid TEXT NOT NULL DEFAULT '';
UPDATE failure SET uid = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX failure_uid ON failure(uid);
CREATE TABLE done (
  campaign INTEGER NOT NULL REFERENCES campaign(id),
  first INTEGER NOT NULL,
  end INTEGER NOT NULL,
  PRIMARY KEY (campaign, first)
) STRICT, WITHOUT ROWID;
)sql"};
constexpr int schema_version = std::size(migrations);

bool fits(std::int64_t value, std::int64_t max) { return value >= 0 && value <= max; }

Op op_named(const std::string& name) {
  Op op = Op::task_start;
  while (op != Op::count_ && to_string(op) != name) op = static_cast<Op>(static_cast<int>(op) + 1);
  return op;
}

/// Two processes may open a new file at once: whether there is something to do is asked inside the transaction.
void bring_up_to_date(Store::Connection& db) {
  Transaction transaction(db);
  for (int version = std::stoi(db.ask("PRAGMA user_version")); version < schema_version; ++version) {
    db.run(migrations[version]);
    db.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", application_id, version + 1).c_str());
  }
  transaction.commit();
}

}  // namespace

Store::Store(const std::string& path) : connection_(std::make_unique<Connection>()) {
  Connection& db = *connection_;
  db.path = path;
  std::error_code ignored;
  if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty()) {
    std::filesystem::create_directories(parent, ignored);
  }
  if (sqlite3_open_v2(path.c_str(), &db.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK) {
    db.fail_with_reason("the database cannot be opened");
  }
  sqlite3_busy_timeout(db.handle, 10'000);
  const std::string owner = db.ask("PRAGMA application_id");
  const bool fresh = owner == "0" && db.ask("SELECT count(*) FROM sqlite_master") == "0";
  if (!fresh && owner != std::to_string(application_id)) db.fail("it is a database of another program");
  const std::string version = db.ask("PRAGMA user_version");
  if (std::stoi(version) > schema_version) {
    db.fail(fmt::format("it was written by a newer foreseed (version {}, this one knows {})", version, schema_version));
  }
  if (const std::string check = db.ask("PRAGMA quick_check"); check != "ok") {
    db.fail("it is damaged (" + check + ")");
  }
  db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
  if (std::stoi(version) < schema_version) bring_up_to_date(db);
}

Store::~Store() = default;

// --- failures ----------------------------------------------------------------------------------------------------

namespace {
/// Everything but what has rows of its own.
std::string tables_json(const Trace& trace) {
  Trace tables = trace;
  tables.choices.clear();
  tables.events.clear();
  return to_json(tables);
}
}  // namespace

std::int64_t Store::insert_failure(std::int64_t campaign, const std::string& uid, const Trace& trace) {
  Connection& db = *connection_;
  Statement insert(db, "INSERT INTO failure (campaign, scenario, seed, fingerprint, kind, message, trace, uid) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  campaign == 0 ? insert.bind_null() : insert.bind(campaign);
  insert.bind(trace.scenario).bind(std::to_string(trace.seed)).bind(fmt::format("{:016x}", trace.fingerprint));
  insert.bind(std::string(to_string(trace.finding.kind))).bind(trace.finding.message).bind(tables_json(trace));
  insert.bind(uid).must_execute();
  const std::int64_t id = sqlite3_last_insert_rowid(db.handle);
  write_rows(id, trace);
  return id;
}

void Store::write_rows(std::int64_t id, const Trace& trace) {
  Connection& db = *connection_;
  Statement choice(db, "INSERT INTO choice VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < trace.choices.size(); ++i) {
    const Choice& c = trace.choices[i];
    choice.bind(id).bind(static_cast<std::int64_t>(i)).bind(static_cast<std::int64_t>(c.kind));
    choice.bind(std::int64_t{c.value}).bind(std::int64_t{c.bound}).bind(std::int64_t{c.site}).bind(std::int64_t{c.task});
    choice.must_execute();
  }
  Statement event(db, "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    const Event& e = trace.events[i];
    event.bind(id).bind(static_cast<std::int64_t>(i)).bind(as_signed(e.time_ns)).bind(std::int64_t{e.step});
    event.bind(std::int64_t{e.task}).bind(std::string(to_string(e.op))).bind(std::int64_t{e.object});
    event.bind(std::int64_t{e.result}).bind(std::int64_t{e.stack}).bind(std::int64_t{e.text}).must_execute();
  }
}

std::int64_t Store::add_failure(std::int64_t campaign, const Trace& trace) {
  Connection& db = *connection_;
  Transaction transaction(db);
  const std::int64_t id = insert_failure(campaign, db.ask("SELECT lower(hex(randomblob(16)))"), trace);
  transaction.commit();
  return id;
}

void Store::replace_failure(std::int64_t id, const Trace& trace) {
  Connection& db = *connection_;
  Transaction transaction(db);
  Statement update(db, "UPDATE failure SET seed = ?, fingerprint = ?, kind = ?, message = ?, trace = ? WHERE id = ?");
  update.bind(std::to_string(trace.seed)).bind(fmt::format("{:016x}", trace.fingerprint));
  update.bind(std::string(to_string(trace.finding.kind))).bind(trace.finding.message).bind(tables_json(trace));
  update.bind(id).must_execute();
  for (const char* const sql : {"DELETE FROM choice WHERE failure = ?", "DELETE FROM event WHERE failure = ?"}) {
    Statement(db, sql).bind(id).must_execute();
  }
  write_rows(id, trace);
  transaction.commit();
}

std::vector<KeptFailure> Store::failures(std::int64_t campaign) {
  Statement select(*connection_, "SELECT id, scenario, seed, kind, message FROM failure "
                                 "WHERE ?1 = -1 OR campaign = ?1 ORDER BY id");
  select.bind(campaign);
  std::vector<KeptFailure> result;
  while (select.step()) {
    KeptFailure& failure = result.emplace_back();
    failure.id = select.number(0);
    failure.scenario = select.text(1);
    const std::string seed = select.text(2);
    std::from_chars(seed.data(), seed.data() + seed.size(), failure.seed);
    failure.kind = select.text(3);
    failure.message = select.text(4);
  }
  return result;
}

Trace Store::load_failure(std::int64_t id) {
  Connection& db = *connection_;
  const std::string name = fmt::format("{}#{}", db.path, id);
  Statement select(db, "SELECT trace FROM failure WHERE id = ?");
  select.bind(id);
  if (!select.step()) throw UnreadableError(fmt::format("{}: there is no failure of that number", name));
  Trace trace = from_json(select.text(0), name);
  Statement choices(db, "SELECT kind, value, bound, site, task FROM choice WHERE failure = ? ORDER BY position");
  choices.bind(id);
  while (choices.step()) {
    const bool sound = fits(choices.number(0), choice_kinds - 1) &&
                       fits(choices.number(1), 0xffff'ffff) && fits(choices.number(2), 0xffff'ffff) &&
                       fits(choices.number(3), 0xffff'ffff) && fits(choices.number(4), 0xffff);
    if (!sound) throw UnreadableError(fmt::format("{}: choice {} is damaged", name, trace.choices.size()));
    trace.choices.push_back({static_cast<std::uint32_t>(choices.number(1)), static_cast<std::uint32_t>(choices.number(2)),
                             static_cast<std::uint32_t>(choices.number(3)), static_cast<ChoiceKind>(choices.number(0)),
                             static_cast<std::uint16_t>(choices.number(4))});
  }
  Statement events(db, "SELECT time_ns, step, task, op, object, result, stack, text FROM event WHERE failure = ? "
                       "ORDER BY position");
  events.bind(id);
  while (events.step()) {
    Event event;
    bool sound = fits(events.number(1), 0xffff'ffff);
    for (int column : {2, 4, 6, 7}) sound &= fits(events.number(column), 0xffff'ffff);
    sound &= fits(events.number(2), 0xffff) && events.number(5) == static_cast<std::int32_t>(events.number(5));
    event.time_ns = static_cast<std::uint64_t>(events.number(0));
    event.step = static_cast<std::uint32_t>(events.number(1));
    event.task = static_cast<std::uint16_t>(events.number(2));
    event.op = op_named(events.text(3));
    event.object = static_cast<std::uint32_t>(events.number(4));
    event.result = static_cast<std::int32_t>(events.number(5));
    event.stack = static_cast<std::uint32_t>(events.number(6));
    event.text = static_cast<std::uint32_t>(events.number(7));
    sound &= event.op != Op::count_ && event.task < trace.tasks.size() && event.object < trace.objects.size() &&
             event.stack < trace.stacks.size() && event.text < trace.texts.size();
    if (!sound) throw UnreadableError(fmt::format("{}: event {} is damaged", name, trace.events.size()));
    trace.events.push_back(event);
  }
  return trace;
}

Trace load_trace(const std::string& name, const std::string& default_database) {
  std::string database = default_database;
  std::string number = name;
  if (const auto hash = name.rfind('#'); hash != std::string::npos) {
    database = name.substr(0, hash);
    number = name.substr(hash + 1);
  }
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), id);
  if (error != std::errc() || end != number.data() + number.size()) return read_json_file(name);
  struct stat status {};
  if (stat(database.c_str(), &status) != 0) {
    throw UnreadableError(fmt::format("{}: there is no such database; name one with --db", database));
  }
  return Store(database).load_failure(id);
}

}  // namespace foreseed
