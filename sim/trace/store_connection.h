#pragma once
// The SQLite connection of a Store, and prepared statements; for the store's own sources.

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>

#include "trace/store.h"

namespace foreseed {

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

/// A prepared statement whose parameters are bound in order.
class Statement {
 public:
  Statement(const Store::Connection& connection, const char* sql) : connection_(connection), handle_(connection.handle) {
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
  /// The same, where failure is the end.
  void must_execute() {
    if (!execute()) connection_.fail_with_reason("the database cannot be written");
  }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* const data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  const Store::Connection& connection_;
  sqlite3* handle_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

/// A transaction that is rolled back unless it is committed.
class Transaction {
 public:
  explicit Transaction(const Store::Connection& connection) : connection_(connection) { connection.run("BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (open_) sqlite3_exec(connection_.handle, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    connection_.run("COMMIT");
    open_ = false;
  }

 private:
  const Store::Connection& connection_;
  bool open_ = true;
};

/// Seeds and counts are 64 bits without sign, SQLite's numbers have one: the same bits.
inline std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace foreseed
