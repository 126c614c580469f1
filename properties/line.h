#pragma once
// Callers in line, first come, first served: what a bulkhead and a pool do to them, computed by hand.
//
// C serve at once, Q wait, each until its deadline. Where no two things happen at one instant, who is served, and when, is
// a matter of arithmetic; where some do, only what holds in any order is checked.

#include <map>
#include <mutex>
#include <set>
#include <stop_token>

#include "common/time.h"
#include "properties/common.h"

namespace properties {

struct Caller {
  int arrives_us = 0;
  int holds_us = 0;
  int patience_us = 0;  ///< 0: tries only
  int stops_us = 0;     ///< after its arrival it is told to stop; 0: never
};
inline void showValue(const Caller& c, std::ostream& out) {
  out << "at " << c.arrives_us << " us for " << c.holds_us << " us, waits " << c.patience_us << " us";
  if (c.stops_us != 0) out << ", stopped after " << c.stops_us << " us";
}

struct LineCase {
  std::size_t at_once = 1;
  std::size_t in_line = 0;
  std::vector<Caller> callers;
  bool distinct = false;  ///< times that do not coincide
  ClockFaults faults;
};
inline void showValue(const LineCase& c, std::ostream& out) {
  out << c.at_once << " at once, " << c.in_line << " in line: ";
  rc::show(c.callers, out);
  out << "; ";
  rc::show(c.faults, out);
}

inline rc::Gen<LineCase> line_cases() {
  using rc::gen::set;
  const auto ms = [](int most) { return rc::gen::map(between(0, most), [](int n) { return n * 1000; }); };
  const auto caller = rc::gen::build<Caller>(set(&Caller::arrives_us, ms(5)), set(&Caller::holds_us, ms(4)),
                                             set(&Caller::patience_us, ms(6)),
                                             set(&Caller::stops_us, rc::gen::map(between(0, 20), [](int n) { return n <= 4 ? n * 1000 : 0; })));
  const auto cases = rc::gen::build<LineCase>(set(&LineCase::at_once, between<std::size_t>(1, 3)),
                                              set(&LineCase::in_line, between<std::size_t>(0, 4)),
                                              set(&LineCase::callers, up_to(7, caller)),
                                              set(&LineCase::distinct, rc::gen::arbitrary<bool>()),
                                              set(&LineCase::faults, clock_faults()));
  return rc::gen::map(cases, [](LineCase c) {
    // Sums of holding times part as well: each caller has a decimal place of its own for three numbers below 4.
    int place = 1;
    for (Caller& caller : c.callers) {
      if (!c.distinct || place > 64) break;
      caller.arrives_us += place;
      caller.holds_us += 2 * place;
      caller.patience_us += caller.patience_us != 0 ? 3 * place : 0;
      caller.stops_us += caller.stops_us != 0 ? 3 * place + 500 : 0;
      place *= 3;
    }
    return c;
  });
}

enum class Fate { served, refused, timed_out, stopped };

/// What became of a caller, and when: it was served, or left.
struct End {
  Fate fate{};
  int at_us = 0;
  bool operator==(const End&) const = default;
};

/// Nothing where two things coincide.
inline std::vector<End> computed(const LineCase& c) {
  struct Waiting {
    std::size_t caller;
    int until;
    Fate fate;
  };
  std::multimap<int, std::size_t> arrivals, departures;
  for (std::size_t i = 0; i < c.callers.size(); ++i) arrivals.emplace(c.callers[i].arrives_us, i);
  std::vector<Waiting> line;
  std::vector<End> ends(c.callers.size());
  std::set<int> instants;
  std::size_t running = 0;
  const auto serve = [&](std::size_t i, int t) {
    ends[i] = {Fate::served, t};
    ++running;
    departures.emplace(t + c.callers[i].holds_us, i);
  };
  constexpr int never = 1 << 30;
  for (;;) {
    const int arrival = arrivals.empty() ? never : arrivals.begin()->first;
    const int departure = departures.empty() ? never : departures.begin()->first;
    const auto leaver = std::min_element(line.begin(), line.end(), [](const Waiting& a, const Waiting& b) { return a.until < b.until; });
    const int leaving = leaver == line.end() ? never : leaver->until;
    const int t = std::min({arrival, departure, leaving});
    if (t == never) return ends;
    if ((arrival == t) + (departure == t) + (leaving == t) > 1 || !instants.insert(t).second) return {};
    if (leaving == t) {
      ends[leaver->caller] = {leaver->fate, t};
      line.erase(leaver);
    } else if (departure == t) {
      --running;
      departures.erase(departures.begin());
      if (!line.empty()) {
        serve(line.front().caller, t);
        line.erase(line.begin());
      }
    } else {
      const std::size_t i = arrivals.begin()->second;
      const Caller& caller = c.callers[i];
      arrivals.erase(arrivals.begin());
      if (running < c.at_once && line.empty()) {
        serve(i, t);
      } else if (line.size() >= c.in_line || caller.patience_us == 0) {
        ends[i] = {Fate::refused, t};
      } else {
        if (caller.stops_us == caller.patience_us) return {};
        const bool stops = caller.stops_us != 0 && caller.stops_us < caller.patience_us;
        line.push_back({i, t + (stops ? caller.stops_us : caller.patience_us), stops ? Fate::stopped : Fate::timed_out});
      }
    }
  }
}

/// Sends the callers to `serve(caller, deadline, stop)`, each on a thread, and compares what became of them.
template <typename Serve>
void check_line(const LineCase& c, Serve serve) {
  const auto start = common::mono_now();
  const auto now_us = [start] {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(common::mono_now() - start).count());
  };
  std::vector<End> ends(c.callers.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < c.callers.size(); ++i) {
    threads.emplace_back([&, i] {
      const Caller& caller = c.callers[i];
      std::this_thread::sleep_for(std::chrono::microseconds(caller.arrives_us));
      std::stop_source stop;
      std::thread stopper;
      if (caller.stops_us != 0) {
        stopper = std::thread([&] {
          std::this_thread::sleep_for(std::chrono::microseconds(caller.stops_us));
          stop.request_stop();
        });
      }
      const int deadline_us = now_us() + caller.patience_us;
      ends[i] = serve(caller, start + std::chrono::microseconds(deadline_us), stop.get_token(), now_us);
      FORESEED_CHECK(ends[i].at_us <= deadline_us);
      FORESEED_CHECK(ends[i].fate != Fate::timed_out || ends[i].at_us == deadline_us);
      FORESEED_CHECK(ends[i].fate != Fate::stopped || caller.stops_us != 0);
      if (stopper.joinable()) stopper.join();
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (const std::vector<End> expected = computed(c); !expected.empty()) FORESEED_CHECK(ends == expected);
}

}  // namespace properties
