// The bulkhead at its smallest.

#include "bulkhead/bulkhead.h"

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace {

using namespace std::chrono_literals;
using common::mono_now;

}  // namespace

FORESEED_SCENARIO(bulkhead_handoff,
                  "a permit goes from hand to hand past one who gives up: none lost, none doubled (holds)") {
  bulkhead::Bulkhead bulkhead({1, 3});
  std::atomic<int> running{0}, ran{0};
  const auto call = [&](common::Duration patience, std::stop_token stop) {
    const auto deadline = mono_now() + patience;
    auto result = bulkhead.acquire(deadline, stop);
    if (auto* permit = std::get_if<bulkhead::Permit>(&result)) {
      FORESEED_CHECK(++running == 1);
      std::this_thread::sleep_for(1s);
      --running;
      ++ran;
      permit->release();
    } else {
      const auto error = std::get<common::Error>(result);
      FORESEED_CHECK(error == common::Error::cancelled || mono_now() >= deadline);
    }
  };
  std::stop_source stop;
  std::thread patient([&] { call(60s, {}); });
  std::thread hasty([&] { call(1s, {}); });
  std::thread stopped([&] { call(60s, stop.get_token()); });
  if (foreseed::choose(2) == 1) std::this_thread::sleep_for(1s);  // when a permit may just be on its way
  stop.request_stop();
  patient.join();
  hasty.join();
  stopped.join();
  FORESEED_CHECK(ran >= 1 && bulkhead.running() == 0 && bulkhead.waiting() == 0);
  FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(bulkhead.acquire(mono_now())));
}

FORESEED_SCENARIO(bulkhead_close, "closing tells everyone in line, once, and spares who runs (holds)") {
  bulkhead::Bulkhead bulkhead({1, 3});
  std::atomic<int> ran{0}, closed{0};
  const auto call = [&] {
    const auto result = bulkhead.acquire(mono_now() + 60s);
    if (std::holds_alternative<bulkhead::Permit>(result)) {
      std::this_thread::sleep_for(1s);
      ++ran;
    } else {
      FORESEED_CHECK(std::get<common::Error>(result) == common::Error::closed);
      ++closed;
    }
  };
  const auto start = mono_now();
  std::thread a(call), b(call);
  bulkhead.close();
  a.join();
  b.join();
  FORESEED_CHECK(ran + closed == 2 && ran <= 1 && mono_now() - start <= 1s);
}

FORESEED_SCENARIO(bulkhead_line, "first come, first served; the line has its length; more room is given out at once (holds)") {
  bulkhead::Bulkhead bulkhead({1, 2});
  const auto start = mono_now();
  auto first = bulkhead.acquire(start);
  FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(first));
  std::atomic<int> turn{0};
  const auto wait = [&](int place) {
    std::this_thread::sleep_for(place * 1s);
    const auto permit = bulkhead.acquire(start + 60s);
    FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(permit));
    FORESEED_CHECK(++turn == place && mono_now() == start + 10s + (place - 1) * 1s);
    std::this_thread::sleep_for(1s);
  };
  std::thread one(wait, 1), two(wait, 2);
  std::this_thread::sleep_for(3s);
  FORESEED_CHECK(std::get<common::Error>(bulkhead.acquire(start + 9s)) == common::Error::overloaded);
  std::this_thread::sleep_for(7s);
  std::get<bulkhead::Permit>(first).release();
  std::get<bulkhead::Permit>(first).release();  // said again
  one.join();
  two.join();
  auto again = bulkhead.acquire(start);
  std::thread waiting([&] {
    FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(bulkhead.acquire(mono_now() + 60s)));
    FORESEED_CHECK(mono_now() == start + 13s);
  });
  std::this_thread::sleep_for(1s);
  bulkhead.resize({2, 2});
  waiting.join();
  FORESEED_CHECK(bulkhead.running() == 1 && bulkhead.waiting() == 0);
}

FORESEED_SCENARIO(bulkhead_race, "two at once for one permit: one runs at a time, who finds no line to stand in is told (holds)") {
  bulkhead::Bulkhead bulkhead({1, 0});
  std::atomic<int> running{0}, ran{0};
  const auto call = [&] {
    const auto permit = bulkhead.acquire(mono_now() + 1s);
    if (std::holds_alternative<common::Error>(permit)) {
      return FORESEED_CHECK(std::get<common::Error>(permit) == common::Error::overloaded);
    }
    FORESEED_CHECK(++running == 1);
    std::this_thread::yield();
    --running;
    ++ran;
  };
  std::thread a(call), b(call);
  a.join();
  b.join();
  FORESEED_CHECK(ran >= 1 && bulkhead.running() == 0);
}
