#include "store/versioned_store.h"

namespace store {

common::Result<Record> MemoryStore::get(const std::string& key) {
  if (key.size() > key_bytes_max) return common::Error::invalid_argument;
  std::lock_guard lock(mutex_);
  const auto found = records_.find(key);
  Record record = found == records_.end() ? Record{} : found->second;
  record.at = common::mono_now();
  return record;
}

common::Result<std::uint64_t> MemoryStore::put(const std::string& key, std::uint64_t expected,
                                               const std::string& value) {
  if (key.size() > key_bytes_max || value.size() > value_bytes_max) return common::Error::invalid_argument;
  std::lock_guard lock(mutex_);
  const auto found = records_.find(key);
  const std::uint64_t present = found == records_.end() ? 0 : found->second.version;
  if (present != expected) return common::Error::conflict;
  records_.insert_or_assign(key, Record{expected + 1, value, {}});
  return expected + 1;
}

}  // namespace store
