#pragma once
// The connection pool against catalogue 4.6: the line computed by hand where connecting is quick, and under connects that
// are slow or fail and connections that break, what must hold at every step.

#include <atomic>

#include "pool/pool.h"
#include "properties/line.h"

namespace properties {

/// The database: counts who is connected, fails on command.
struct PoolServer {
  explicit PoolServer(std::size_t limit) : most(static_cast<int>(limit)) {}
  struct Session : pool::Connection {
    explicit Session(PoolServer& s) : server(s) { FORESEED_CHECK(++server.open <= server.most); }
    ~Session() override {
      FORESEED_CHECK(!used);
      --server.open;
    }
    bool reset(common::MonoTime) override {
      FORESEED_CHECK(!used && !broken);
      clean = true;
      return sound;
    }
    PoolServer& server;
    std::atomic<bool> used{false};
    bool clean = true, broken = false, sound = true;
  };
  common::Result<std::unique_ptr<pool::Connection>> connect(common::MonoTime deadline) {
    if (takes.count() > 0) std::this_thread::sleep_until(std::min(deadline, common::mono_now() + takes));
    if (takes.count() > 0 && common::mono_now() >= deadline) return common::Error::deadline_exceeded;
    if (const int nth = connects++; nth < 32 && (failing >> nth & 1) != 0) return common::Error::unavailable;
    return std::make_unique<Session>(*this);
  }
  const int most;
  std::atomic<int> open{0}, connects{0};
  nanoseconds takes{0};
  std::uint32_t failing = 0;  ///< a bit for each of the first connects
};

/// A lease is one's own: nobody else uses the connection meanwhile, and it came as new (CP2, CP8).
template <typename Lease>
void use(Lease& lease, nanoseconds hold) {
  auto& session = static_cast<PoolServer::Session&>(*lease);
  FORESEED_CHECK(!session.used.exchange(true) && session.clean && !session.broken);
  session.clean = false;
  if (hold.count() != 0) std::this_thread::sleep_for(hold);
  session.used = false;
}

inline pool::Config pool_config(std::size_t size, std::size_t overflow, std::size_t line) {
  pool::Config config;
  config.size = size;
  config.overflow = overflow;
  config.waiters_max = line;
  return config;
}

/// Covers: CP1, CP2, CP5, CP6, CP11, CP13, S1-12
template <typename Pool>
void check_pool(const LineCase& c) {
  PoolServer server(c.at_once);
  Pool pool(pool_config(1, c.at_once - 1, c.in_line), [&](common::MonoTime deadline) { return server.connect(deadline); });
  c.faults.start();
  check_line(c, [&](const Caller& caller, common::MonoTime deadline, std::stop_token stop, const auto& now_us) -> End {
    auto result = pool.checkout(deadline, "caller", stop);
    const int at = now_us();
    if (const auto* error = std::get_if<common::Error>(&result)) {
      if (*error == common::Error::cancelled) return {Fate::stopped, at};
      FORESEED_CHECK(*error == common::Error::pool_timeout || *error == common::Error::overloaded);
      return {*error == common::Error::overloaded || caller.patience_us == 0 ? Fate::refused : Fate::timed_out, at};
    }
    const pool::Snapshot s = pool.snapshot();
    FORESEED_CHECK(s.total() <= c.at_once && s.waiting <= c.in_line);
    use(std::get<pool::Lease>(result), std::chrono::microseconds(caller.holds_us));
    std::get<pool::Lease>(result).give_back();
    return {Fate::served, at};
  });
  const pool::Snapshot s = pool.snapshot();
  FORESEED_CHECK(s.leased + s.connecting + s.closing + s.waiting == 0 && s.idle <= 1);
  FORESEED_CHECK(static_cast<int>(s.idle) == server.open && s.opened == s.closed + s.idle);
}

struct PoolCase {
  LineCase line;
  std::size_t size = 1, overflow = 0;
  int connect_ms = 0;
  std::uint32_t failing = 0;
  std::uint32_t breaks = 0;   ///< a bit a caller: the connection breaks in its hands
  std::uint32_t unsound = 0;  ///< a bit a caller: it cannot be reset
  int close_ms = 0;           ///< when the pool is closed; 0: not
};
inline void showValue(const PoolCase& c, std::ostream& out) {
  out << "size " << c.size << " + " << c.overflow << ", connect " << c.connect_ms << " ms, failing " << c.failing << ", breaks "
      << c.breaks << ", unsound " << c.unsound << ", closed at " << c.close_ms << " ms; ";
  rc::show(c.line, out);
}

inline rc::Gen<PoolCase> pool_cases() {
  using rc::gen::set;
  const auto bits = rc::gen::map(rc::gen::pair(between(0u, 255u), between(0u, 255u)), [](auto two) { return two.first & two.second; });
  return rc::gen::build<PoolCase>(set(&PoolCase::line, line_cases()), set(&PoolCase::size, between<std::size_t>(1, 2)),
                                  set(&PoolCase::overflow, between<std::size_t>(0, 2)), set(&PoolCase::connect_ms, between(0, 3)),
                                  set(&PoolCase::failing, bits), set(&PoolCase::breaks, bits), set(&PoolCase::unsound, bits),
                                  set(&PoolCase::close_ms, rc::gen::map(between(0, 12), [](int n) { return n <= 8 ? n : 0; })));
}

/// Covers: CP1, CP2, CP3, CP4, CP6, CP7, CP8, CP9, CP10, S0-43, S0-45
template <typename Pool>
void check_pool_faults(const PoolCase& c) {
  PoolServer server(c.size + c.overflow);
  server.takes = milliseconds(c.connect_ms);
  server.failing = c.failing;
  pool::Config config = pool_config(c.size, c.overflow, 10);
  config.leak_after = 3ms;
  {
    Pool pool(config, [&](common::MonoTime deadline) { return server.connect(deadline); });
    c.line.faults.start();
    std::atomic<bool> closing{false};
    std::atomic<std::uint64_t> leaks{0};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < c.line.callers.size(); ++i) {
      threads.emplace_back([&, i] {
        const Caller& caller = c.line.callers[i];
        std::this_thread::sleep_for(std::chrono::microseconds(caller.arrives_us));
        const auto deadline = common::mono_now() + std::chrono::microseconds(caller.patience_us);
        auto result = pool.checkout(deadline, std::to_string(i));
        FORESEED_CHECK(common::mono_now() <= deadline);
        FORESEED_CHECK(pool.snapshot().total() <= c.size + c.overflow);
        if (const auto* error = std::get_if<common::Error>(&result)) {
          FORESEED_CHECK(*error == common::Error::pool_timeout || *error == common::Error::unavailable ||
                         *error == common::Error::deadline_exceeded || (*error == common::Error::closed && closing));
          return;
        }
        pool::Lease& lease = std::get<pool::Lease>(result);
        use(lease, std::chrono::microseconds(caller.holds_us));
        leaks += pool.new_leaks().size();
        auto& session = static_cast<PoolServer::Session&>(*lease);
        session.sound = (c.unsound >> i & 1) == 0;
        if ((c.breaks >> i & 1) != 0) {
          session.broken = true;
          lease.mark_broken();
        }
      });
    }
    if (c.close_ms != 0) {
      std::this_thread::sleep_for(milliseconds(c.close_ms));
      closing = true;
      FORESEED_CHECK(pool.close(common::mono_now() + 1s));
      FORESEED_CHECK(server.open == 0);
    }
    for (std::thread& thread : threads) thread.join();
    const pool::Snapshot s = pool.snapshot();
    FORESEED_CHECK(s.leased + s.connecting + s.closing + s.waiting == 0);
    FORESEED_CHECK(static_cast<int>(s.idle) == server.open && s.opened == s.closed + s.idle);
    FORESEED_CHECK(s.leaks_reported == leaks && s.leaks_returned == leaks);
    if (c.close_ms == 0) {
      server.failing = 0;  // the database is well again
      FORESEED_EVENTUALLY(pool.checkout(common::mono_now() + 1s).index() == 0, 2s);
    }
  }
  FORESEED_CHECK(server.open == 0);
}

}  // namespace properties
