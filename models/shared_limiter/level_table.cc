#include "shared_limiter/level_table.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "rate_limiter/limiter_core.h"

namespace shared_limiter {
namespace {

using rate_limiter::Gcra;
using rate_limiter::Wide;

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
    Level level{};
    if (!read(rest, level.ns) || !read(rest, level.part) || !read(rest, size)) return std::nullopt;
    if (level.part >= rate_limiter::permits_max || size > rate_limiter::key_bytes_max || rest.size() <= size) return std::nullopt;
    table.levels_.emplace(rest.substr(0, size), level);
    rest.remove_prefix(size + 1);
  }
  if (table.to_text() != text) return std::nullopt;
  return table;
}

std::string LevelTable::to_text() const {
  std::string text;
  for (const auto& [key, level] : levels_) {
    text += std::to_string(level.ns) + ' ' + std::to_string(level.part) + ' ' + std::to_string(key.size()) + ' ' + key + '\n';
  }
  return text;
}

std::optional<Rejected> LevelTable::take(const Limit& limit, const std::string& key, std::uint64_t permits, MonoTime now,
                                         std::size_t keys_max) {
  const std::int64_t now_ns = now.time_since_epoch().count();
  Gcra meter(limit, now);
  const auto known = levels_.find(key);
  if (known != levels_.end()) {
    const Wide arrival = Wide(known->second.ns) * limit.permits + std::min(known->second.part, limit.permits);
    meter = Gcra(limit, std::min(arrival, Wide(now_ns) * limit.permits + Wide(limit.burst) * limit.per.count()));
  }
  const auto earliest = meter.earliest(permits, now);
  if (!earliest) return Rejected{common::Error::rate_limited, std::nullopt};
  if (*earliest > now) return Rejected{common::Error::rate_limited, *earliest - now};
  std::erase_if(levels_, [&](const auto& entry) {
    const auto& [ns, part] = entry.second;
    return ns < now_ns || (ns == now_ns && part == 0);
  });
  if (levels_.size() >= keys_max && !levels_.contains(key)) return Rejected{common::Error::overloaded, std::nullopt};
  meter.take(permits, now);
  const auto [ns, part] = meter.arrival();
  levels_.insert_or_assign(key, Level{ns, part});
  return std::nullopt;
}

}  // namespace shared_limiter
