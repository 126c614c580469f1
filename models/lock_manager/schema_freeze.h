// The schema freeze: while a branch, a type or a resource is frozen, nothing below it is written.
//
// A writer does not look whether a freeze is on and then write - a freeze could begin in between (catalogue S3-43). It
// takes a WritePass, an intention lock along {branch, type, resource}, holds it through the write, and writes with its
// token. A freeze is an exclusive lock on its part of the tree, so it begins when the passes in its way have been given
// back and none is given while it lasts (S3-45). Passes exclude freezes, not each other.
//
// In an emergency one freeze is overridden for a part of it, by a principal who gives a justification in writing (S3-46).
// An override is in the audit exactly once, before anything is written under it; it ends with its time or with its freeze,
// whichever is first; and the next freeze begins when what is being written under it has come to its end. An override is
// given by the SchemaFreeze that made the freeze.
// Any thread. No audit is called under a lock.
#pragma once

#include <cstdint>
#include <functional>
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
  std::optional<Error> renew();
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

inline constexpr std::size_t principal_bytes_max = 256;
inline constexpr std::size_t justification_letters_min = 10;  ///< that are no spaces
inline constexpr std::size_t justification_bytes_max = 1000;
inline constexpr Duration override_time_max = std::chrono::hours(1);

/// What the audit is told of an override.
struct OverrideRecord {
  std::string principal;
  std::string justification;
  SchemaPath path;
  std::uint64_t freeze;  ///< the lock's token: which freeze of its part
  Duration time;         ///< for how long, at most
};

/// False, or an exception: it could not be written down, and nothing is overridden.
using OverrideAudit = std::function<bool(const OverrideRecord&)>;

/// Leave to write below a path in spite of a freeze. Move-only; ends with its destruction, its time or its freeze.
class Override {
 public:
  Override(Override&& other) noexcept;
  Override& operator=(Override&&) = delete;

  /// Whether a write may begin under it now.
  bool live() const;

 private:
  friend class SchemaFreeze;
  Override(SchemaFreeze& owner, SchemaPath path, std::string freeze_key, std::uint64_t freeze, MonoTime until)
      : owner_(&owner), path_(std::move(path)), freeze_key_(std::move(freeze_key)), freeze_(freeze), until_(until) {}

  SchemaFreeze* owner_;  // null once moved from
  SchemaPath path_;
  std::string freeze_key_;
  std::uint64_t freeze_;
  MonoTime until_;
};

/// A pass for one write under an override. The write carries its token, and is done while it is valid.
class EmergencyPass {
 public:
  const FencingToken& token() const { return token_; }
  bool valid() const { return lease_.valid() && common::mono_now() < until_; }
  void release() noexcept { lease_.release(); }

 private:
  friend class SchemaFreeze;
  EmergencyPass(PathLease lease, FencingToken token, MonoTime until)
      : lease_(std::move(lease)), token_(std::move(token)), until_(until) {}

  PathLease lease_;  // beside the frozen tree
  FencingToken token_;
  MonoTime until_;  // the override's
};

class SchemaFreeze {
 public:
  /// Without an audit nothing can be overridden. REQUIRES: `server` outlives it, and it outlives freezes, overrides and
  /// passes.
  SchemaFreeze(LockServer& server, const ClientConfig& config, OverrideAudit audit = {})
      : server_(server), config_((validate(config), config)), audit_(std::move(audit)) {}

  /// Waits for the writes in its way, at most until `deadline`. Error: see LockServer::acquire.
  Result<Freeze> freeze(const SchemaPath& path, MonoTime deadline, std::stop_token stop = {});

  /// Overrides the freeze that `path` is under. Error: not_found (none of ours), unavailable (no audit),
  /// invalid_argument: no principal, nothing that justifies it, or a time that is not in (0, override_time_max].
  Result<Override> override_freeze(const SchemaPath& path, const std::string& principal, const std::string& justification,
                                   Duration time);

  /// A pass for one write at or below the override's path. Does not wait. Error: forbidden (another path), lease_lost (the
  /// override has ended), locked (the next freeze is about to begin), or see LockServer::acquire.
  Result<EmergencyPass> begin_write(const Override& leave, const SchemaPath& path);

  /// A pass for one write, or why not. Does not wait. The pass's leaf token guards the write.
  std::variant<PathLease, Frozen, Error> begin_write(const SchemaPath& path);

 private:
  friend class Freeze;
  friend class Override;
  struct Progress {
    std::uint64_t number;
    std::uint32_t percent;
    MonoTime since;
    MonoTime lease_until;
  };
  bool is_on(const std::string& key, std::uint64_t number);
  Frozen describe(const SchemaPath& path);

  LockServer& server_;
  const ClientConfig config_;
  const OverrideAudit audit_;
  std::mutex mutex_;
  std::map<std::string, Progress> freezes_;  // guarded by mutex_; those that are on, by path_key
};

}  // namespace lock_manager
