#include "memory/history.h"

#include <cstring>

#include "memory/unknown_writer.h"

namespace foreseed::memory {

namespace {

constexpr std::uintptr_t widest = 16;

void restart(Location& location, const Value& value) {
  location.stores.clear();
  location.stores.emplace_back().value = value;
}

}  // namespace

Value read_memory(const void* address, std::size_t size) {
  Value value;
  std::memcpy(&value, address, size);
  return value;
}

void write_memory(void* address, std::size_t size, const Value& value) { std::memcpy(address, &value, size); }

void Location::drop_oldest() {
  const Store& oldest = stores.front();
  dropped_nodes.raise(oldest.task, oldest.node);
  dropped_clock.join(oldest.clock);
  for (const Read& read : oldest.reads) {
    dropped_nodes.raise(read.task, read.node);
    dropped_clock.join(read.clock);
  }
  stores.erase(stores.begin());
}

Location& Histories::at(const void* address, std::size_t size, Task* reader) {
  const auto key = reinterpret_cast<std::uintptr_t>(address);
  const auto known = locations_.find(key);
  if (known == locations_.end() || known->second.size != size) return start(key, size, reader);
  const Value value = read_memory(address, size);
  if (value != known->second.newest().value) {
    if (reader != nullptr) learn_from_all(*reader);
    restart(known->second, value);
  }
  return known->second;
}

/// A location that is new, or was used in other sizes until now: then a reader still learns what the last stores released.
/// Of a new one that holds 0, nobody but its constructor is taken to have written it.
Location& Histories::start(std::uintptr_t address, std::size_t size, Task* reader) {
  Location fresh;
  fresh.size = size;
  restart(fresh, read_memory(reinterpret_cast<const void*>(address), size));
  bool overlaps = false;
  auto it = locations_.lower_bound(address < widest ? 0 : address - widest + 1);
  while (it != locations_.end() && it->first < address + size) {
    Location& old = it->second;
    if (it->first + old.size <= address) {
      ++it;
      continue;
    }
    overlaps = true;
    fresh.stores.front().release.join(old.newest().release);
    while (!old.stores.empty()) old.drop_oldest();
    fresh.dropped_nodes.join(old.dropped_nodes);
    fresh.dropped_clock.join(old.dropped_clock);
    it = locations_.erase(it);
  }
  if (!overlaps && reader != nullptr && fresh.newest().value != Value{}) learn_from_ended(*reader);
  return locations_[address] = std::move(fresh);
}

void Histories::forget(const void* address, std::size_t size) {
  if (locations_.empty()) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  auto it = locations_.lower_bound(begin < widest ? 0 : begin - widest + 1);
  while (it != locations_.end() && it->first < begin + size) {
    it = it->first + it->second.size <= begin ? std::next(it) : locations_.erase(it);
  }
}

void Histories::settle() {
  for (auto& [address, location] : locations_) {
    location.stores.erase(location.stores.begin(), location.stores.end() - 1);
    Store& last = location.newest();
    last.node = 0;
    last.clock.clear();
    last.reads.clear();
    last.modifies = false;
    location.dropped_nodes.clear();
    location.dropped_clock.clear();
  }
}

}  // namespace foreseed::memory
