// Accounts, in three ways to get them wrong: no lock, a check and an act in two sections, two locks in two orders.

#include <foreseed/scenario.h>

#include <mutex>

#include "together.h"

namespace {

class Account {
 public:
  explicit Account(int balance) : balance_(balance) {}

  int balance() const {
    const std::lock_guard lock(mutex_);
    return balance_;
  }
  int balance_unlocked() const { return balance_; }

  void deposit(int amount) {
    const std::lock_guard lock(mutex_);
    balance_ += amount;
  }

  bool withdraw(int amount) {
    const std::lock_guard lock(mutex_);
    if (balance_ < amount) return false;
    balance_ -= amount;
    return true;
  }
  bool withdraw_in_two_steps(int amount) {
    if (balance() < amount) return false;
    deposit(-amount);
    return true;
  }

  friend void transfer_in_order_of_arguments(Account& from, Account& to, int amount) {
    const std::lock_guard first(from.mutex_);
    const std::lock_guard second(to.mutex_);
    from.balance_ -= amount;
    to.balance_ += amount;
  }
  friend void transfer(Account& from, Account& to, int amount) {
    const std::scoped_lock both(from.mutex_, to.mutex_);
    from.balance_ -= amount;
    to.balance_ += amount;
  }

 private:
  mutable std::mutex mutex_;
  int balance_;
};

template <typename Withdraw>
void two_withdrawals(Withdraw withdraw) {
  Account account(100);
  together([&] { withdraw(account, 60); }, [&] { withdraw(account, 70); });
  FORESEED_CHECK(account.balance() >= 0);
}

template <typename Transfer>
void two_transfers(Transfer transfer) {
  Account mine(100);
  Account yours(100);
  together([&] { transfer(mine, yours, 10); }, [&] { transfer(yours, mine, 20); });
  FORESEED_CHECK(mine.balance() == 110 && yours.balance() == 90);
}

}  // namespace

FORESEED_SCENARIO(account_read_without_lock, "a balance is read without its lock (fails: data race)") {
  Account account(0);
  together([&] { account.deposit(10); }, [&] { FORESEED_CHECK(account.balance_unlocked() <= 10); });
}

FORESEED_SCENARIO(account_read_with_lock, "the repaired twin (holds)") {
  Account account(0);
  together([&] { account.deposit(10); }, [&] { FORESEED_CHECK(account.balance() <= 10); });
}

FORESEED_SCENARIO(account_overdrawn, "a balance is checked in one section and lowered in another (fails: check)") {
  two_withdrawals([](Account& account, int amount) { account.withdraw_in_two_steps(amount); });
}

FORESEED_SCENARIO(account_not_overdrawn, "the repaired twin: one section (holds)") {
  two_withdrawals([](Account& account, int amount) { account.withdraw(amount); });
}

FORESEED_SCENARIO(account_transfer_deadlock, "transfers lock the giver first (fails: deadlock)") {
  two_transfers([](Account& from, Account& to, int amount) { transfer_in_order_of_arguments(from, to, amount); });
}

FORESEED_SCENARIO(account_transfer, "the repaired twin: both locks at once, in an order that always works (holds)") {
  two_transfers([](Account& from, Account& to, int amount) { transfer(from, to, amount); });
}
