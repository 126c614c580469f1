#pragma once
// RC11 as its axioms say it (Lahav et al., PLDI 2017, with C++20's release sequences), by brute force: every reads-from and
// every modification order of a tiny program is tried. Shares nothing with the simulator.

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "tiny_program.h"

namespace foreseed::testing {

/// A relation over at most 16 events, a row of bits for each.
struct Relation {
  std::array<std::uint16_t, 16> rows{};
  bool has(int a, int b) const { return (rows[static_cast<std::size_t>(a)] >> b & 1) != 0; }
  void add(int a, int b) { rows[static_cast<std::size_t>(a)] |= static_cast<std::uint16_t>(1u << b); }
  Relation operator|(const Relation& o) const {
    Relation r;
    for (std::size_t i = 0; i < 16; ++i) r.rows[i] = rows[i] | o.rows[i];
    return r;
  }
  Relation then(const Relation& o) const {
    Relation r;
    for (int a = 0; a < 16; ++a) {
      for (int b = 0; b < 16; ++b) {
        if (has(a, b)) r.rows[static_cast<std::size_t>(a)] |= o.rows[static_cast<std::size_t>(b)];
      }
    }
    return r;
  }
  Relation closed() const {
    Relation r = *this;
    for (int k = 0; k < 16; ++k) {
      for (int a = 0; a < 16; ++a) {
        if (r.has(a, k)) r.rows[static_cast<std::size_t>(a)] |= r.rows[static_cast<std::size_t>(k)];
      }
    }
    return r;
  }
  Relation reflexive() const {
    Relation r = *this;
    for (int a = 0; a < 16; ++a) r.add(a, a);
    return r;
  }
  bool irreflexive() const {
    for (int a = 0; a < 16; ++a) {
      if (has(a, a)) return false;
    }
    return true;
  }
  template <typename Keep>
  Relation filtered(Keep keep) const {
    Relation r;
    for (int a = 0; a < 16; ++a) {
      for (int b = 0; b < 16; ++b) {
        if (has(a, b) && keep(a, b)) r.add(a, b);
      }
    }
    return r;
  }
};

class Axioms {
 public:
  static Outcomes outcomes(const Program& program) {
    Outcomes all;
    guess(program, 0, 0, all);
    return all;
  }

 private:
  static constexpr int first_ = locations;  ///< event that is not what a location holds at first

  struct Event {
    int thread;
    Step step;
  };

  /// From step `i` of thread `t` on, each compare-exchange either writes and finds what it expects, or only reads and finds
  /// something else.
  static void guess(Program program, std::size_t t, std::size_t i, Outcomes& all) {
    while (t < program.size() && (i == program[t].size() || program[t][i].act != Act::compare_exchange)) {
      if (i++ == program[t].size()) ++t, i = 0;
    }
    if (t == program.size()) return all.merge(Axioms(program).enumerate());
    Step& step = program[t][i];
    const Step asked = step;
    step.act = Act::exchange;
    step.finds = Finds::expected;
    guess(program, t, i + 1, all);
    step = {Act::load, asked.failure, asked.location, asked.value, asked.expected, asked.failure, Finds::other};
    guess(program, t, i + 1, all);
  }

  explicit Axioms(const Program& program) {
    for (std::size_t location = 0; location < locations; ++location) {
      events_.push_back({-1, {Act::store, std::memory_order_relaxed, location, 0}});
    }
    for (std::size_t t = 0; t < program.size(); ++t) {
      for (const Step& step : program[t]) events_.push_back({static_cast<int>(t), step});
    }
    count_ = static_cast<int>(events_.size());
    for (int a = 0; a < count_; ++a) {
      for (int b = 0; b < count_; ++b) {
        const bool first = at(a).thread < 0 && at(b).thread >= 0;
        if (first || (at(a).thread == at(b).thread && at(a).thread >= 0 && a < b)) sb_.add(a, b);
      }
    }
  }

  const Event& at(int e) const { return events_[static_cast<std::size_t>(e)]; }
  bool fence(int e) const { return at(e).step.act == Act::fence; }
  bool modifies(int e) const { return at(e).step.act == Act::add || at(e).step.act == Act::exchange; }
  bool writes(int e) const { return at(e).step.act == Act::store || modifies(e); }
  bool reads(int e) const { return at(e).step.act == Act::load || modifies(e); }
  bool sc(int e) const { return e < count_ && at(e).step.order == std::memory_order_seq_cst; }
  bool releases(int e) const { return at(e).step.order >= std::memory_order_release; }
  bool acquires(int e) const {
    const std::memory_order o = at(e).step.order;
    return o == std::memory_order_acquire || o >= std::memory_order_acq_rel;
  }
  bool same_location(int a, int b) const { return !fence(a) && !fence(b) && at(a).step.location == at(b).step.location; }

  Outcomes enumerate() {
    for (int e = first_; e < count_; ++e) {
      if (writes(e)) orders_[at(e).step.location].push_back(e);
    }
    permute(0);
    return outcomes_;
  }

  void permute(std::size_t location) {
    if (location == locations) return with_modification_order();
    do {
      permute(location + 1);
    } while (std::next_permutation(orders_[location].begin(), orders_[location].end()));
  }

  void with_modification_order() {
    mo_ = {};
    from_.assign(static_cast<std::size_t>(count_), -1);
    value_.assign(static_cast<std::size_t>(count_), 0);
    for (std::size_t location = 0; location < locations; ++location) {
      int before = static_cast<int>(location);
      std::vector<int> earlier{before};
      for (const int e : orders_[location]) {
        for (const int a : earlier) mo_.add(a, e);
        earlier.push_back(e);
        // Atomicity: a read-modify-write reads the store right before it.
        if (modifies(e)) from_[static_cast<std::size_t>(e)] = before;
        value_[static_cast<std::size_t>(e)] =
            at(e).step.value + (at(e).step.act == Act::add ? value_[static_cast<std::size_t>(before)] : 0);
        before = e;
      }
    }
    choose_reads(first_);
  }

  void choose_reads(int e) {
    while (e < count_ && at(e).step.act != Act::load) ++e;
    if (e == count_) return check();
    for (int w = 0; w < count_; ++w) {
      if (!writes(w) || !same_location(w, e)) continue;
      from_[static_cast<std::size_t>(e)] = w;
      choose_reads(e + 1);
    }
  }

  /// Synchronises-with: from a release store or fence, along a release sequence, to an acquire load or fence.
  Relation synchronises() const {
    Relation sw;
    for (int r = 0; r < count_; ++r) {
      if (!reads(r)) continue;
      for (int w = from_[static_cast<std::size_t>(r)]; w >= 0; w = reads(w) ? from_[static_cast<std::size_t>(w)] : -1) {
        for (int a = 0; a < count_; ++a) {
          if (!(a == w || (fence(a) && sb_.has(a, w))) || !releases(a)) continue;
          for (int b = 0; b < count_; ++b) {
            if ((b == r || (fence(b) && sb_.has(r, b))) && acquires(b)) sw.add(a, b);
          }
        }
      }
    }
    return sw;
  }

  int read_by(int e) const { return value_[static_cast<std::size_t>(from_[static_cast<std::size_t>(e)])]; }

  void check() {
    for (int e = first_; e < count_; ++e) {
      const Step& step = at(e).step;
      if (step.finds != Finds::anything && (step.finds == Finds::expected) != (read_by(e) == step.expected)) return;
    }
    Relation rf, rb;
    for (int r = 0; r < count_; ++r) {
      const int w = from_[static_cast<std::size_t>(r)];
      if (w < 0) continue;
      rf.add(w, r);
      for (int later = 0; later < count_; ++later) {
        if (later != r && mo_.has(w, later)) rb.add(r, later);
      }
    }
    if (!(sb_ | rf).closed().irreflexive()) return;
    const Relation hb = (sb_ | synchronises()).closed();
    const Relation eco = (rf | mo_ | rb).closed();
    if (!hb.irreflexive() || !hb.then(eco).irreflexive() || !eco.irreflexive()) return;
    if (!psc(hb, eco, rb).closed().irreflexive()) return;
    std::vector<int> outcome;
    for (int e = first_; e < count_; ++e) {
      if (reads(e)) outcome.push_back(read_by(e));
    }
    for (const std::vector<int>& order : orders_) outcome.push_back(order.empty() ? 0 : value_[static_cast<std::size_t>(order.back())]);
    outcomes_.insert(outcome);
  }

  Relation psc(const Relation& hb, const Relation& eco, const Relation& rb) const {
    const auto sc_fence = [this](int e) { return sc(e) && fence(e); };
    const Relation elsewhere = sb_.filtered([this](int a, int b) { return !same_location(a, b); });
    const Relation scb = sb_ | elsewhere.then(hb).then(elsewhere) |
                         hb.filtered([this](int a, int b) { return same_location(a, b); }) | mo_ | rb;
    Relation left, right;
    for (int e = 0; e < count_; ++e) {
      if (!sc(e)) continue;
      left.add(e, e);
      right.add(e, e);
    }
    left = left | hb.filtered([&](int a, int) { return sc_fence(a); });
    right = right | hb.filtered([&](int, int b) { return sc_fence(b); });
    const Relation fences = (hb | hb.then(eco).then(hb)).filtered([&](int a, int b) { return sc_fence(a) && sc_fence(b); });
    return left.then(scb).then(right) | fences;
  }

  std::vector<Event> events_;
  int count_ = 0;
  Relation sb_;
  std::array<std::vector<int>, locations> orders_;
  Relation mo_;
  std::vector<int> from_;
  std::vector<int> value_;
  Outcomes outcomes_;
};

}  // namespace foreseed::testing
