// How a caller says how long it still waits: header X-Time-Left-Ms, whole milliseconds from when it sends the request.
//
// Relative, since the clocks of two hosts differ. It is 0 to 600,000 in decimal digits; a request with anything else, or
// with two such headers, is refused as invalid_argument (400): who means something by it should know that it was not
// understood. Without the header a caller waits for ever, as far as a server knows.
#pragma once

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

namespace services {

inline constexpr const char* time_left_header = "X-Time-Left-Ms";
inline constexpr std::chrono::milliseconds time_left_max{600'000};

inline std::optional<std::chrono::milliseconds> parse_time_left(std::string_view text) {
  std::uint32_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size() || ms > time_left_max.count()) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

}  // namespace services
