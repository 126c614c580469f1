// A schema freeze that is overridden in an emergency (catalogue S3-46).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "lock_manager/schema_freeze.h"

namespace {

using namespace std::chrono_literals;
using namespace lock_manager;
using common::mono_now;

const std::string why = "production is down, ticket 4711";

ClientConfig short_leases() {
  ClientConfig config;
  config.ttl = 4s;
  config.drift_percent = 0;
  config.margin = 1ms;
  return config;
}

/// What the audit has, and how it answers.
struct Audit {
  enum class Answer { written, refused, broken };
  bool write(const OverrideRecord& record) {
    if (answer == Answer::broken) throw std::runtime_error("no audit");
    if (answer == Answer::refused) return false;
    const std::lock_guard lock(mutex);
    records.push_back(record);
    return true;
  }
  std::atomic<Answer> answer{Answer::written};
  std::mutex mutex;
  std::vector<OverrideRecord> records;
};

/// Two freezes, one after the other; the first is overridden.
struct Emergency {
  Emergency() { FORESEED_CHECK(std::holds_alternative<std::unique_ptr<LockServer>>(opened)); }

  void freeze_twice(std::chrono::milliseconds first_lasts, bool lapses) {
    auto first = schema.freeze({"main"}, mono_now());
    FORESEED_CHECK(std::holds_alternative<Freeze>(first));
    frozen = 1;
    std::this_thread::sleep_for(first_lasts);
    // It ends; or its holder has forgotten it, and it lapses. The next one may be made by another process.
    if (!lapses) std::get<Freeze>(first).end();
    auto second = (lapses ? elsewhere : schema).freeze({"main"}, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Freeze>(second));
    frozen = 2;
    std::this_thread::sleep_for(2s);
  }

  /// Writes as long as it may. Nothing is written in the second freeze, nor after its own time.
  void rescue(Duration time) {
    while (frozen == 0) std::this_thread::sleep_for(10ms);
    const auto asked = mono_now();
    auto leave = schema.override_freeze({"main", "user"}, "ann", why, time);
    if (const auto* error = std::get_if<Error>(&leave)) {
      FORESEED_CHECK(audit.answer == Audit::Answer::written ? *error == Error::not_found : *error == Error::unavailable);
      return;
    }
    ++granted;
    for (int writes = 0;; ++writes) {
      auto pass = schema.begin_write(std::get<Override>(leave), {"main", "user", "42"});
      if (const auto* error = std::get_if<Error>(&pass)) {
        FORESEED_CHECK(*error == Error::lease_lost || *error == Error::locked);
        if (*error == Error::lease_lost) break;
        std::this_thread::sleep_for(10ms);
        continue;
      }
      FORESEED_CHECK(frozen != 2 && mono_now() < asked + time + 1ms);
      std::this_thread::sleep_for(150ms);
      if (std::get<EmergencyPass>(pass).valid()) FORESEED_CHECK(frozen != 2 && mono_now() < asked + time + 1ms);
    }
    FORESEED_CHECK(!std::get<Override>(leave).live());
  }

  store::MemoryStore store;
  Result<std::unique_ptr<LockServer>> opened = LockServer::open({}, store);
  Audit audit;
  const OverrideAudit to_audit = [this](const OverrideRecord& record) { return audit.write(record); };
  SchemaFreeze schema{*std::get<std::unique_ptr<LockServer>>(opened), short_leases(), to_audit};
  SchemaFreeze elsewhere{*std::get<std::unique_ptr<LockServer>>(opened), short_leases(), to_audit};
  std::atomic<int> frozen{0};
  std::atomic<std::size_t> granted{0};
};

}  // namespace

FORESEED_SCENARIO(freeze_override, "a freeze is overridden while it ends or lapses and the next begins: in the audit once, over with its time and its freeze (S3-46)") {
  Emergency emergency;
  const auto answers = {Audit::Answer::written, Audit::Answer::written, Audit::Answer::refused, Audit::Answer::broken};
  emergency.audit.answer = *(answers.begin() + foreseed::choose(4));
  const bool lapses = foreseed::choose(2) == 1;
  // A write begins every 150 ms: the freeze ends just then, or in between.
  const std::chrono::milliseconds ends[] = {900ms, 910ms, 1s};
  const auto first_lasts = lapses ? 5s : ends[foreseed::choose(3)];
  std::thread freezer([&] { emergency.freeze_twice(first_lasts, lapses); });
  std::vector<std::thread> rescuers;
  for (int i = 0; i < 2; ++i) {
    rescuers.emplace_back([&] {
      const Duration times[] = {500ms, 20s};
      emergency.rescue(times[foreseed::choose(2)]);
    });
  }
  for (std::thread& rescuer : rescuers) rescuer.join();
  freezer.join();
  FORESEED_CHECK(emergency.audit.records.size() == emergency.granted);
  for (const OverrideRecord& record : emergency.audit.records) {
    FORESEED_CHECK(record.principal == "ann" && record.justification == why && record.path == SchemaPath({"main", "user"}));
  }
}

FORESEED_SCENARIO(override_justified, "an override wants a principal and a justification, for a freeze that is on, and reaches no further than its path (S3-46)") {
  Emergency emergency;
  SchemaFreeze& schema = emergency.schema;
  const auto refused = [&](const SchemaPath& path, const std::string& who, const std::string& reason, Duration time) {
    const auto result = schema.override_freeze(path, who, reason, time);
    return std::holds_alternative<Error>(result) ? std::get<Error>(result) : Error::internal;
  };
  FORESEED_CHECK(refused({"main"}, "ann", why, 1s) == Error::not_found);
  auto frozen = schema.freeze({"main", "user"}, mono_now());
  FORESEED_CHECK(refused({"main"}, "ann", why, 1s) == Error::not_found);  // there is no freeze of the whole
  for (const char* reason : {"", "          ", "because", "\t\n\t\n\t\n\t\n\t\n\t\n", "a b c d e f g h i"}) {
    FORESEED_CHECK(refused({"main", "user"}, "ann", reason, 1s) == Error::invalid_argument);
  }
  FORESEED_CHECK(refused({"main", "user"}, "ann", std::string(1001, 'x'), 1s) == Error::invalid_argument);
  FORESEED_CHECK(refused({"main", "user"}, " ", why, 1s) == Error::invalid_argument);
  FORESEED_CHECK(refused({"main", "user"}, "ann", why, 0s) == Error::invalid_argument);
  FORESEED_CHECK(refused({"main", "user"}, "ann", why, 1h + 1ns) == Error::invalid_argument);
  FORESEED_CHECK(emergency.audit.records.empty());
  const auto leave = schema.override_freeze({"main", "user", "42"}, "ann", why, 1s);
  FORESEED_CHECK(emergency.audit.records.size() == 1);
  const auto write = [&](const SchemaPath& path) { return schema.begin_write(std::get<Override>(leave), path); };
  const auto pass = write({"main", "user", "42"});
  FORESEED_CHECK(std::get<EmergencyPass>(pass).token().key() == path_key({"main", "user", "42"}, 3));
  FORESEED_CHECK(std::get<Error>(write({"main", "user", "43"})) == Error::forbidden);
  FORESEED_CHECK(std::get<Error>(write({"main", "user"})) == Error::forbidden);
  FORESEED_CHECK(std::holds_alternative<Frozen>(schema.begin_write({"main", "user", "42"})));  // others still wait
}
