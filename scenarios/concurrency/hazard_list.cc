// A list with hazard pointers: what it did must be linearizable, key by key, and no node used after it was freed.

#include <foreseed/history.h>
#include <foreseed/scenario.h>

#include <string>

#include "hazard_list.h"
#include "together.h"

namespace {

/// Whether one key is in the set.
struct SetSpecification {
  enum class Kind : std::uint8_t { insert, remove, contains };
  struct Call {
    Kind kind = Kind::contains;
    int key = 0;
  };
  using Return = bool;
  bool there = false;

  static int key(const Call& call) { return call.key; }
  bool apply(const Call& call, const Return* returned) {
    const bool was = there;
    if (call.kind != Kind::contains) there = call.kind == Kind::insert;
    return returned == nullptr || *returned == (call.kind == Kind::insert ? !was : was);
  }
  bool operator==(const SetSpecification&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    static constexpr const char* names[] = {"insert ", "remove ", "contains "};
    return names[static_cast<std::size_t>(call.kind)] + std::to_string(call.key) +
           (returned == nullptr ? "" : *returned ? ": true" : ": false");
  }
};

template <bool looks_again>
void insert_and_remove() {
  hazard_list::List<looks_again> list;
  foreseed::History<SetSpecification> history;
  using enum SetSpecification::Kind;
  const auto do_insert = [&](std::size_t self, int key) {
    history.record({insert, key}, [&] { return list.insert(self, key); });
  };
  const auto do_remove = [&](std::size_t self, int key) {
    history.record({remove, key}, [&] { return list.remove(self, key); });
  };
  do_insert(0, 1);
  do_insert(0, 2);
  together(
      [&] {
        do_remove(0, 1);
        do_insert(0, 3);
      },
      [&] {
        do_remove(1, 2);
        history.record({contains, 1}, [&] { return list.contains(1, 1); });
      });
  for (int key = 1; key <= 3; ++key) history.record({contains, key}, [&] { return list.contains(0, key); });
  FORESEED_CHECK_LINEARIZABLE(history);
}

}  // namespace

FORESEED_SCENARIO(hazard_list_broken, "a hazard pointer is set too late, and nobody looks (fails: data race, use after free)") {
  insert_and_remove<false>();
}
FORESEED_SCENARIO(hazard_list, "the repaired twin: who has set it looks again (holds)") { insert_and_remove<true>(); }
