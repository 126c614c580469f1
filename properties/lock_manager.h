#pragma once
// The lock manager against catalogue 4.3: tries, renewals and releases against a table written down a second time; waiting,
// writing holders, some of whom stall past their leases and one of whose servers is replaced, against what fencing is for.

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "lock_manager/fenced_store.h"
#include "lock_manager/lease.h"
#include "properties/common.h"

namespace properties {

struct LockStep {
  enum Op { acquire, renew, release, look } op = acquire;
  int key = 0;
  lock_manager::Mode mode{};
  int ttl_ms = 1;
  int pause_ms = 0;  ///< before it
  int hold_ms = 0;   ///< of one that waits and writes: between the grant and the write
};
inline void showValue(const LockStep& s, std::ostream& out) {
  static constexpr const char* names[] = {"acquire", "renew", "release", "look at"};
  out << "after " << s.pause_ms << " ms " << names[s.op] << " k" << s.key << " " << lock_manager::to_string(s.mode) << " for "
      << s.ttl_ms << " ms, held " << s.hold_ms << " ms";
}

struct LockCase {
  std::vector<LockStep> one, two, three;
  int stall_percent = 0;   ///< of scheduling points, at which a task stalls for 30 ms
  int new_server_ms = 0;   ///< when another server takes over the store; 0: never
  ClockFaults faults;
};
inline void showValue(const LockCase& c, std::ostream& out) {
  show_threads(c, out);
  out << "; " << c.stall_percent << "% stall, another server at " << c.new_server_ms << " ms; ";
  rc::show(c.faults, out);
}

inline rc::Gen<LockCase> lock_cases() {
  using rc::gen::set;
  const auto step = rc::gen::build<LockStep>(
      set(&LockStep::op, rc::gen::weightedElement<LockStep::Op>({{4, LockStep::acquire}, {1, LockStep::renew}, {2, LockStep::release}, {1, LockStep::look}})),
      set(&LockStep::key, between(0, 1)),
      set(&LockStep::mode, rc::gen::map(between(0, 3), [](int n) { return static_cast<lock_manager::Mode>(3 - n); })),
      set(&LockStep::ttl_ms, between(1, 12)), set(&LockStep::pause_ms, between(0, 4)), set(&LockStep::hold_ms, between(0, 14)));
  return rc::gen::build<LockCase>(set(&LockCase::one, up_to(6, step)), set(&LockCase::two, up_to(6, step)), set(&LockCase::three, up_to(4, step)),
                                  set(&LockCase::stall_percent, rc::gen::element(0, 0, 1, 5)),
                                  set(&LockCase::new_server_ms, rc::gen::map(between(0, 24), [](int n) { return n <= 12 ? n : 0; })),
                                  set(&LockCase::faults, clock_faults()));
}

inline lock_manager::ServerConfig lock_server_config() {
  lock_manager::ServerConfig config;
  config.ttl_max = 20ms;
  config.waiters_max = 8;
  config.token_block = 9;  // so that blocks are taken during the run as well
  return config;
}

/// One key. Nobody waits here: each request is granted at its instant or not at all.
struct LockSpec {
  struct Call {
    LockStep::Op op;
    int key;
    std::int64_t at_ms;
    std::uint64_t session = 0;
    lock_manager::Mode mode{};
    std::int64_t ttl_ms = 0;
    std::uint64_t token = 0, ticket = 0;
  };
  struct Return {
    bool yes = false;
    std::uint64_t token = 0, ticket = 0;
    std::int64_t expires_ms = 0;
    std::size_t holders = 0;
  };
  struct Holder {
    std::uint64_t session, token;
    lock_manager::Mode mode;
    std::set<std::uint64_t> tickets;
    std::int64_t expires_ms;
    bool operator==(const Holder&) const = default;
  };
  std::vector<Holder> holders;
  std::uint64_t last_token = 0;

  static int key(const Call& c) { return c.key; }

  /// Gray et al. (1975), as a table: IS, IX, S, X.
  static bool compatible(lock_manager::Mode a, lock_manager::Mode b) {
    static constexpr bool table[4][4] = {{true, true, true, false}, {true, true, false, false}, {true, false, true, false}, {false, false, false, false}};
    return table[static_cast<int>(a)][static_cast<int>(b)];
  }
  bool acquire(const Call& c, const Return& r) {
    bool free = true;
    Holder* same = nullptr;
    for (Holder& h : holders) {
      if (h.session != c.session) free &= compatible(h.mode, c.mode);
      else if (h.mode == c.mode) same = &h;
    }
    if (same != nullptr) {  // once more
      same->tickets.insert(r.ticket);
      same->expires_ms = std::max(same->expires_ms, c.at_ms + c.ttl_ms);
      return r.yes && r.token == same->token && r.expires_ms == same->expires_ms;
    }
    if (r.yes != free) return false;
    if (!free) return true;
    if (r.token <= last_token || r.expires_ms != c.at_ms + c.ttl_ms) return false;
    last_token = r.token;
    holders.push_back({c.session, r.token, c.mode, {r.ticket}, r.expires_ms});
    std::sort(holders.begin(), holders.end(), [](const Holder& a, const Holder& b) { return a.token < b.token; });
    return true;
  }
  bool apply(const Call& c, const Return* returned) {
    if (returned == nullptr) return true;
    const Return& r = *returned;
    std::erase_if(holders, [&](const Holder& h) { return h.expires_ms <= c.at_ms; });
    if (c.op == LockStep::acquire) return acquire(c, r);
    if (c.op == LockStep::look) return r.holders == holders.size();
    const auto held = std::find_if(holders.begin(), holders.end(), [&](const Holder& h) { return h.token == c.token; });
    if (c.op == LockStep::renew) {
      if (r.yes != (held != holders.end())) return false;
      if (r.yes) held->expires_ms = std::max(held->expires_ms, c.at_ms + c.ttl_ms);
      return !r.yes || r.expires_ms == held->expires_ms;
    }
    const bool known = held != holders.end() && held->tickets.erase(c.ticket) != 0;
    if (known && held->tickets.empty()) holders.erase(held);
    return r.yes == known;
  }
  bool operator==(const LockSpec&) const = default;
  static std::string text(const Call& c, const Return* r) {
    static constexpr const char* names[] = {"acquire", "renew", "release", "look"};
    std::string t = "k" + std::to_string(c.key) + " " + names[c.op] + " at " + std::to_string(c.at_ms) + " ms";
    if (c.op == LockStep::acquire) t += " " + std::string(lock_manager::to_string(c.mode)) + " by " + std::to_string(c.session) + " for " + std::to_string(c.ttl_ms) + " ms";
    else if (c.token != 0) t += " token " + std::to_string(c.token);
    if (r == nullptr) return t;
    if (c.op == LockStep::look) return t + " -> " + std::to_string(r->holders);
    return t + (r->yes ? " -> yes, token " + std::to_string(r->token) + ", until " + std::to_string(r->expires_ms) + " ms" : " -> no");
  }
};

/// Covers: LK1, LK2, LK5, LK11, LK12, LK13
template <typename Server>
void check_lock_table(const LockCase& c) {
  store::MemoryStore store;
  auto opened = Server::open(lock_server_config(), store);
  auto& server = *std::get<0>(opened);
  const auto start = common::mono_now();
  const auto ms = [start](common::MonoTime t) { return std::chrono::duration_cast<milliseconds>(t - start).count(); };
  foreseed::History<LockSpec> history;
  using Call = LockSpec::Call;
  using Return = LockSpec::Return;
  const auto run = [&](const std::vector<LockStep>& steps) {
    const lock_manager::Session session = server.new_session();
    std::map<int, lock_manager::ServerGrant> mine;  // by key, the last
    for (const LockStep& step : steps) {
      if (step.pause_ms != 0) std::this_thread::sleep_for(milliseconds(step.pause_ms));
      const std::string key = "k" + std::to_string(step.key);
      const auto now = common::mono_now();
      Call call{step.op, step.key, ms(now), session, step.mode, step.ttl_ms};
      const auto held = mine.find(step.key);
      if (held != mine.end()) {
        call.token = held->second.token.number();
        call.ticket = held->second.ticket;
      }
      if (step.op == LockStep::acquire) {
        history.record(call, [&] {
          auto result = server.acquire(session, key, step.mode, milliseconds(step.ttl_ms), common::MonoTime::min());
          if (const auto* error = std::get_if<common::Error>(&result)) {
            FORESEED_CHECK(*error == common::Error::locked);
            return Return{};
          }
          auto& grant = std::get<lock_manager::ServerGrant>(result);
          const Return r{true, grant.token.number(), grant.ticket, ms(grant.expires)};
          mine.insert_or_assign(step.key, std::move(grant));
          return r;
        });
      } else if (step.op == LockStep::look) {
        history.record(call, [&] { return Return{true, 0, 0, 0, server.holders(key)}; });
      } else if (held != mine.end()) {
        history.record(call, [&] {
          if (step.op == LockStep::release) return Return{server.release(held->second.token, held->second.ticket)};
          const auto result = server.renew(held->second.token, milliseconds(step.ttl_ms));
          if (const auto* expires = std::get_if<common::MonoTime>(&result)) return Return{true, 0, 0, ms(*expires)};
          return Return{};
        });
      }
    }
  };
  c.faults.start();
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  FORESEED_CHECK_LINEARIZABLE(history);
}

/// A register that takes a write only with a token at least as new as every one it has seen.
struct FencedSpec {
  struct Call {
    int key;
    bool write;
    std::uint64_t token;
    std::string value;
  };
  struct Return {
    bool accepted = false;
    std::uint64_t token = 0;
    std::string value;
  };
  std::uint64_t token = 0;
  std::string value;
  static int key(const Call& c) { return c.key; }
  bool apply(const Call& c, const Return* r) {
    if (!c.write) return r == nullptr || (r->token == token && r->value == value);
    const bool accepted = c.token >= token;
    if (accepted) {
      token = c.token;
      value = c.value;
    }
    return r == nullptr || r->accepted == accepted;
  }
  bool operator==(const FencedSpec&) const = default;
  static std::string text(const Call& c, const Return* r) {
    std::string t = "k" + std::to_string(c.key) + (c.write ? " write " + c.value + " with token " + std::to_string(c.token) : " read");
    if (r == nullptr) return t;
    return t + (c.write ? (r->accepted ? " -> taken" : " -> stale") : " -> " + r->value + " of token " + std::to_string(r->token));
  }
};

/// Who held what, by one server, and from when to when at least.
struct Held {
  int server, key;
  std::uint64_t session, token;
  lock_manager::Mode mode;
  common::MonoTime from, until;
};

/// Covers: LK1, LK2, LK3, LK4, LK5, LK7, LK9, LK10, LK11, LK12
template <typename Server, typename Fenced>
void check_lock_manager(const LockCase& c) {
  store::MemoryStore store, data;
  Fenced resource(data);
  auto first = Server::open(lock_server_config(), store);
  std::unique_ptr<Server> second;  // published by `current`
  std::atomic<int> current{0};
  const auto server = [&](int n) -> Server& { return n == 0 ? *std::get<0>(first) : *second; };
  std::mutex mutex;
  std::vector<Held> held;  // guarded by mutex
  foreseed::History<FencedSpec> history;
  using Return = FencedSpec::Return;

  const auto write = [&](int key, const lock_manager::FencingToken& token) {
    history.record({key, true, token.number(), std::to_string(token.number())}, [&] {
      const auto error = resource.write(token, std::to_string(token.number()));
      FORESEED_CHECK(!error || *error == common::Error::stale_token);
      return Return{!error, 0, {}};
    });
    history.record({key, false, 0, {}}, [&] {
      const auto now = std::get<lock_manager::FencedValue>(resource.read("k" + std::to_string(key)));
      return Return{false, now.token, now.value};
    });
  };
  const auto run = [&](const std::vector<LockStep>& steps) {
    for (const LockStep& step : steps) {
      if (step.pause_ms != 0) std::this_thread::sleep_for(milliseconds(step.pause_ms));
      const int n = current;
      const auto session = server(n).new_session();
      const auto asked = common::mono_now();
      auto result = server(n).acquire(session, "k" + std::to_string(step.key), step.mode, milliseconds(step.ttl_ms), asked + 60ms);
      const auto got = common::mono_now();
      if (const auto* error = std::get_if<common::Error>(&result)) {
        const bool deposed = *error == common::Error::closed && n == 0 && c.new_server_ms != 0;
        FORESEED_CHECK(deposed || *error == common::Error::locked || *error == common::Error::unavailable || *error == common::Error::overloaded);
        continue;
      }
      const auto& grant = std::get<lock_manager::ServerGrant>(result);
      if (step.hold_ms != 0) std::this_thread::sleep_for(milliseconds(step.hold_ms));
      if (step.mode == lock_manager::Mode::exclusive) write(step.key, grant.token);
      const auto until = std::min(common::mono_now(), grant.expires);
      if (step.op != LockStep::look) server(n).release(grant.token, grant.ticket);  // or it runs out
      const std::lock_guard lock(mutex);
      for (const Held& h : held) {
        // LK2: granted after the other was known to be granted, so newer.
        if (h.key == step.key && h.server == n && h.from < asked) FORESEED_CHECK(h.token < grant.token.number());
        FORESEED_CHECK(h.token != grant.token.number());
        const bool together = h.from < until && got < h.until;
        if (h.key == step.key && h.server == n && together) FORESEED_CHECK(LockSpec::compatible(h.mode, step.mode));
      }
      held.push_back({n, step.key, session, grant.token.number(), step.mode, got, until});
    }
  };
  c.faults.start();
  if (c.stall_percent != 0) {
    foreseed::FaultPlan plan;
    foreseed::Fault stall;
    stall.kind = foreseed::FaultKind::stall;
    stall.hosts = {"client"};
    stall.until = 60ms;
    stall.share = c.stall_percent / 100.0;
    stall.amount = 30ms;
    plan.add(stall);
    plan.start();
  }
  std::thread operations([&] {
    if (c.new_server_ms == 0) return;
    std::this_thread::sleep_for(milliseconds(c.new_server_ms));
    auto opened = Server::open(lock_server_config(), store);
    second = std::move(std::get<0>(opened));
    current = 1;
  });
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  operations.join();
  FORESEED_CHECK_LINEARIZABLE(history);
  // Every lease has run out or been given back: the key is free (LK11).
  const auto granted = [&] {
    const auto session = server(current).new_session();
    return server(current).acquire(session, "k0", lock_manager::Mode::exclusive, 1ms, common::mono_now()).index() == 0;
  };
  FORESEED_EVENTUALLY(granted(), 100ms);
}

}  // namespace properties
