// The workers of an HTTP server, and the connections that wait for one: at most so many.
//
// When the queue is full the accepting thread waits for room, and so, in the kernel's backlog, do the clients: memory
// stays bounded whatever is offered. (httplib's own pool queues without limit.) Bounds: `enqueue` waits at most
// `room_wait_max`; where there is no room by then the accepting thread serves the connection itself, which HttpServer
// makes a refusal. How long a connection waited is remembered for its first request. A worker that nobody wakes looks
// for itself every `look_every`, so a notification that is lost costs that and no connection. `shutdown` waits for
// connections that are queued or being served, and for nothing else. `enqueue` and `shutdown` belong to the accepting
// thread. Connections are served, and forgotten, under no lock.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "common/time.h"

namespace services {

class ConnectionQueue final : public httplib::TaskQueue {
 public:
  static constexpr common::Duration look_every = std::chrono::minutes(10);  ///< the last resort: nothing relies on it

  /// REQUIRES: both numbers at least 1.
  ConnectionQueue(std::size_t workers, std::size_t queued_max, common::Duration room_wait_max);

  void enqueue(std::function<void()> serve) override;

  /// Serves what is queued, then joins the workers.
  void shutdown() override;

  /// For a worker that has read the head of a request. The first of a connection arrived, for all we know, before its
  /// connection waited for a worker; with `sent_after_wait` it cannot have.
  void request_begins(bool sent_after_wait);

  /// When the request arrived that the calling worker is at. REQUIRES: it has begun.
  common::MonoTime arrival() const;

 private:
  struct Waiting {
    std::function<void()> serve;
    common::MonoTime since;
  };
  struct Serving {
    common::Duration waited{};  // of the connection, until its first request
    common::MonoTime arrived;   // of the request
  };
  void work();

  const std::size_t queued_max_;
  const common::Duration room_wait_max_;
  std::vector<std::thread> workers_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable room_;
  std::deque<Waiting> queue_;                   // guarded by mutex_; at most queued_max_
  std::map<std::thread::id, Serving> serving_;  // guarded by mutex_; what each worker is at
  bool ending_ = false;                         // guarded by mutex_
};

}  // namespace services
