#pragma once
// RC11 as its axioms say it (Lahav et al., PLDI 2017, with C++20's release sequences), by brute force: every reads-from and
// every modification order of a tiny program is tried. Shares nothing with the simulator.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <vector>

#include "calls.h"
#include "tiny_program.h"

namespace foreseed::testing {

/// A relation over at most 32 events, a row of bits for each.
struct Relation {
  static constexpr std::size_t most = 32;
  std::array<std::uint32_t, most> rows{};
  bool has(int a, int b) const { return (rows[static_cast<std::size_t>(a)] >> b & 1) != 0; }
  void add(int a, int b) { rows[static_cast<std::size_t>(a)] |= 1u << b; }
  template <typename Visit>
  void each(Visit visit) const {
    for (std::size_t a = 0; a < most; ++a) {
      for (std::uint32_t left = rows[a]; left != 0; left &= left - 1) visit(a, static_cast<std::size_t>(std::countr_zero(left)));
    }
  }
  Relation operator|(const Relation& o) const {
    Relation r;
    for (std::size_t i = 0; i < most; ++i) r.rows[i] = rows[i] | o.rows[i];
    return r;
  }
  Relation then(const Relation& o) const {
    Relation r;
    each([&](std::size_t a, std::size_t b) { r.rows[a] |= o.rows[b]; });
    return r;
  }
  Relation closed() const {
    Relation r = *this;
    for (std::size_t k = 0; k < most; ++k) {
      if (r.rows[k] == 0) continue;
      for (std::size_t a = 0; a < most; ++a) {
        if ((r.rows[a] >> k & 1) != 0) r.rows[a] |= r.rows[k];
      }
    }
    return r;
  }
  bool irreflexive() const {
    for (std::size_t a = 0; a < most; ++a) {
      if ((rows[a] >> a & 1) != 0) return false;
    }
    return true;
  }
  template <typename Keep>
  Relation filtered(Keep keep) const {
    Relation r;
    each([&](std::size_t a, std::size_t b) {
      if (keep(static_cast<int>(a), static_cast<int>(b))) r.rows[a] |= 1u << b;
    });
    return r;
  }
};

class Axioms {
 public:
  static Verdict outcomes(const Program& program) {
    Verdict verdict;
    for (const CallOrder& order : Calls::orders(program, verdict.stuck)) {
      Axioms axioms(program, order, verdict);
      axioms.guess(first_);
    }
    return verdict;
  }

 private:
  static constexpr int first_ = locations + cells;  ///< event that is not what a location or cell holds at first

  struct Event {
    int thread;
    Step step;
    int result = -1;  ///< where what it reads is told
    bool failed = false;
  };

  /// From event `e` on, each compare-exchange either writes and finds what it expects, or only reads and finds something else,
  /// or, if it is weak, anything.
  void guess(int e) {
    while (e < count_ && at(e).step.act != Act::compare_exchange) ++e;
    if (e == count_) return enumerate();
    Step& step = events_[static_cast<std::size_t>(e)].step;
    const Step asked = step;
    step.act = Act::exchange;
    step.finds = Finds::expected;
    guess(e + 1);
    step = asked;
    step.act = Act::load;
    step.order = asked.failure;
    step.finds = asked.weak ? Finds::anything : Finds::other;
    guess(e + 1);
    step = asked;
  }

  Axioms(const Program& program, const CallOrder& order, Verdict& verdict) : verdict_(verdict) {
    for (std::size_t place = 0; place < locations + cells; ++place) {
      const bool plain = place >= locations;
      events_.push_back({-1, {plain ? Act::write : Act::store, std::memory_order_relaxed, plain ? place - locations : place, 0}});
    }
    std::map<Done, int> numbers;
    for (std::size_t t = 0; t < program.size(); ++t) {
      std::size_t i = 0;
      for (const Done done : order.threads[t]) {
        for (; i < static_cast<std::size_t>(done.index); ++i) results_ += program[t][i].reads();
        const Step& step = program[t][i++];
        numbers[done] = static_cast<int>(events_.size());
        events_.push_back({static_cast<int>(t), step, step.reads() ? results_++ : -1, done.failed});
        if (step.act == Act::wait) {
          events_.back().step.act = Act::load;
          events_.back().step.finds = Finds::other;
        }
      }
      for (; i < program[t].size(); ++i) results_ += program[t][i].reads();
    }
    count_ = static_cast<int>(events_.size());
    for (int a = 0; a < count_; ++a) {
      for (int b = 0; b < count_; ++b) {
        const bool first = at(a).thread < 0 && at(b).thread >= 0;
        if (first || (at(a).thread == at(b).thread && at(a).thread >= 0 && a < b)) sb_.add(a, b);
      }
    }
    for (const auto& [a, b] : order.synchronised) synchronised_.add(numbers.at(a), numbers.at(b));
    for (const auto& [a, b] : order.ordered) ordered_.add(numbers.at(a), numbers.at(b));
  }

  const Event& at(int e) const { return events_[static_cast<std::size_t>(e)]; }
  bool fence(int e) const { return at(e).step.act == Act::fence; }
  bool modifies(int e) const { return at(e).step.act == Act::add || at(e).step.act == Act::exchange; }
  bool writes(int e) const { return at(e).step.act == Act::store || at(e).step.act == Act::write || modifies(e); }
  bool loads(int e) const { return at(e).step.act == Act::load || at(e).step.act == Act::read; }
  bool reads(int e) const { return loads(e) || modifies(e); }
  bool sc(int e) const { return at(e).step.order == std::memory_order_seq_cst; }
  bool releases(int e) const { return at(e).step.order >= std::memory_order_release; }
  bool acquires(int e) const {
    const std::memory_order o = at(e).step.order;
    return o == std::memory_order_acquire || o >= std::memory_order_acq_rel;
  }
  bool accesses(int e) const { return reads(e) || writes(e); }
  int place(int e) const { return static_cast<int>(at(e).step.location + (at(e).step.plain() ? locations : 0)); }
  bool same_location(int a, int b) const { return accesses(a) && accesses(b) && place(a) == place(b); }

  void enumerate() {
    for (std::vector<int>& order : orders_) order.clear();
    for (int e = first_; e < count_; ++e) {
      if (writes(e)) orders_[static_cast<std::size_t>(place(e))].push_back(e);
    }
    permute(0);
  }

  void permute(std::size_t location) {
    if (location == orders_.size()) return with_modification_order();
    do {
      permute(location + 1);
    } while (std::next_permutation(orders_[location].begin(), orders_[location].end()));
  }

  void with_modification_order() {
    mo_ = {};
    from_.assign(static_cast<std::size_t>(count_), -1);
    value_.assign(static_cast<std::size_t>(count_), 0);
    for (std::size_t location = 0; location < orders_.size(); ++location) {
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
    while (e < count_ && !loads(e)) ++e;
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
    if (!(sb_ | rf | synchronised_ | ordered_).closed().irreflexive()) return;
    const Relation hb = (sb_ | synchronised_ | synchronises()).closed();
    const Relation eco = (rf | mo_ | rb).closed();
    if (!hb.irreflexive() || !hb.then(eco).irreflexive() || !eco.irreflexive()) return;
    if (!psc(hb, eco, rb).closed().irreflexive()) return;
    if (race(hb)) {
      verdict_.races = true;
      return;
    }
    std::vector<int> outcome(static_cast<std::size_t>(results_), -1);
    for (int e = first_; e < count_; ++e) {
      if (at(e).result >= 0) outcome[static_cast<std::size_t>(at(e).result)] = reads(e) ? read_by(e) : !at(e).failed;
    }
    for (const std::vector<int>& order : orders_) outcome.push_back(order.empty() ? 0 : value_[static_cast<std::size_t>(order.back())]);
    verdict_.outcomes.insert(outcome);
  }

  bool race(const Relation& hb) const {
    for (int a = first_; a < count_; ++a) {
      for (int b = a + 1; b < count_; ++b) {
        if (at(a).step.plain() && same_location(a, b) && (writes(a) || writes(b)) && !hb.has(a, b) && !hb.has(b, a)) return true;
      }
    }
    return false;
  }

  Relation psc(const Relation& hb, const Relation& eco, const Relation& rb) const {
    const auto sc_fence = [this](int e) { return sc(e) && fence(e); };
    const Relation elsewhere =
        sb_.filtered([this](int a, int b) { return !same_location(a, b) && !at(a).step.plain() && !at(b).step.plain(); });
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
  Relation synchronised_;  ///< by calls
  Relation ordered_;       ///< calls
  int results_ = 0;
  std::array<std::vector<int>, locations + cells> orders_;
  Relation mo_;
  std::vector<int> from_;
  std::vector<int> value_;
  Verdict& verdict_;
};

}  // namespace foreseed::testing
