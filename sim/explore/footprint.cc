#include "explore/footprint.h"

#include <algorithm>

#include "explore/object_names.h"

namespace foreseed::explore {

ObjectId Footprints::object(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = (address * 0x9e3779b97f4a7c15ull >> 32) & mask;; i = (i + 1) & mask) {
    if (slots_[i].address == address) return slots_[i].id;
    if (slots_[i].address != 0) continue;
    if (seen_ * 2 > mask) {
      grow();
      return object(pointer);
    }
    ++seen_;
    slots_[i] = {address, named(object_name(pointer))};
    return slots_[i].id;
  }
}

ObjectId Footprints::named(std::uint64_t name) {
  const auto [known, fresh] = numbers_.emplace(name, static_cast<ObjectId>(names_.size()));
  if (fresh) names_.push_back(name);
  return known->second;
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
  return list(std::move(all));
}

Footprint Footprints::list(std::vector<Footprint> parts) {
  const auto known = std::find(lists_.begin(), lists_.end(), parts);
  const auto index = static_cast<Footprint>(known - lists_.begin());
  if (known == lists_.end()) lists_.push_back(std::move(parts));
  return index | several;
}

std::uint64_t Footprints::hash(Footprint footprint) const {
  if (footprint == touches_everything) return footprint;
  std::uint64_t sum = 0;
  for (const Footprint part : parts(footprint)) sum += mix(names_[part >> 1] * 2 + (part & 1));
  return sum;
}

void Footprints::save(Writer& out) const {
  out.put(names_);
  out.put(lists_);
}

void Footprints::load(Reader& in) {
  in.get(names_);
  in.get(lists_);
  if (names_.empty()) throw ArchiveError("it has no objects");
  for (const std::vector<Footprint>& parts : lists_) {
    if (parts.empty() || parts.back() >> 1 >= names_.size()) throw ArchiveError("it has an object that it does not name");
  }
  numbers_.clear();
  for (ObjectId id = 1; id < names_.size(); ++id) numbers_.emplace(names_[id], id);
  slots_.assign(slots_.size(), {});
  seen_ = 0;
}

Footprint Footprints::translate(const Footprints& other, Footprint footprint) {
  if (footprint == touches_nothing || footprint == touches_everything) return footprint;
  std::vector<Footprint> here;
  for (const Footprint part : other.parts(footprint)) here.push_back(of(named(other.names_[part >> 1]), (part & 1) != 0));
  if (here.size() == 1) return here.front();
  std::sort(here.begin(), here.end());
  return list(std::move(here));
}

Footprints::Summary Footprints::summary_of_several(Footprint footprint) const {
  if (footprint == touches_everything) return {~std::uint64_t{0}, ~std::uint64_t{0}};
  Summary sum;
  for (const Footprint part : parts(footprint)) sum.add(summary(part));
  return sum;
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
