// What the services keep - orders, decisions, the audit, alerts, the configuration, work in the background - small enough
// that `explore` runs every interleaving (docs/explored.md).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "config/settings.h"
#include "services/alert.h"
#include "services/bulkhead.h"
#include "services/connection_queue.h"
#include "services/order_store.h"
#include "store/versioned_store.h"
#include "together.h"
#include "workflow/background.h"
#include "workflow/journal.h"

namespace {

using namespace std::chrono_literals;
using common::Error;
using common::mono_now;
using smallest::together;
using workflow::Event;
using workflow::EventKind;

Event event(EventKind kind, const std::string& principal) {
  Event event;
  event.kind = kind;
  event.context = {"r", principal, "local"};
  return event;
}

Event registration(const std::string& principal, const std::string& user) {
  Event proposed = event(EventKind::registered, principal);
  proposed.user = user;
  proposed.credentials = {"kept", "secret"};
  proposed.role = principal == workflow::principal_nobody ? workflow::Role::viewer : workflow::Role::analyst;
  return proposed;
}

common::Result<workflow::Outcome> propose(workflow::Journal& journal, const Event& proposed) {
  return journal.propose(proposed, mono_now() + 1s);
}

bool happened(const common::Result<workflow::Outcome>& result) {
  if (const auto* error = std::get_if<Error>(&result)) FORESEED_CHECK(*error == Error::conflict);
  return std::holds_alternative<workflow::Outcome>(result);
}

}  // namespace

FORESEED_SCENARIO(smallest_store, "two add to one record: none is lost, whoever is overtaken is told (holds)") {
  store::MemoryStore store;
  const auto add = [&](char mark) {
    for (;;) {
      const auto seen = std::get<store::Record>(store.get("k"));
      const auto written = store.put("k", seen.version, seen.value + mark);
      if (std::holds_alternative<std::uint64_t>(written)) return;
      FORESEED_CHECK(std::get<Error>(written) == Error::conflict);
    }
  };
  together([&] { add('a'); }, [&] { add('b'); });
  const auto last = std::get<store::Record>(store.get("k"));
  FORESEED_CHECK(last.version == 2 && last.value.size() == 2);
}

// SV2; S4-12
FORESEED_SCENARIO(smallest_orders, "one key sent twice at once is one order (holds)") {
  services::OrderStore store(2);
  std::atomic<int> replayed{0};
  const auto place = [&] {
    const auto result = store.place("alice", "tea", 2, "key");
    FORESEED_CHECK(std::holds_alternative<services::PlacedOrder>(result));
    replayed += std::get<services::PlacedOrder>(result).replayed;
    FORESEED_CHECK(store.find(1)->owner == "alice");
  };
  together(place, place);
  FORESEED_CHECK(store.size() == 1 && replayed == 1);
}

// SV10; S1-04, S4-14, S4-15
FORESEED_SCENARIO(smallest_decide_once, "two processes decide at once: one wins, the audit has it once, their counts agree (holds)") {
  store::MemoryStore store;
  workflow::Journal one({}, store), two({}, store);
  FORESEED_CHECK(happened(propose(one, registration(std::string(workflow::principal_setup), "ann"))));
  Event submitted = event(EventKind::submitted, "ann");
  submitted.title = "a new desk";
  FORESEED_CHECK(happened(propose(one, submitted)));
  std::atomic<int> decided{0};
  const auto decide = [&](workflow::Journal& journal, workflow::Verdict verdict) {
    Event proposed = event(EventKind::decided, "ann");
    proposed.decision = 1;
    proposed.verdict = verdict;
    decided += happened(propose(journal, proposed));
    const auto counts = journal.statistics();
    FORESEED_CHECK(counts.submitted == counts.pending + counts.escalated + counts.approved + counts.rejected);
    FORESEED_CHECK(counts.approved + counts.rejected == 1);
  };
  together([&] { decide(one, workflow::Verdict::approve); }, [&] { decide(two, workflow::Verdict::reject); });
  FORESEED_CHECK(decided == 1 && one.statistics() == two.statistics());
  FORESEED_CHECK(std::get<std::vector<Event>>(one.read(1, 10)).size() == 3);
}

// SV10; S4-12
FORESEED_SCENARIO(smallest_register_once, "one name is registered twice at once: one of them is (holds)") {
  store::MemoryStore store;
  workflow::Journal journal({}, store);
  std::atomic<int> registered{0};
  const auto enrol = [&] { registered += happened(propose(journal, registration(std::string(workflow::principal_nobody), "eve"))); };
  together(enrol, enrol);
  FORESEED_CHECK(registered == 1 && journal.statistics().users == 1 && journal.writes() == 1);
}

// SV9; S1-18
FORESEED_SCENARIO(smallest_alert, "observations that overtake each other while somebody looks: the last one counts, a dip begins anew (holds)") {
  services::Alert alert(10s);
  const auto start = mono_now();
  alert.observe(true, 1, start);
  std::this_thread::sleep_for(10s);
  FORESEED_CHECK(alert.firing(mono_now()));
  together([&] { alert.observe(false, 3, mono_now()); }, [&] { alert.observe(true, 2, mono_now()); },
           [&] { FORESEED_CHECK(!alert.firing(start)); });
  FORESEED_CHECK(!alert.firing(mono_now()));
  std::this_thread::sleep_for(10s);
  FORESEED_CHECK(!alert.firing(mono_now()));
}

// SV5, S0-23: what is counted is what happened
FORESEED_SCENARIO(smallest_visits, "three come where two may be at once: each is counted once, as entered or refused (holds)") {
  services::Bulkhead bulkhead(2);
  std::atomic<std::size_t> inside{0}, entered{0};
  const auto come = [&] {
    const services::Bulkhead::Visit visit(bulkhead);
    if (!visit.entered()) return;
    ++entered;
    FORESEED_CHECK(++inside <= 2);
    --inside;
  };
  together(come, come, come);
  const auto counters = bulkhead.counters();
  FORESEED_CHECK(counters.entered == entered && counters.entered + counters.refused == 3 && entered >= 2);
  FORESEED_CHECK(counters.in_flight == 0 && counters.in_flight_peak <= 2);
}

// S2-14
FORESEED_SCENARIO(smallest_workers, "a worker with room for one, told to end: what was queued is served (holds)") {
  std::atomic<int> served{0};
  services::ConnectionQueue queue(1, 1, 1s);
  const auto start = mono_now();
  for (int i = 0; i < 2; ++i) queue.enqueue([&] { ++served; });
  FORESEED_CHECK(mono_now() - start < 1s);  // told that there is room
  queue.shutdown();
  FORESEED_CHECK(served == 2);
}

// S2-08, S2-14; SV6
FORESEED_SCENARIO(smallest_background, "stopped while work is given to it: what was accepted ran, once, in the name of who gave it (holds)") {
  workflow::Background background(1, 1);
  std::atomic<int> ran{0};
  bool accepted = false;
  together(
      [&] {
        accepted = background.spawn({"r", "ann", "local"}, [&](const workflow::RequestContext& context, const std::stop_token&) {
          FORESEED_CHECK(context.principal == "ann");
          ++ran;
        });
      },
      [&] { FORESEED_CHECK(background.stop(mono_now() + 1s)); });
  const auto counters = background.counters();
  FORESEED_CHECK(ran == accepted && counters.spawned == counters.finished + counters.cancelled);
}

// S2-12
FORESEED_SCENARIO(smallest_config, "a reload that is good and one that is not, while somebody reads: one configuration or the other (holds)") {
  struct Pool {
    std::int64_t size = 1, most = 1;
  };
  config::Live<Pool> live(Pool{});
  const auto parse = [](config::Settings& settings) {
    Pool pool;
    pool.size = settings.integer("size", 1, 1, 100);
    pool.most = settings.integer("most", 1, 1, 100);
    settings.require(pool.size <= pool.most, "size must be at most most");
    return pool;
  };
  together(
      [&] {
        const auto pool = live.get();
        FORESEED_CHECK(pool->size == pool->most && pool->size != 50);
      },
      [&] { FORESEED_CHECK(live.reload({{"size", "7"}, {"most", "7"}}, parse).empty()); },
      [&] { FORESEED_CHECK(!live.reload({{"size", "50"}, {"most", "20"}}, parse).empty()); });
  FORESEED_CHECK(live.get()->size == 7);
}
