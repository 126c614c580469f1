#pragma once
// Properties: a scenario over parameters - configuration, workload, fault plan - that RapidCheck generates and shrinks.
//
//   struct Case { int capacity; std::vector<int> sizes; };
//   void showValue(const Case& c, std::ostream& out) { ... }       // how a failure shows it
//   rc::Gen<Case> cases() { return rc::gen::construct<Case>(rc::gen::inRange(1, 4), rc::gen::arbitrary<std::vector<int>>()); }
//
//   FORESEED_PROPERTY(queue_keeps_order, "what goes in comes out in order", cases(), const Case& c) {
//     Queue queue(c.capacity);
//     ...
//     FORESEED_CHECK(...);
//   }
//
// It is a scenario like any other: check, run, replay and minimize know it by its name. The generator is started from the
// execution's seed, so a seed stands for parameters and schedule. A failure is made small in both: RapidCheck offers simpler
// parameters, each is run under the recorded schedule and a few others, and the first that ends in the same failure is
// gone on with; one that fails in another way is refused. The trace holds the way there: replaying it generates the same.
//
// The generator runs outside the simulated world. What it generates must depend on nothing but RapidCheck's numbers, and is
// gone with the execution. Links against RapidCheck.

#include <foreseed/drawn.h>
#include <foreseed/scenario.h>
#include <rapidcheck.h>

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace foreseed::detail {

template <typename T>
class Given final : public Drawn {
 public:
  explicit Given(rc::Gen<T> generator) : generator_(std::move(generator)) {}

  void generate(std::uint64_t seed, int size) override { take(generator_(rc::Random(seed), size)); }
  bool simplify(std::uint32_t n) override {
    auto simpler = tree_->shrinks();
    auto next = simpler.next();
    while (next && --n != 0) next = simpler.next();
    if (next) take(*next);
    return static_cast<bool>(next);
  }
  std::string text() const override {
    std::ostringstream out;
    rc::show(*value_, out);
    return out.str();
  }
  const T& value() const { return *value_; }

 private:
  void take(rc::Shrinkable<T> tree) {
    value_.emplace(tree.value());
    tree_.emplace(std::move(tree));
  }
  const rc::Gen<T> generator_;
  std::optional<rc::Shrinkable<T>> tree_;
  std::optional<T> value_;
};

/// `Make`: a lambda without captures that returns an rc::Gen.
template <typename Make>
const auto& given(Make) {
  using Value = typename decltype(Make{}())::ValueType;
  return static_cast<Given<Value>&>(draw([]() -> Drawn* { return new Given<Value>(Make{}()); })).value();
}

}  // namespace foreseed::detail

/// Registers the function body that follows as the scenario `ident`; it gets a value of `generator`, an rc::Gen, as its
/// parameter.
#define FORESEED_PROPERTY(ident, summary, generator, parameter)                            \
  static void foreseed_property_##ident(parameter);                                        \
  FORESEED_SCENARIO(ident, summary) {                                                      \
    foreseed_property_##ident(::foreseed::detail::given([] { return generator; }));        \
  }                                                                                        \
  static void foreseed_property_##ident(parameter)
