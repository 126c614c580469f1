#pragma once
// A server that only a scenario needs: in front of a service, or beside it.

#include <foreseed/world.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

namespace scenarios {

/// On a host of its own, from its construction until `stop`, with so many workers. What the routes use must outlive it.
class StubServer {
 public:
  StubServer(const std::string& host, int port, std::size_t workers, std::function<void(httplib::Server&)> add_routes)
      : host_(host, [this, port, workers, add_routes = std::move(add_routes)] {
          httplib::Server server;
          server.new_task_queue = [workers] { return new httplib::ThreadPool(workers); };
          add_routes(server);
          server.bind_to_port("0.0.0.0", port);
          server_ = &server;
          server.listen_after_bind();
        }) {
    while (server_ == nullptr || !server_.load()->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void stop() {
    server_.load()->stop();
    host_.join();
  }

 private:
  std::atomic<httplib::Server*> server_{nullptr};
  foreseed::Host host_;  // last: it starts to run at once
};

}  // namespace scenarios
