#pragma once
// Depth-first search through all schedules, optionally those with few preemptions: a preemption is the choice of another
// task where the running one could go on (Musuvathi and Qadeer, iterative context bounding, PLDI 2007).

#include <cstdint>
#include <vector>

#include "explore/search.h"

namespace foreseed::explore {

class Dfs final : public Search {
 public:
  static constexpr std::uint32_t unbounded = ~std::uint32_t{0};
  explicit Dfs(std::uint32_t preemptions_max = unbounded) : preemptions_max_(preemptions_max) {}

  void begin_execution(std::uint64_t seed) override;
  std::uint32_t next_task(const Moment& moment) override;
  std::uint32_t value(ChoiceKind kind, std::uint64_t bound) override;
  void accessed(std::uint32_t task, const Touch& touch) override;
  void end_execution(const ReadySet& open, std::span<const NextStep> next, bool failed) override;
  bool next() override;
  void save(Writer& out) const override;
  void load(Reader& in) override;
  bool hand_out(std::uint32_t id, Search& unit) override;
  bool absorb(Search& unit) override;
  bool skip() override;

 private:
  struct Branch {
    std::uint32_t value;
    std::uint32_t bound;
  };
  struct HandedOut {
    std::uint64_t branch;
    std::uint32_t value;
    std::uint32_t unit;
  };
  std::uint32_t branch(std::uint32_t bound);

  std::uint32_t preemptions_max_;
  std::uint32_t preemptions_ = 0;
  std::uint32_t steps_ = 0;
  std::uint32_t last_ = 0;  ///< the task that made the last step that was not silent
  std::vector<Branch> path_;
  std::size_t position_ = 0;
  std::uint64_t floor_ = 0;  ///< branches that are not its own: it is a unit, of what comes after them
  std::vector<HandedOut> handed_out_;  ///< in the order of branches, then values
  bool silent_ = false;
  bool silent_first_ = true;
  bool start_again_ = false;
};

}  // namespace foreseed::explore
