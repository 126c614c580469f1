// A real database on virtual files: Debian's compiled SQLite, through power failures.
//
// The static library, so that its globals are the test's own and are put back between runs: the shared one is the
// simulator's too, whose trace store must not share them.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "api/foreseed/scenario.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

constexpr int rows_per_transaction = 3;
constexpr int transactions = 4;
constexpr const char* path = "/var/lib/shop.db";
constexpr std::uint64_t seeds = 500;

class Database {
 public:
  Database() { FORESEED_CHECK(sqlite3_open(path, &handle_) == SQLITE_OK); }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  bool run(const std::string& sql) { return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK; }
  /// The first column of the first row; empty after an error.
  std::string ask(const char* sql) {
    std::string answer;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
      answer = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return answer;
  }

 private:
  sqlite3* handle_ = nullptr;
};

/// Without shared memory, which the write-ahead log's index would need otherwise.
bool prepare(Database& database, const char* journal, const char* synchronous) {
  return database.run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=4") &&
         database.ask((std::string("PRAGMA journal_mode=") + journal).c_str()) == journal &&
         database.run(std::string("PRAGMA synchronous=") + synchronous);
}

/// Inserts transaction after transaction until the power fails; counts those whose COMMIT has returned.
void work(const char* journal, const char* synchronous, std::atomic<int>& committed) {
  Database database;
  if (!prepare(database, journal, synchronous)) return;
  if (!database.run("CREATE TABLE orders (id INTEGER PRIMARY KEY, number INTEGER, note TEXT);"
                    "CREATE INDEX by_note ON orders (note)")) {
    return;
  }
  for (int number = 1; number <= transactions; ++number) {
    if (!database.run("BEGIN")) return;
    for (int row = 0; row < rows_per_transaction; ++row) {
      const std::string note(1500, static_cast<char>('a' + (number * 7 + row) % 26));
      if (!database.run("INSERT INTO orders (number, note) VALUES (" + std::to_string(number) + ", '" + note + "')")) return;
    }
    if (!database.run("UPDATE orders SET note = note || 'x' WHERE id % 2 = 0")) return;
    if (!database.run("COMMIT")) return;
    committed = number;
  }
}

/// The power fails at any moment; afterwards the database is whole and lacks at most `may_lack` committed transactions.
void survive(const char* journal, const char* synchronous, int may_lack = 0) {
  std::atomic<int> committed{0};
  std::thread worker([&] { work(journal, synchronous, committed); });
  for (std::uint32_t pause = choose(150); pause != 0; --pause) std::this_thread::yield();
  crash_files("client");
  const int promised = committed;
  worker.join();

  Database database;
  FORESEED_CHECK(prepare(database, journal, synchronous));
  FORESEED_CHECK(database.ask("PRAGMA integrity_check") == "ok");
  if (database.ask("SELECT count(*) FROM sqlite_master WHERE name = 'orders'") == "0") {
    FORESEED_CHECK(promised <= may_lack);
    return;
  }
  const int found = std::stoi(database.ask("SELECT count(DISTINCT number) FROM orders"));
  FORESEED_CHECK(found >= promised - may_lack);
  FORESEED_CHECK(database.ask("SELECT count(*) FROM orders") == std::to_string(found * rows_per_transaction));
  FORESEED_CHECK(database.ask("SELECT coalesce(max(number), 0) FROM orders") == std::to_string(found));
}

std::string outcome(void (*body)()) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(body, seeds, &seed);
  return finding ? finding->message + ", seed " + std::to_string(seed) : "held";
}

TEST(Sqlite, RollbackJournalKeepsEveryCommitIfItsDirectoryIsSyncedToo) {
  EXPECT_EQ(outcome([] { survive("delete", "EXTRA"); }), "held");
}

// As SQLite's manual says of FULL: a commit is the removal of the journal, which FULL does not make durable.
TEST(Sqlite, RollbackJournalWithFullIsWholeButMayLackTheLastCommit) {
  EXPECT_EQ(outcome([] { survive("delete", "FULL", 1); }), "held");
  EXPECT_NE(outcome([] { survive("delete", "FULL"); }), "held");
}

TEST(Sqlite, WriteAheadLogKeepsEveryCommitWithFull) {
  EXPECT_EQ(outcome([] { survive("wal", "FULL"); }), "held");
}

// The known-bad twins.
TEST(Sqlite, RollbackJournalWithoutSyncIsCaught) {
  EXPECT_NE(outcome([] { survive("delete", "OFF"); }), "held");
}

TEST(Sqlite, WriteAheadLogWithoutSyncIsCaught) {
  EXPECT_NE(outcome([] { survive("wal", "OFF"); }), "held");
}

TEST(Sqlite, AnExecutionIsRepeatedExactly) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto body = [] { survive("wal", "FULL"); };
    EXPECT_EQ(run_seed(body, seed).fingerprint, run_seed(body, seed).fingerprint);
  }
}

}  // namespace
}  // namespace foreseed::testing
