// The rate limiter as a sequential machine: no lock, no clock. Time is an argument.
//
// A request names the keys it counts against: everyone's (global), its user's, its address's, its endpoint's, and the
// three together (combined). It is admitted where every limit that applies admits it, and counts against all of them or
// none (RL8). Reservations are promises in order of arrival, per key: one that is promised starts when its time comes;
// one that is cancelled before is as if it had never been made, and those behind it may move forward (RL7: the schedule
// is computed again without it). A plain try never overtakes a reservation (RL9).
//
// Invariants, at every return:
//   - what was admitted or promised on a key fulfils that key's limit in every interval of true time (RL1); times that
//     run backwards are read as the latest seen (RL4);
//   - a refusal's retry_after is exact: alone, the same request succeeds then and not a nanosecond earlier (RL6);
//   - keys and reservations are bounded by the configuration; only keys at rest are forgotten, which changes nothing.
// Not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/error.h"
#include "rate_limiter/algorithms.h"

namespace rate_limiter {

enum class Scope : std::uint8_t { global, user, ip, endpoint, combined };
inline constexpr std::size_t scope_count = 5;
std::string_view to_string(Scope scope);

struct Config {
  std::array<std::optional<Limit>, scope_count> limits;  ///< by Scope; at least one
  std::size_t keys_max = 100'000;                        ///< all scopes together: 5 .. 10,000,000
  std::size_t reservations_max = 1'000;                  ///< promised and not yet started: 0 .. 100,000
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const Config& config);

inline constexpr std::size_t key_bytes_max = 256;

/// Who asks, for what. Bytes are compared as they are; an empty part is a key like any other. `canonical_ip` makes one
/// address of its several spellings.
struct Request {
  std::string user;
  std::string ip;
  std::string endpoint;
  std::uint64_t permits = 1;
};

/// The one spelling of an address: IPv4 dotted, also where it came as IPv4-mapped IPv6; IPv6 as inet_ntop writes it.
/// Nothing where the text is no address.
std::optional<std::string> canonical_ip(const std::string& text);

struct Rejected {
  common::Error error{};                ///< rate_limited, overloaded, invalid_argument; from RateLimiter also others
  std::optional<Scope> scope;           ///< the limit that lets it through last; set iff rate_limited
  std::optional<Duration> retry_after;  ///< > 0; not set where it would never be admitted
};

/// For a Retry-After header: whole seconds, rounded up.
std::int64_t retry_after_seconds(Duration retry_after);

class LimiterCore {
 public:
  using Id = std::uint64_t;

  LimiterCore(const Config& config, MonoTime now);

  /// Admits now, or not at all.
  std::optional<Rejected> try_acquire(const Request& request, MonoTime now);

  /// Promises the earliest time. Refuses where that is later than `latest`, or the table of reservations is full.
  std::variant<Id, Rejected> reserve(const Request& request, MonoTime latest, MonoTime now);

  /// When the reservation starts; nothing where it has started or is not known.
  std::optional<MonoTime> ready_at(Id id, MonoTime now);

  /// True where it had not started: its permits are given back. False: no effect.
  bool cancel(Id id, MonoTime now);

  /// Another limit for a scope that has one, for present and future keys. Throws std::invalid_argument where the
  /// algorithm, or a window's `per`, would change. Promises made stay as they are.
  void resize(Scope scope, const Limit& limit, MonoTime now);

  std::size_t keys() const { return keys_.size(); }
  std::size_t pending() const { return pending_.size(); }

 private:
  struct Key {
    Key(const Limit& limit, MonoTime now) : started(limit, now), promised(limit, now), last_promise(now) {}
    Meter started;          ///< what has been admitted
    Meter promised;         ///< the same and every reservation that has not started
    MonoTime last_promise;  ///< nothing on this key may start before
    std::size_t pending = 0;
  };
  using Keys = std::map<std::pair<Scope, std::string>, Key>;
  struct Reservation {
    std::uint64_t permits;
    std::vector<Key*> keys;
    MonoTime ready_at;
  };
  struct Plan {
    MonoTime at;
    std::vector<Key*> keys;
    Scope last{};
  };

  std::variant<Plan, Rejected> plan(const Request& request);
  std::optional<Rejected> find_keys(const Request& request, std::vector<std::pair<Scope, Key*>>& found);
  bool make_room();
  void advance(MonoTime now);
  void compute_again();

  Config config_;
  MonoTime now_;
  Keys keys_;
  Keys::iterator sweep_;  // where make_room looks next
  Id last_id_ = 0;
  std::map<Id, Reservation> pending_;  // in order of arrival
};

}  // namespace rate_limiter
