#include "explore/footprint.h"

#include <algorithm>

namespace foreseed::explore {

ObjectId Footprints::object(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = (address * 0x9e3779b97f4a7c15ull >> 32) & mask;; i = (i + 1) & mask) {
    if (slots_[i].address == address) return slots_[i].id;
    if (slots_[i].address != 0) continue;
    if (count_ * 2 > mask) {
      grow();
      return object(pointer);
    }
    slots_[i] = {address, ++count_};
    return count_;
  }
}

void Footprints::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.address == 0) continue;
    std::size_t i = (slot.address * 0x9e3779b97f4a7c15ull >> 32) & mask;
    while (slots_[i].address != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

std::span<const Footprint> Footprints::parts(const Footprint& footprint) const {
  if (footprint == touches_nothing || footprint == touches_everything) return {};
  if ((footprint & several) == 0) return {&footprint, 1};
  return lists_[footprint & ~several];
}

Footprint Footprints::join(Footprint a, Footprint b) {
  if (a == b || b == touches_nothing) return a;
  if (a == touches_nothing) return b;
  if (a == touches_everything || b == touches_everything) return touches_everything;
  if (((a | b) & several) == 0 && a >> 1 == b >> 1) return a | b;
  std::vector<Footprint> all;
  for (const Footprint part : parts(a)) all.push_back(part);
  for (const Footprint part : parts(b)) all.push_back(part);
  std::sort(all.begin(), all.end());
  std::size_t kept = 0;  // of two parts of one object, the write comes last and stays
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && all[i] >> 1 == all[i + 1] >> 1) continue;
    all[kept++] = all[i];
  }
  all.resize(kept);
  const auto known = std::find(lists_.begin(), lists_.end(), all);
  const auto index = static_cast<Footprint>(known - lists_.begin());
  if (known == lists_.end()) lists_.push_back(std::move(all));
  return index | several;
}

bool Footprints::conflict_of_several(Footprint a, Footprint b) const {
  if (a == touches_everything || b == touches_everything) return true;
  for (const Footprint x : parts(a)) {
    for (const Footprint y : parts(b)) {
      if (x >> 1 == y >> 1 && ((x | y) & 1) != 0) return true;
    }
  }
  return false;
}

}  // namespace foreseed::explore
