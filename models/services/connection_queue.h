// The workers of an HTTP server, and the connections that wait for one: at most so many.
//
// When the queue is full the accepting thread waits, and so, in the kernel's backlog, do the
// clients: memory stays bounded whatever is offered. (httplib's own pool queues without limit.)
// `enqueue` and `shutdown` belong to the accepting thread.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace services {

class ConnectionQueue final : public httplib::TaskQueue {
 public:
  /// REQUIRES: both at least 1.
  ConnectionQueue(std::size_t workers, std::size_t queued_max);

  void enqueue(std::function<void()> serve) override;

  /// Serves what is queued, then joins the workers.
  void shutdown() override;

 private:
  void work();

  const std::size_t queued_max_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable room_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_; at most queued_max_
  bool ending_ = false;                      // guarded by mutex_
};

}  // namespace services
