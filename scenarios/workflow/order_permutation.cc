// Tests of a service give the same results in any order, because each has a world of its own (catalogue S4-01 to S4-03).

#include <array>
#include <functional>

#include "office.h"

using namespace office;

namespace {

/// What some test asks of a workflow, and what it is answered; all of them are about the same few names.
using Case = std::function<std::vector<int>(Person&)>;
const Case cases[] = {
    [](Person& person) -> std::vector<int> {
      return {person.post("/register", {{"name", "ann"}, {"password", password}}).status,
              person.post("/register", {{"name", "ann"}, {"password", password}}).status};
    },
    [](Person& person) -> std::vector<int> { return {person.try_log_in("ann").status, person.try_log_in("root").status}; },
    [](Person& person) -> std::vector<int> {
      person.log_in("root");
      return {person.post("/users/ann/role", {{"role", "analyst"}}).status,
              static_cast<int>(person.get("/audit").body["events"].size())};
    },
};
const std::array<std::vector<int>, 3> expected = {{{201, 409}, {401, 200}, {404, 2}}};

/// The cases in an order that foreseed chooses, one perhaps twice and one perhaps not at all.
void run_cases(const std::function<store::VersionedStore&()>& new_store) {
  const auto passwords = workflow::pbkdf2(1000);
  for (int i = 0; i < 3; ++i) {
    const std::uint32_t which = foreseed::choose(3);
    const Settings settings{workflow_config(), &new_store(), passwords.get()};
    WorkflowHost host("workflow", settings);
    Person person;
    FORESEED_CHECK(cases[which](person) == expected[which]);
    host.stop();
    std::this_thread::sleep_for(2min);  // a code of the second factor is good once, and for 90 s
  }
}

}  // namespace

FORESEED_SCENARIO(order_permutation, "cases in any order, each with a service of its own: the results are always the same (S4-01)") {
  std::vector<std::unique_ptr<store::MemoryStore>> stores;
  run_cases([&]() -> store::VersionedStore& { return *stores.emplace_back(std::make_unique<store::MemoryStore>()); });
}

FORESEED_SCENARIO(order_permutation_bad, "the same with one database for all: what ran before is still there (fails)") {
  store::MemoryStore store;
  run_cases([&]() -> store::VersionedStore& { return store; });
}
