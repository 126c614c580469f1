#include "services/order_store.h"

namespace services {

std::variant<PlacedOrder, OrderError> OrderStore::place(const std::string& owner,
                                                        const std::string& item,
                                                        std::int64_t quantity,
                                                        const std::string& idempotency_key) {
  std::lock_guard lock(mutex_);
  if (!idempotency_key.empty()) {
    const auto known = by_key_.find({owner, idempotency_key});
    if (known != by_key_.end()) {
      const Order& order = orders_[known->second - 1];
      if (order.item != item || order.quantity != quantity) return OrderError::key_conflict;
      return PlacedOrder{order, true};
    }
  }
  if (orders_.size() >= orders_max_) return OrderError::store_full;
  const std::uint64_t id = orders_.size() + 1;
  orders_.push_back({id, owner, item, quantity});
  if (!idempotency_key.empty()) by_key_[{owner, idempotency_key}] = id;
  return PlacedOrder{orders_.back(), false};
}

std::optional<Order> OrderStore::find(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  if (id == 0 || id > orders_.size()) return std::nullopt;
  return orders_[id - 1];
}

std::size_t OrderStore::size() const {
  std::lock_guard lock(mutex_);
  return orders_.size();
}

}  // namespace services
