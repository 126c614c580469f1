// Whose request a piece of work belongs to, wherever and whenever it is done (catalogue S2-01, S2-08; SV8).

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "../services/stub_server.h"
#include "office.h"
#include "workflow/background.h"

using namespace office;

namespace {

using Pairs = std::multiset<std::pair<std::string, std::string>>;  // request id, principal

/// Who is told of decisions: a server that writes down for whom.
class Inbox {
 public:
  void stop() { server_.stop(); }
  Pairs seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void write_down(const httplib::Request& request) {
    const json body = json::parse(request.body);
    std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(20)));
    const std::lock_guard lock(mutex_);
    seen_.emplace(body["request_id"], body["principal"]);
  }

  std::mutex mutex_;
  Pairs seen_;  // guarded by mutex_
  scenarios::StubServer server_{"inbox", 8084, 2, [this](httplib::Server& server) {
    server.Post("/notifications", [this](const auto& request, auto&) { write_down(request); });
  }};
};

}  // namespace

FORESEED_SCENARIO(background_ctx, "requests of several people at once: each effect, in the audit and in the background, is whose it was (S2-08, S3-42, SV8)") {
  store::MemoryStore store;
  for (const char* name : {"ann", "bob", "eve"}) enrol(store, name, workflow::Role::analyst);
  const auto passwords = workflow::pbkdf2(1000);
  Settings settings{workflow_config(), &store, passwords.get()};
  settings.config.notify.emplace();
  settings.config.notify->host = "inbox";
  settings.config.notify->port = 8084;
  settings.config.notify->idle_connections_max = 0;
  Inbox inbox;
  WorkflowHost host("workflow", settings);
  std::mutex mutex;
  Pairs entered;
  std::vector<std::thread> people;
  for (const std::string name : {"ann", "bob", "eve"}) {
    people.emplace_back([&, name] {
      Person person;
      person.log_in(name);
      for (int i = 0; i < 2; ++i) {
        const std::string title = name + "-" + std::to_string(i);
        const auto submitted = person.post("/decisions", {{"title", title}}, {{"X-Request-Id", "submit-" + title}});
        FORESEED_CHECK(submitted.status == 201 && submitted.body["title"] == title && submitted.body["owner"] == name);
        const std::string path = "/decisions/" + std::to_string(submitted.body["id"].get<int>()) + "/decide";
        FORESEED_CHECK(person.post(path, {{"verdict", "approve"}}, {{"X-Request-Id", "decide-" + title}}).status == 200);
        const std::lock_guard lock(mutex);
        entered.emplace("decide-" + title, name);
      }
    });
  }
  for (std::thread& person : people) person.join();
  workflow::Service& service = *host;
  Pairs audited;
  const auto events = service.journal().read(1, 100);
  for (const workflow::Event& event : std::get<std::vector<workflow::Event>>(events)) {
    if (event.kind == workflow::EventKind::decided) audited.emplace(event.context.request_id, event.context.principal);
  }
  FORESEED_CHECK(audited == entered);
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (inbox.seen().size() < entered.size() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
  FORESEED_CHECK(inbox.seen() == entered);
  host.stop();
  inbox.stop();
}

FORESEED_SCENARIO(background_shutdown, "stopped with work in the background: each task ran once or is counted as cancelled, in time (S2-14)") {
  workflow::Background background(2, 4);
  std::atomic<std::uint64_t> ran{0};
  std::uint64_t accepted = 0;
  std::thread spawner([&] {
    for (int i = 0; i < 8; ++i) {
      accepted += background.spawn({std::to_string(i), "ann", "local"}, [&](const workflow::RequestContext&, const std::stop_token&) {
        std::this_thread::sleep_for(1s);
        ++ran;
      });
      std::this_thread::sleep_for(300ms);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(3000)));
  const auto start = std::chrono::steady_clock::now();
  background.stop(start + 1500ms);
  background.stop(start + 1500ms);  // a second stop does nothing
  FORESEED_CHECK(std::chrono::steady_clock::now() - start <= 2500ms);  // the deadline, and what was running then
  spawner.join();
  const workflow::BackgroundCounters counters = background.counters();
  FORESEED_CHECK(counters.spawned == accepted && counters.refused == 8 - accepted);
  FORESEED_CHECK(counters.finished == ran && counters.finished + counters.cancelled == accepted && counters.failed == 0);
}

FORESEED_SCENARIO(background_ctx_bad, "tasks that look up the current request when they run, as with a request variable: others' (fails)") {
  workflow::Background background(2, 100);
  std::mutex mutex;
  workflow::RequestContext current;  // guarded by mutex
  Pairs entered;                     // guarded by mutex
  Pairs audited;                     // guarded by mutex
  const auto handle = [&](const std::string& id, const std::string& name) {
    {
      const std::lock_guard lock(mutex);
      current = {id, name, "local"};
      entered.emplace(id, name);
    }
    background.spawn({id, name, "local"}, [&](const workflow::RequestContext&, const std::stop_token&) {
      const std::lock_guard lock(mutex);
      audited.emplace(current.request_id, current.principal);
    });
  };
  std::thread ann(handle, "1", "ann");
  std::thread bob(handle, "2", "bob");
  ann.join();
  bob.join();
  background.stop(std::chrono::steady_clock::now() + 10s);
  FORESEED_CHECK(audited == entered);
}
