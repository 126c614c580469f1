// The schema freeze: while a branch, a type or a resource is frozen, nothing below it is written.
//
// A writer does not look whether a freeze is on and then write - a freeze could begin in between (catalogue S3-43). It
// takes a WritePass, an intention lock along {branch, type, resource}, holds it through the write, and writes with its
// token. A freeze is an exclusive lock on its part of the tree, so it begins when the passes in its way have been given
// back and none is given while it lasts (S3-45). Passes exclude freezes, not each other.
// Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lock_manager/lease.h"

namespace lock_manager {

class SchemaFreeze;

/// One to three parts: branch, type, resource.
using SchemaPath = std::vector<std::string>;

/// Why a write has to wait: 423 Locked (S3-44).
struct Frozen {
  std::uint32_t progress_percent = 0;  ///< 0 .. 100; never goes back during one freeze
  Duration eta{};                      ///< >= 0; until the freeze is expected to end
  std::int64_t retry_after_s = 0;      ///< eta rounded up, at least 1
};

/// A freeze that is on. Move-only; ends with its destruction, or with its lease.
class Freeze {
 public:
  Freeze(Freeze&& other) noexcept;
  Freeze& operator=(Freeze&&) = delete;
  ~Freeze() { end(); }

  /// Larger values only; others are ignored.
  void set_progress(std::uint32_t percent);
  std::optional<Error> renew() { return lease_.renew(); }
  bool valid() const { return lease_.valid(); }
  void end() noexcept;

 private:
  friend class SchemaFreeze;
  Freeze(SchemaFreeze& owner, std::string key, std::uint64_t number, PathLease lease)
      : owner_(&owner), key_(std::move(key)), number_(number), lease_(std::move(lease)) {}

  SchemaFreeze* owner_;  // null once ended or moved from
  std::string key_;
  std::uint64_t number_;  // the lock's token: which freeze of this key
  PathLease lease_;
};

class SchemaFreeze {
 public:
  /// REQUIRES: `server` outlives it, and it outlives freezes and passes.
  SchemaFreeze(LockServer& server, const ClientConfig& config) : server_(server), config_((validate(config), config)) {}

  /// Waits for the writes in its way, at most until `deadline`. Error: see LockServer::acquire.
  Result<Freeze> freeze(const SchemaPath& path, MonoTime deadline, std::stop_token stop = {});

  /// A pass for one write, or why not. Does not wait. The pass's leaf token guards the write.
  std::variant<PathLease, Frozen, Error> begin_write(const SchemaPath& path);

 private:
  friend class Freeze;
  struct Progress {
    std::uint64_t number;
    std::uint32_t percent;
    MonoTime since;
  };
  Frozen describe(const SchemaPath& path);

  LockServer& server_;
  const ClientConfig config_;
  std::mutex mutex_;
  std::map<std::string, Progress> freezes_;  // guarded by mutex_; those that are on, by path_key
};

}  // namespace lock_manager
