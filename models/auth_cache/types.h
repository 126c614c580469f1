// The vocabulary of the authorisation cache. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "common/error.h"
#include "common/time.h"

namespace auth_cache {

using common::Duration;
using common::Error;
using common::MonoTime;
using common::WallTime;

inline constexpr std::size_t token_bytes_max = 8192;

/// SHA-256 of a token's exact bytes: what the cache knows it by (AU7). The token itself is not kept.
using TokenHash = std::array<unsigned char, 32>;

/// Nothing where OpenSSL fails.
std::optional<TokenHash> hash_of(std::string_view token);

using Scopes = std::set<std::string, std::less<>>;

/// What a good token says. Accepted at wall time w iff not_before - leeway <= w < expires_at + leeway.
struct Claims {
  std::string subject;
  Scopes scopes;
  WallTime expires_at;
  std::optional<WallTime> not_before;
};

/// The authority's answer: claims, or a definitive "no". An Error is no answer.
struct Denied {};
using Answer = std::variant<Claims, Denied, Error>;

/// The cache's answer. Error: unauthenticated (a definitive no, or not within its dates), forbidden (a scope is
/// missing), invalid_argument (no token at all), deadline_exceeded, cancelled, closed, overloaded, or the authority's
/// own error.
using Decision = std::variant<Claims, Error>;

struct Config {
  Duration ttl = std::chrono::seconds(60);           ///< 1 ms .. 24 h; with jitter, at most this
  Duration negative_ttl = std::chrono::seconds(10);  ///< 1 ms .. ttl
  std::uint32_t jitter_percent = 10;    ///< 0 .. 90: entries end up to this much earlier, so not all at once
  std::chrono::seconds leeway{0};       ///< 0 .. 300
  std::size_t entries_max = 10'000;     ///< 1 .. 10,000,000
  std::size_t negative_max = 10'000;    ///< a budget of its own: forged tokens evict no good one
  std::size_t loads_max = 100;          ///< 1 .. 10,000 at once; more are Error::overloaded
  std::size_t revocations_max = 1'000;  ///< 1 .. 1,000,000 remembered while loads run
};

/// Throws std::invalid_argument naming field and range.
void validate(const Config& config);

/// How long after a revocation at the authority, of which this cache was not told, a token may still be accepted: an
/// answer is at most `ttl` old, and counts from the instant its load began. A revocation told to the cache has no
/// delay.
inline Duration staleness_bound(const Config& config) { return config.ttl; }

}  // namespace auth_cache
