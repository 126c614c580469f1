#include "services/connection_queue.h"

#include <utility>

namespace services {

ConnectionQueue::ConnectionQueue(std::size_t workers, std::size_t queued_max, common::Duration room_wait_max)
    : queued_max_(queued_max), room_wait_max_(room_wait_max) {
  workers_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
}

void ConnectionQueue::enqueue(std::function<void()> serve) {
  const common::MonoTime since = common::mono_now();
  bool room = false;
  {
    std::unique_lock lock(mutex_);
    room = room_.wait_for(lock, room_wait_max_, [this] { return queue_.size() < queued_max_; });
    if (room) queue_.push_back({std::move(serve), since});
  }
  if (!room) return serve();
  arrived_.notify_one();
}

void ConnectionQueue::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  // bounded: by the connections, each of whose reads, writes and idle times has a limit
  for (std::thread& worker : workers_) worker.join();
}

void ConnectionQueue::request_begins(bool sent_after_wait) {
  const common::MonoTime now = common::mono_now();
  const std::lock_guard lock(mutex_);
  Serving& serving = serving_[std::this_thread::get_id()];
  const common::Duration waited = std::exchange(serving.waited, common::Duration::zero());
  serving.arrived = sent_after_wait ? now : now - waited;
}

common::MonoTime ConnectionQueue::arrival() const {
  const std::lock_guard lock(mutex_);
  return serving_.at(std::this_thread::get_id()).arrived;
}

void ConnectionQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait_for(lock, look_every, [this] { return !queue_.empty() || ending_; });
    if (queue_.empty() && ending_) return;
    if (queue_.empty()) continue;
    auto [serve, since] = std::move(queue_.front());
    queue_.pop_front();
    serving_[std::this_thread::get_id()].waited = common::mono_now() - since;
    lock.unlock();
    room_.notify_one();
    serve();
    serve = nullptr;  // what it holds goes under no lock
    lock.lock();
  }
}

}  // namespace services
