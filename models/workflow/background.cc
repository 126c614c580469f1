#include "workflow/background.h"

#include <exception>

namespace workflow {

Background::Background(std::size_t workers, std::size_t queued_max) : queued_max_(queued_max) {
  workers_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

bool Background::spawn(RequestContext context, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || queue_.size() >= queued_max_) {
      ++counters_.refused;
      return false;
    }
    ++counters_.spawned;
    queue_.push_back({std::move(context), std::move(work)});
  }
  arrived_.notify_one();
  return true;
}

void Background::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    const bool work = arrived_.wait_for(lock, stop, look_every, [this] { return !queue_.empty(); });
    if (stop.stop_requested()) return;
    if (!work) continue;
    std::optional<Task> task = std::move(queue_.front());
    queue_.pop_front();
    ++counters_.running;
    lock.unlock();
    bool done = true;
    try {
      task->work(task->context, stop);
    } catch (const std::exception&) {
      done = false;
    }
    task.reset();  // what it holds goes under no lock
    lock.lock();
    --counters_.running;
    ++(done ? counters_.finished : counters_.failed);
    if (queue_.empty() && counters_.running == 0) idle_.notify_all();
  }
}

bool Background::stop(MonoTime deadline) {
  std::deque<Task> rest;  // destroyed under no lock
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    idle_.wait_until(lock, deadline, [this] { return queue_.empty() && counters_.running == 0; });
    rest.swap(queue_);
    counters_.cancelled += rest.size();
  }
  for (auto& worker : workers_) worker.request_stop();
  workers_.clear();  // joins
  const std::lock_guard lock(mutex_);
  return counters_.cancelled == 0;
}

BackgroundCounters Background::counters() const {
  const std::lock_guard lock(mutex_);
  BackgroundCounters counters = counters_;
  counters.queued = queue_.size();
  return counters;
}

}  // namespace workflow
