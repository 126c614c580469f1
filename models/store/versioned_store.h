// A small store of versioned records, shared by whoever opens it: what lets several processes agree.
//
// A record is bytes under a key, with a version that grows by one with each change and is never used again. `put` is a
// compare-and-swap on the version, so a read-modify-write that lost a race is told so. Invariant: a put that returned
// a version is durable as far as the implementation is. Any thread; no call waits longer than the implementation says.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/error.h"
#include "common/time.h"

namespace store {

struct Record {
  std::uint64_t version = 0;  ///< from 1; 0 stands for "no record"
  std::string value;
  /// When it was read, by the store's own clock, which all who share the store read alike: never earlier than when this
  /// version was written. It may begin again when the store does.
  common::MonoTime at{};
};

inline constexpr std::size_t key_bytes_max = 512;
inline constexpr std::size_t value_bytes_max = 1 << 20;

class VersionedStore {
 public:
  virtual ~VersionedStore() = default;

  /// Version 0 where there is none. Error: invalid_argument, unavailable.
  virtual common::Result<Record> get(const std::string& key) = 0;

  /// Writes where the present version is `expected`; returns the new one. Error: conflict where it is not,
  /// invalid_argument, unavailable (then it may or may not have been written).
  virtual common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected,
                                            const std::string& value) = 0;
};

/// In this process, gone with it. Never unavailable.
class MemoryStore final : public VersionedStore {
 public:
  common::Result<Record> get(const std::string& key) override;
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override;

 private:
  std::mutex mutex_;
  std::map<std::string, Record> records_;  // guarded by mutex_
};

}  // namespace store
