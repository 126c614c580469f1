// A real database on virtual files: Debian's compiled SQLite, through power failures.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "api/foreseed/faults.h"
#include "api/foreseed/scenario.h"
#include "api/foreseed/world.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

constexpr int rows_per_transaction = 3;
constexpr int transactions = 4;
constexpr const char* path = "/var/lib/shop.db";
constexpr std::uint64_t seeds = 500;
constexpr std::uint64_t moments = 4000;  ///< a quarter of which lie before the first commit, a third after the last

class Database {
 public:
  Database() : opened_(sqlite3_open(path, &handle_) == SQLITE_OK) {}
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  bool opened() const { return opened_; }
  bool run(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  /// Of the call before; what is behind "extended" is left out.
  int error() const { return sqlite3_errcode(handle_) & 0xff; }
  /// The first column of the first row; empty after an error.
  std::string ask(const char* sql) {
    std::string answer;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
      answer = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return answer;
  }

 private:
  sqlite3* handle_ = nullptr;
  const bool opened_;
};

bool prepare(Database& database, const std::string& journal, const char* synchronous) {
  return database.opened() && database.run("PRAGMA cache_size=4") &&
         database.ask(("PRAGMA journal_mode=" + journal).c_str()) == journal &&
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
      if (!database.run("INSERT INTO orders (number, note) VALUES (" + std::to_string(number) + ", '" + note + "')"))
        return;
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
  for (std::uint32_t pause = choose(moments); pause != 0; --pause) std::this_thread::yield();
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

/// Whether a check failed of what is in the database, or that it can be opened at all.
bool is_loss(const std::string& outcome) { return outcome.find("FORESEED_CHECK") != std::string::npos; }

TEST(Sqlite, rollback_journal_keeps_every_commit_if_its_directory_is_synced_too) {
  EXPECT_EQ(outcome([] { survive("delete", "EXTRA"); }), "held");
}

// As SQLite's manual says of FULL: a commit is the removal of the journal, which FULL does not make durable.
TEST(Sqlite, rollback_journal_with_full_is_whole_but_may_lack_the_last_commit) {
  EXPECT_EQ(outcome([] { survive("delete", "FULL", 1); }), "held");
  EXPECT_NE(outcome([] { survive("delete", "FULL"); }).find("found >= promised"), std::string::npos);
}

TEST(Sqlite, write_ahead_log_keeps_every_commit_with_full) {
  EXPECT_EQ(outcome([] { survive("wal", "FULL"); }), "held");
}

// The known-bad twins.
TEST(Sqlite, rollback_journal_without_sync_is_caught) {
  EXPECT_TRUE(is_loss(outcome([] { survive("delete", "OFF"); })));
}

TEST(Sqlite, write_ahead_log_without_sync_is_caught) {
  const std::string lost = outcome([] { survive("wal", "OFF"); });
  EXPECT_TRUE(is_loss(lost)) << lost;
}

void two_connections() {
  Database().run("CREATE TABLE orders (number INTEGER)");
  std::thread workers[2];
  for (std::thread& worker : workers) {
    worker = std::thread([] {
      Database database;
      FORESEED_CHECK(database.run("PRAGMA busy_timeout=60000"));
      for (int k = 0; k < 3; ++k) {
        FORESEED_CHECK(database.run("BEGIN IMMEDIATE"));
        const int number = std::stoi(database.ask("SELECT count(*) FROM orders"));
        FORESEED_CHECK(database.run("INSERT INTO orders VALUES (" + std::to_string(number) + ")"));
        FORESEED_CHECK(database.run("COMMIT"));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  Database database;
  FORESEED_CHECK(database.ask("SELECT count(DISTINCT number) FROM orders") == "6");
}

TEST(Sqlite, two_connections_lock_each_other_out) { EXPECT_EQ(outcome(two_connections), "held"); }

// --- disks that fill up and fail

/// A table is there; then, while the fault lasts, rows cannot be written, and SQLite says why.
void insert_under(FaultPlan plan, std::set<int> expected) {
  Database database;
  FORESEED_CHECK(prepare(database, "delete", "FULL") && database.run("CREATE TABLE orders (text TEXT)"));
  plan.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string insert = "INSERT INTO orders VALUES ('" + std::string(50'000, 'x') + "')";
  FORESEED_CHECK(!database.run(insert) && expected.contains(database.error()));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  FORESEED_CHECK(database.ask("SELECT count(*) FROM orders") == "0");
  FORESEED_CHECK(database.run(insert) && database.ask("SELECT count(*) FROM orders") == "1");
  FORESEED_CHECK(database.ask("PRAGMA integrity_check") == "ok");
}

constexpr FaultPlan::When a_second{std::chrono::seconds(0), std::chrono::seconds(1)};

TEST(Sqlite, a_full_disk_is_sqlite_full_and_nothing_is_lost) {
  EXPECT_EQ(outcome([] { insert_under(FaultPlan().disk_full("client", a_second, 8192), {SQLITE_FULL}); }), "held");
}

/// SQLite takes EIO from read(2) for a file system that is corrupt.
TEST(Sqlite, a_failing_disk_is_an_error_and_nothing_is_lost) {
  const auto body = [] {
    insert_under(FaultPlan().disk_error("client", a_second), {SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_CORRUPT});
  };
  EXPECT_EQ(outcome(body), "held");
}

/// What SQLite calls now is what the host's wall clock shows.
TEST(Sqlite, now_follows_a_wall_clock_that_is_set) {
  const auto body = [] {
    Database database;
    const auto now = [&] { return std::stoll(database.ask("SELECT strftime('%s', 'now')")); };
    const long long before = now();
    FaultPlan().step_clock("client", std::chrono::seconds(1), std::chrono::hours(24)).start();
    FORESEED_CHECK(now() == before);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    FORESEED_CHECK(now() == before + 24 * 3600 + 2);
  };
  EXPECT_EQ(outcome(body), "held");
}

TEST(Sqlite, an_execution_is_repeated_exactly) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto body = [] { survive("wal", "FULL"); };
    EXPECT_EQ(run_seed(body, seed).fingerprint, run_seed(body, seed).fingerprint);
  }
}

}  // namespace
}  // namespace foreseed::testing
