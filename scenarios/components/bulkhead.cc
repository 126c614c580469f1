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
