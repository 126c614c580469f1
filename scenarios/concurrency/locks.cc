// Locks made of atomics: ticket lock, Peterson's and Dekker's for two threads. All accesses are sequentially consistent.

#include <foreseed/scenario.h>

#include <array>
#include <atomic>
#include <thread>

#include "together.h"

namespace {

class TicketLock {
 public:
  void lock(int) {
    const unsigned mine = next_++;
    while (serving_ != mine) std::this_thread::yield();
  }
  void unlock(int) { ++serving_; }

 private:
  std::atomic<unsigned> next_{0};
  std::atomic<unsigned> serving_{0};
};

class BrokenTicketLock {
 public:
  void lock(int) {
    const unsigned mine = next_;
    next_ = mine + 1;  // another may have drawn the same ticket
    while (serving_ != mine) std::this_thread::yield();
  }
  void unlock(int) { serving_ = serving_ + 1; }

 private:
  std::atomic<unsigned> next_{0};
  std::atomic<unsigned> serving_{0};
};

class Peterson {
 public:
  void lock(int self) {
    wants(self) = true;
    turn_ = 1 - self;
    while (wants(1 - self) && turn_ == 1 - self) {
    }
  }
  void unlock(int self) { wants(self) = false; }

 private:
  std::atomic<bool>& wants(int self) { return wants_[static_cast<std::size_t>(self)]; }
  std::array<std::atomic<bool>, 2> wants_{};
  std::atomic<int> turn_{0};
};

class BrokenPeterson {
 public:
  void lock(int self) {
    turn_ = 1 - self;  // to be done after the wish is known
    wants(self) = true;
    while (wants(1 - self) && turn_ == 1 - self) {
    }
  }
  void unlock(int self) { wants(self) = false; }

 private:
  std::atomic<bool>& wants(int self) { return wants_[static_cast<std::size_t>(self)]; }
  std::array<std::atomic<bool>, 2> wants_{};
  std::atomic<int> turn_{0};
};

class Dekker {
 public:
  void lock(int self) {
    wants(self) = true;
    while (wants(1 - self)) {
      if (turn_ == self) continue;
      wants(self) = false;
      while (turn_ != self) {
      }
      wants(self) = true;
    }
  }
  void unlock(int self) {
    turn_ = 1 - self;
    wants(self) = false;
  }

 private:
  std::atomic<bool>& wants(int self) { return wants_[static_cast<std::size_t>(self)]; }
  std::array<std::atomic<bool>, 2> wants_{};
  std::atomic<int> turn_{0};
};

/// Looks, and then says what it wants.
class BrokenDekker {
 public:
  void lock(int self) {
    while (wants(1 - self)) {
    }
    wants(self) = true;
  }
  void unlock(int self) { wants(self) = false; }

 private:
  std::atomic<bool>& wants(int self) { return wants_[static_cast<std::size_t>(self)]; }
  std::array<std::atomic<bool>, 2> wants_{};
};

/// Polite to the end: two that stand aside for each other may do so for ever.
class PoliteDekker {
 public:
  void lock(int self) {
    wants(self) = true;
    while (wants(1 - self)) {
      wants(self) = false;
      std::this_thread::yield();
      wants(self) = true;
    }
  }
  void unlock(int self) { wants(self) = false; }

 private:
  std::atomic<bool>& wants(int self) { return wants_[static_cast<std::size_t>(self)]; }
  std::array<std::atomic<bool>, 2> wants_{};
};

template <typename Lock>
void two_threads_two_sections() {
  Lock lock;
  int counter = 0;  // plain: an access outside the lock is a data race
  const auto count = [&](int self) {
    for (int i = 0; i < 2; ++i) {
      lock.lock(self);
      ++counter;
      lock.unlock(self);
    }
  };
  together([&] { count(0); }, [&] { count(1); });
  FORESEED_CHECK(counter == 4);
}

}  // namespace

FORESEED_SCENARIO(ticket_lock_broken, "a ticket is read and then torn off (fails: data race, livelock)") {
  two_threads_two_sections<BrokenTicketLock>();
}
FORESEED_SCENARIO(ticket_lock, "the repaired twin (holds)") { two_threads_two_sections<TicketLock>(); }

FORESEED_SCENARIO(peterson_broken, "Peterson's lock, turn and wish exchanged (fails: data race)") {
  two_threads_two_sections<BrokenPeterson>();
}
FORESEED_SCENARIO(peterson, "the repaired twin (holds)") { two_threads_two_sections<Peterson>(); }

FORESEED_SCENARIO(dekker_broken, "half of Dekker's lock: look, then wish (fails: data race)") {
  two_threads_two_sections<BrokenDekker>();
}
FORESEED_SCENARIO(dekker, "Dekker's lock (holds)") { two_threads_two_sections<Dekker>(); }
FORESEED_SCENARIO(dekker_without_turn, "Dekker's lock without turns: safe, and live as long as schedules vary (holds)") {
  two_threads_two_sections<PoliteDekker>();
}
