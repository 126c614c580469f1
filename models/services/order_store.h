// Orders, kept in this process.
//
// Invariants: ids are 1, 2, 3, ... without gaps, in the order of acceptance; an order never
// changes; for each (owner, idempotency key) there is at most one order (SV2). Nothing is removed,
// so the store is bounded by orders_max. Linearizable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace services {

struct Order {
  std::uint64_t id = 0;
  std::string owner;
  std::string item;
  std::int64_t quantity = 0;
  bool operator==(const Order&) const = default;
};

struct PlacedOrder {
  Order order;
  bool replayed = false;  ///< the order was there already, by its idempotency key
};

enum class OrderError {
  key_conflict,  ///< the key was used for another item or quantity
  store_full,
};

class OrderStore {
 public:
  explicit OrderStore(std::size_t orders_max) : orders_max_(orders_max) {}

  /// `idempotency_key` empty: none.
  std::variant<PlacedOrder, OrderError> place(const std::string& owner, const std::string& item,
                                              std::int64_t quantity,
                                              const std::string& idempotency_key);

  std::optional<Order> find(std::uint64_t id) const;
  std::size_t size() const;

 private:
  const std::size_t orders_max_;
  mutable std::mutex mutex_;
  std::vector<Order> orders_;                                            // guarded by mutex_
  std::map<std::pair<std::string, std::string>, std::uint64_t> by_key_;  // guarded by mutex_
};

}  // namespace services
