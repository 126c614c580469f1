// SURW (Zhao, Wolff, Mathur, Roychoudhury: Selectively Uniform Concurrency Testing, ASPLOS 2025): the steps on one object,
// another one in each execution, come in an order drawn evenly among all; the rest falls in as it may. Who makes the next
// of those steps is drawn by how many are still expected of each task. Here nothing is known of other executions, so that
// the seed alone says what happens: what is expected is a guess, 1 to 8 steps a task, and the object is one of the first
// that tasks are about to touch. All that lies on one task's stack counts as one object: what stands at an address there, and
// what stands there after it, is for each compiler to say, and a seed must mean the same to all of them.

#include <algorithm>
#include <vector>

#include "choice/prng.h"
#include "explore/random.h"
#include "kernel/layout.h"

namespace foreseed::explore {

namespace {

constexpr std::uint32_t nobody = ~0u;

/// What counts as one object: an address, or a stack.
std::uintptr_t known_as(const void* object) {
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  const std::uintptr_t at = address - stacks_base;
  return at < stacks_max * stack_stride ? stacks_base + at / stack_stride * stack_stride : address;
}

class Surw final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override {
    random_.reseed(seed);
    expected_.clear();
    seen_.clear();
    chosen_ = random_.below(6);
    intended_ = nobody;
  }

  std::uint32_t next_task(const Moment& moment) override {
    while (expected_.size() < moment.next.size()) expected_.push_back(1u + static_cast<std::uint32_t>(random_.below(8)));
    if (intended_ != nobody && !moment.open.contains(intended_)) intended_ = nobody;
    if (intended_ == nobody) intended_ = draw(moment);
    // Steps on the object are the intended task's only; where nothing else is left to do, it makes its own.
    ReadySet others = moment.open;
    moment.open.each([&](std::uint32_t task) {
      if (task != intended_ && matters(moment.next[task])) others.erase(task);
    });
    const std::uint32_t task = others.nth_from(0, static_cast<std::uint32_t>(random_.below(others.count())));
    if (matters(moment.next[task])) {
      expected_[task] = std::max(expected_[task], 2u) - 1;
      intended_ = nobody;
    }
    return task;
  }

 private:
  bool matters(const NextStep& next) {
    if (next.object == nullptr) return false;
    const std::uintptr_t object = known_as(next.object);
    const auto known = std::find(seen_.begin(), seen_.end(), object);
    const auto index = static_cast<std::uint64_t>(known - seen_.begin());
    if (known == seen_.end() && seen_.size() <= chosen_) seen_.push_back(object);
    return index == chosen_;
  }

  std::uint32_t draw(const Moment& moment) {
    std::uint64_t sum = 0;
    moment.open.each([&](std::uint32_t task) { sum += expected_[task]; });
    std::uint64_t left = random_.below(sum);
    std::uint32_t drawn = nobody;
    moment.open.each([&](std::uint32_t task) {
      if (drawn != nobody) return;
      if (left < expected_[task]) drawn = task;
      else left -= expected_[task];
    });
    return drawn;
  }

  Prng random_;
  std::vector<std::uint32_t> expected_;
  std::vector<std::uintptr_t> seen_;  ///< objects, in the order in which tasks came to them
  std::uint64_t chosen_ = 0;       ///< which of them matters
  std::uint32_t intended_ = nobody;
};

}  // namespace

std::unique_ptr<Strategy> make_surw() { return std::make_unique<Surw>(); }

}  // namespace foreseed::explore
