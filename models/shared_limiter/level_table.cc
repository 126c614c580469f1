#include "shared_limiter/level_table.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "rate_limiter/limiter_core.h"

namespace shared_limiter {
namespace {

using rate_limiter::Gcra;

/// A decimal number and the space after it, off the front of the text.
template <typename Number>
bool read(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

std::optional<LevelTable> LevelTable::from_text(const std::string& text) {
  LevelTable table;
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t size = 0;
    Gcra::Arrival level{};
    if (!read(rest, level.ns) || !read(rest, level.part) || !read(rest, size)) return std::nullopt;
    if (level.part >= rate_limiter::permits_max || size > rate_limiter::key_bytes_max) return std::nullopt;
    if (rest.size() <= size) return std::nullopt;
    table.levels_.emplace(rest.substr(0, size), level);
    rest.remove_prefix(size + 1);
  }
  if (table.to_text() != text) return std::nullopt;
  return table;
}

std::string LevelTable::to_text() const {
  std::string text;
  for (const auto& [key, level] : levels_) {
    text += std::to_string(level.ns) + ' ' + std::to_string(level.part) + ' ';
    text += std::to_string(key.size()) + ' ' + key + '\n';
  }
  return text;
}

std::optional<Rejected> LevelTable::take(const Limit& limit, const std::string& key, std::uint64_t permits,
                                         MonoTime now, std::size_t keys_max) {
  Gcra empty(limit, now);
  empty.take(limit.burst, now);
  const Gcra::Arrival last = empty.arrival();
  for (auto& [other, level] : levels_) level = std::min(level, last);

  const auto known = levels_.find(key);
  Gcra meter = known != levels_.end() ? Gcra(limit, known->second) : Gcra(limit, now);
  const auto earliest = meter.earliest(permits, now);
  if (!earliest) return Rejected{common::Error::rate_limited, std::nullopt};
  if (*earliest > now) return Rejected{common::Error::rate_limited, *earliest - now};
  std::erase_if(levels_, [&](const auto& entry) { return Gcra(limit, entry.second).at_rest(now); });
  if (levels_.size() >= keys_max && !levels_.contains(key)) return Rejected{common::Error::overloaded, std::nullopt};
  meter.take(permits, now);
  levels_.insert_or_assign(key, meter.arrival());
  return std::nullopt;
}

}  // namespace shared_limiter
