#pragma once
// What the tests of third-party libraries share: many seeds hold, and a seed is an execution.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "run_scenario.h"

namespace foreseed::testing {

using Steady = std::chrono::steady_clock;

/// `body` has no finding in seeds 0 .. runs-1, and some of them, run again, are the same execution.
inline void holds_and_repeats(void (*body)(), std::uint64_t runs = 300) {
  std::vector<std::uint64_t> fingerprints;
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const Execution execution = run_seed(body, seed);
    ASSERT_FALSE(execution.finding.has_value()) << "seed " << seed << ": " << execution.finding->message;
    fingerprints.push_back(execution.fingerprint);
  }
  for (std::uint64_t seed = 0; seed < runs; seed += 7) {
    EXPECT_EQ(run_seed(body, seed).fingerprint, fingerprints[seed]) << "seed " << seed;
  }
}

/// A TCP server of plain sockets: a thread for each connection, on a host of its own, until stop().
class StreamServer {
 public:
  StreamServer(std::string_view name, std::uint16_t port, std::function<void(int)> serve)
      : host_(name, [this, port, serve = std::move(serve)] { run(port, serve); }) {
    while (!listens_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  /// Every connection must have come to its end.
  void stop() {
    shutdown(listener_, SHUT_RDWR);
    host_.join();
  }

 private:
  void run(std::uint16_t port, const std::function<void(int)>& serve) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    FORESEED_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    FORESEED_CHECK(listen(listener_, 16) == 0);
    listens_ = true;
    std::vector<std::thread> connections;
    for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
      connections.emplace_back([fd, &serve] {
        serve(fd);
        close(fd);
      });
    }
    for (std::thread& connection : connections) connection.join();
    close(listener_);
  }

  int listener_ = -1;
  std::atomic<bool> listens_{false};
  Host host_;  // last: it starts to run at once
};

}  // namespace foreseed::testing
