#pragma once
// What is asked of each key-value store: what two writers put is there, also after it is opened again.

#include <foreseed/scenario.h>

#include <memory>
#include <string>
#include <thread>

namespace libraries {

/// `Store`: LevelDB's interface, which RocksDB has as well.
template <typename Store, typename Options>
std::unique_ptr<Store> opened(Options options) {
  options.create_if_missing = true;
  options.write_buffer_size = 64 * 1024;
  Store* store = nullptr;
  FORESEED_CHECK(Store::Open(options, "/var/lib/orders", &store).ok());
  return std::unique_ptr<Store>(store);
}

template <typename Store, typename Options>
void two_writers(const Options& options) {
  const auto key = [](int writer, int i) { return std::to_string(writer) + '/' + std::to_string(i); };
  auto store = opened<Store>(options);
  const auto write = [&](int writer) {
    for (int i = 0; i < 40; ++i) FORESEED_CHECK(store->Put({}, key(writer, i), std::string(5000, 'x')).ok());
  };
  std::thread one(write, 1), two(write, 2);
  one.join(), two.join();
  store = nullptr;
  store = opened<Store>(options);
  std::string value;
  for (const int writer : {1, 2}) FORESEED_CHECK(store->Get({}, key(writer, 0), &value).ok() && value.size() == 5000);
}

}  // namespace libraries
