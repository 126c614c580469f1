// The vocabulary of the lock manager. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/error.h"
#include "common/time.h"

namespace lock_manager {

using common::Duration;
using common::Error;
using common::MonoTime;
using common::Result;

/// Multi-granularity modes (Gray et al., 1975). Who locks a part announces it on the whole with the intention mode.
enum class Mode : std::uint8_t { intent_shared, intent_exclusive, shared, exclusive };

/// Whether two sessions may hold these at once.
constexpr bool compatible(Mode a, Mode b) {
  if (a > b) std::swap(a, b);
  if (b == Mode::exclusive) return false;
  if (b == Mode::shared) return a != Mode::intent_exclusive;
  return true;
}

/// The mode that a lock on a part needs on each whole around it.
constexpr Mode intention_of(Mode mode) {
  return mode == Mode::exclusive || mode == Mode::intent_exclusive ? Mode::intent_exclusive : Mode::intent_shared;
}

std::string_view to_string(Mode mode);

/// Proof that a lock was granted, and when among all grants: numbers grow strictly over the whole life of a store,
/// across restarts. A guarded write carries one; only a lock server makes them, or `from_wire`.
class FencingToken {
 public:
  const std::string& key() const { return key_; }
  std::uint64_t number() const { return number_; }

  /// As received from another process, which is trusted to have got it from the server.
  static FencingToken from_wire(std::string key, std::uint64_t number) { return {std::move(key), number}; }

 private:
  friend class LockServer;
  FencingToken(std::string key, std::uint64_t number) : key_(std::move(key)), number_(number) {}

  std::string key_;
  std::uint64_t number_;
};

}  // namespace lock_manager
