#include "services/connection_queue.h"

#include <utility>

namespace services {

ConnectionQueue::ConnectionQueue(std::size_t workers, std::size_t queued_max)
    : queued_max_(queued_max) {
  workers_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
}

void ConnectionQueue::enqueue(std::function<void()> serve) {
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return queue_.size() < queued_max_; });
    queue_.push_back(std::move(serve));
  }
  arrived_.notify_one();
}

void ConnectionQueue::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ConnectionQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return !queue_.empty() || ending_; });
    if (queue_.empty()) return;
    const auto serve = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    room_.notify_one();
    serve();
    lock.lock();
  }
}

}  // namespace services
