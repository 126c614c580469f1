// A VersionedStore in an SQLite file: durable when `put` returns, shared by every process of one machine that opens the
// file; its clock is the machine's monotonic one.
// A call waits for other processes' locks up to `busy_timeout`. One connection, one statement at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "store/versioned_store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace store {

class SqliteStore final : public VersionedStore {
 public:
  /// Opens or creates. Throws std::runtime_error naming file and reason.
  explicit SqliteStore(const std::string& file,
                       std::chrono::milliseconds busy_timeout = std::chrono::milliseconds(1000));
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  common::Result<Record> get(const std::string& key) override;
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;
  Statement prepare(const char* sql);

  // A connection is for one thread at a time: who is first in line uses it, under no lock.
  class Turn;
  std::mutex mutex_;
  std::condition_variable turn_over_;
  std::list<const Turn*> line_;  // guarded by mutex_
  std::chrono::milliseconds busy_timeout_;
  std::unique_ptr<sqlite3, Close> db_;
  Statement select_, insert_, update_;
};

}  // namespace store
