#include "store/sqlite_store.h"

#include <sqlite3.h>

#include <stdexcept>

namespace store {
namespace {

bool bind(sqlite3_stmt* statement, int index, const std::string& bytes) {
  return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_TRANSIENT) == SQLITE_OK;
}

}  // namespace

class SqliteStore::Turn {
 public:
  explicit Turn(SqliteStore& store) : store_(store) {
    std::unique_lock lock(store_.mutex_);
    const auto place = store_.line_.insert(store_.line_.end(), this);
    mine_ = store_.turn_over_.wait_for(lock, store_.busy_timeout_, [&] { return store_.line_.front() == this; });
    if (!mine_) store_.line_.erase(place);
  }
  ~Turn() {
    if (!mine_) return;
    {
      const std::lock_guard lock(store_.mutex_);
      store_.line_.pop_front();
    }
    store_.turn_over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const { return mine_; }

 private:
  SqliteStore& store_;
  bool mine_ = false;  // false: others had it all the time
};

void SqliteStore::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void SqliteStore::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqliteStore::Statement SqliteStore::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("versioned store: ") + sqlite3_errmsg(db_.get()));
  }
  return Statement(statement);
}

SqliteStore::SqliteStore(const std::string& file, std::chrono::milliseconds busy_timeout)
    : busy_timeout_(busy_timeout) {
  sqlite3* opened = nullptr;
  const int opening =
      sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  if (opening != SQLITE_OK) {
    throw std::runtime_error("versioned store: cannot open " + file + ": " + sqlite3_errstr(opening));
  }
  sqlite3_busy_timeout(opened, static_cast<int>(busy_timeout.count()));
  char* reason = nullptr;
  const char* setup =
      "PRAGMA synchronous=FULL;"
      "CREATE TABLE IF NOT EXISTS record (key BLOB PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) "
      "STRICT, WITHOUT ROWID;";
  if (sqlite3_exec(opened, setup, nullptr, nullptr, &reason) != SQLITE_OK) {
    const std::string why = reason != nullptr ? reason : "unknown";
    sqlite3_free(reason);
    throw std::runtime_error("versioned store: cannot use " + file + ": " + why);
  }
  select_ = prepare("SELECT version, value FROM record WHERE key=?1");
  insert_ = prepare("INSERT INTO record VALUES(?1, 1, ?2) ON CONFLICT DO NOTHING");
  update_ = prepare("UPDATE record SET version=version+1, value=?2 WHERE key=?1 AND version=?3");
}

SqliteStore::~SqliteStore() = default;

common::Result<Record> SqliteStore::get(const std::string& key) {
  if (key.size() > key_bytes_max) return common::Error::invalid_argument;
  const Turn turn(*this);
  if (!turn) return common::Error::unavailable;
  sqlite3_stmt* statement = select_.get();
  common::Result<Record> result = common::Error::unavailable;
  const int step = bind(statement, 1, key) ? sqlite3_step(statement) : SQLITE_ERROR;
  if (step == SQLITE_ROW) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, 1));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, 1));
    result = Record{static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0)),
                    size == 0 ? std::string() : std::string(bytes, size), common::mono_now()};
  } else if (step == SQLITE_DONE) {
    result = Record{0, {}, common::mono_now()};
  }
  sqlite3_reset(statement);
  return result;
}

common::Result<std::uint64_t> SqliteStore::put(const std::string& key, std::uint64_t expected,
                                               const std::string& value) {
  if (key.size() > key_bytes_max || value.size() > value_bytes_max) return common::Error::invalid_argument;
  const Turn turn(*this);
  if (!turn) return common::Error::unavailable;
  sqlite3_stmt* statement = expected == 0 ? insert_.get() : update_.get();
  bool good = bind(statement, 1, key) && bind(statement, 2, value);
  if (expected != 0) good = good && sqlite3_bind_int64(statement, 3, static_cast<std::int64_t>(expected)) == SQLITE_OK;
  good = good && sqlite3_step(statement) == SQLITE_DONE;
  // Resetting ends the transaction, and may be what fails.
  good = sqlite3_reset(statement) == SQLITE_OK && good;
  if (!good) return common::Error::unavailable;
  if (sqlite3_changes(db_.get()) == 0) return common::Error::conflict;
  return expected + 1;
}

}  // namespace store
