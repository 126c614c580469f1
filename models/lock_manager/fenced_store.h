// The resource behind a lock: it takes a write only with a token at least as new as every token it has seen (LK3).
//
// So a holder that was paused past its lease, and does not know it, cannot overwrite what its successor wrote: accepted
// writes of a key are in the order of their tokens, whatever clocks and networks did. The check and the write are one
// compare-and-swap. The lock's key is the record's: a token opens nothing else. Any thread.
#pragma once

#include <optional>
#include <string>

#include "lock_manager/types.h"
#include "store/versioned_store.h"

namespace lock_manager {

struct FencedValue {
  std::uint64_t token = 0;  ///< of the last write; 0: never written
  std::string value;
};

class FencedStore {
 public:
  /// REQUIRES: the store outlives it.
  explicit FencedStore(store::VersionedStore& store) : store_(store) {}

  /// Error: stale_token, conflict (others kept writing; nothing was), unavailable, invalid_argument, internal.
  std::optional<Error> write(const FencingToken& token, const std::string& value);

  /// What is there now. Reading needs no token; for a read that no write may follow, hold the lock.
  Result<FencedValue> read(const std::string& key);

 private:
  store::VersionedStore& store_;
};

}  // namespace lock_manager
