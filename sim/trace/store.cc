#include "trace/store.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <charconv>
#include <cstring>
#include <filesystem>

namespace foreseed {

namespace {

constexpr int application_id = 0x666f7265;  // "fore"
constexpr int schema_version = 1;

constexpr const char* schema = R"sql(
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
)sql";

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

struct Store::Connection {
  std::string path;
  sqlite3* handle = nullptr;

  ~Connection() { sqlite3_close(handle); }

  [[noreturn]] void fail(const std::string& what) const {
    throw UnreadableError(fmt::format("{}: {}; name another database with --db", path, what));
  }
  [[noreturn]] void fail_with_reason(const std::string& what) const {
    fail(fmt::format("{} ({})", what, sqlite3_errmsg(handle)));
  }

  void run(const char* sql) const {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      const int code = sqlite3_errcode(handle);
      if (code == SQLITE_NOTADB) fail("it is not a database");
      if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN) fail_with_reason("the database cannot be written");
      fail_with_reason("the database cannot be used");
    }
  }

  std::string ask(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr) != SQLITE_OK) {
      if (sqlite3_errcode(handle) == SQLITE_NOTADB) fail("it is not a database");
      fail_with_reason("the database cannot be read");
    }
    std::string answer;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      answer = text != nullptr ? text : "";
    }
    if (sqlite3_finalize(statement) != SQLITE_OK) {
      if (sqlite3_errcode(handle) == SQLITE_NOTADB) fail("it is not a database");
      fail_with_reason("the database cannot be read");
    }
    return answer;
  }
};

namespace {

/// A prepared statement whose parameters are bound in order.
class Statement {
 public:
  template <typename Connection>
  Statement(const Connection& connection, const char* sql) : handle_(connection.handle) {
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement_, nullptr) != SQLITE_OK) {
      connection.fail_with_reason("the database cannot be used");
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value) { return sqlite3_bind_int64(statement_, ++bound_, value), *this; }
  Statement& bind(double value) { return sqlite3_bind_double(statement_, ++bound_, value), *this; }
  Statement& bind(const std::string& text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
  }
  Statement& bind_null() { return sqlite3_bind_null(statement_, ++bound_), *this; }

  /// True: a row is there.
  bool step() { return sqlite3_step(statement_) == SQLITE_ROW; }
  /// Runs a statement that returns no rows, and makes it ready for the next values.
  bool execute() {
    const bool done = sqlite3_step(statement_) == SQLITE_DONE;
    bound_ = 0;
    return sqlite3_reset(statement_) == SQLITE_OK && done;
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* const data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3* handle_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

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
  const bool fresh = db.ask("SELECT count(*) FROM sqlite_master") == "0";
  if (fresh && db.ask("PRAGMA application_id") == "0") {
    db.run(fmt::format("BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;", schema,
                       application_id, schema_version)
               .c_str());
  } else if (db.ask("PRAGMA application_id") != std::to_string(application_id)) {
    db.fail("it is a database of another program");
  }
  const std::string version = db.ask("PRAGMA user_version");
  if (std::stoi(version) > schema_version) {
    db.fail(fmt::format("it was written by a newer foreseed (version {}, this one knows {})", version, schema_version));
  }
  if (const std::string check = db.ask("PRAGMA quick_check"); check != "ok") {
    db.fail("it is damaged (" + check + ")");
  }
  db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
}

Store::~Store() = default;

std::int64_t Store::begin_campaign(const std::string& scenario, std::uint64_t base_seed, std::uint64_t runs_wanted) {
  Connection& db = *connection_;
  Statement insert(db, "INSERT INTO campaign (scenario, base_seed, runs_wanted) VALUES (?, ?, ?)");
  insert.bind(scenario).bind(std::to_string(base_seed)).bind(as_signed(runs_wanted));
  if (!insert.execute()) db.fail_with_reason("the database cannot be written");
  return sqlite3_last_insert_rowid(db.handle);
}

void Store::update_campaign(std::int64_t id, const CampaignCounters& counters) {
  Connection& db = *connection_;
  Statement update(db, "UPDATE campaign SET executions = ?, steps = ?, failures = ?, seconds = ? WHERE id = ?");
  update.bind(as_signed(counters.executions)).bind(as_signed(counters.steps)).bind(as_signed(counters.failures));
  update.bind(counters.seconds).bind(id);
  if (!update.execute()) db.fail_with_reason("the database cannot be written");
}

std::int64_t Store::add_failure(std::int64_t campaign, const Trace& trace) {
  Connection& db = *connection_;
  db.run("BEGIN IMMEDIATE");
  Trace tables = trace;  // everything but what has rows of its own
  tables.choices.clear();
  tables.events.clear();
  Statement insert(db, "INSERT INTO failure (campaign, scenario, seed, fingerprint, kind, message, trace) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?)");
  campaign == 0 ? insert.bind_null() : insert.bind(campaign);
  insert.bind(trace.scenario).bind(std::to_string(trace.seed)).bind(fmt::format("{:016x}", trace.fingerprint));
  insert.bind(std::string(to_string(trace.finding.kind))).bind(trace.finding.message).bind(to_json(tables));
  bool written = insert.execute();
  const std::int64_t id = sqlite3_last_insert_rowid(db.handle);
  Statement choice(db, "INSERT INTO choice VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < trace.choices.size() && written; ++i) {
    const Choice& c = trace.choices[i];
    choice.bind(id).bind(static_cast<std::int64_t>(i)).bind(static_cast<std::int64_t>(c.kind));
    written = choice.bind(std::int64_t{c.value}).bind(std::int64_t{c.bound}).bind(std::int64_t{c.site})
                  .bind(std::int64_t{c.task}).execute();
  }
  Statement event(db, "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < trace.events.size() && written; ++i) {
    const Event& e = trace.events[i];
    event.bind(id).bind(static_cast<std::int64_t>(i)).bind(as_signed(e.time_ns)).bind(std::int64_t{e.step});
    event.bind(std::int64_t{e.task}).bind(std::string(to_string(e.op))).bind(std::int64_t{e.object});
    written = event.bind(std::int64_t{e.result}).bind(std::int64_t{e.stack}).bind(std::int64_t{e.text}).execute();
  }
  if (!written) {
    const std::string reason = sqlite3_errmsg(db.handle);
    sqlite3_exec(db.handle, "ROLLBACK", nullptr, nullptr, nullptr);
    db.fail(fmt::format("the failure could not be written ({})", reason));
  }
  db.run("COMMIT");
  return id;
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
    trace.choices.push_back({static_cast<std::uint32_t>(choices.number(1)), static_cast<std::uint32_t>(choices.number(2)),
                             static_cast<std::uint32_t>(choices.number(3)), static_cast<ChoiceKind>(choices.number(0)),
                             static_cast<std::uint16_t>(choices.number(4))});
  }
  Statement events(db, "SELECT time_ns, step, task, op, object, result, stack, text FROM event WHERE failure = ? "
                       "ORDER BY position");
  events.bind(id);
  while (events.step()) {
    Event event;
    event.time_ns = static_cast<std::uint64_t>(events.number(0));
    event.step = static_cast<std::uint32_t>(events.number(1));
    event.task = static_cast<std::uint16_t>(events.number(2));
    const std::string op = events.text(3);
    event.op = Op::task_start;
    while (event.op != Op::count_ && to_string(event.op) != op) {
      event.op = static_cast<Op>(static_cast<int>(event.op) + 1);
    }
    event.object = static_cast<std::uint32_t>(events.number(4));
    event.result = static_cast<std::int32_t>(events.number(5));
    event.stack = static_cast<std::uint32_t>(events.number(6));
    event.text = static_cast<std::uint32_t>(events.number(7));
    const bool sound = event.op != Op::count_ && event.task < trace.tasks.size() && event.object < trace.objects.size() &&
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
