// The decision workflow as a service: people submit decisions, others decide them once, and what nobody decides in time
// is escalated.
//
//   POST /register               {"name", "password"}           201 {"name", "role": "viewer", "totp_secret"}
//   POST /login                  {"name", "password", "code"}   200 {"token", "expires_at"}
//   POST /decisions              {"title"}                      201, 200 where the key was seen before: the decision
//   GET  /decisions?state=S&after=N                             200 {"decisions": [..]}, page_max at most
//   GET  /decisions/<id>                                        200 the decision
//   POST /decisions/<id>/decide  {"verdict": "approve" | "reject"}  200 the decision; 409 where it is decided
//   POST /decisions/<id>/escalate                               200 the decision; 409 where it is not pending
//   GET  /statistics                                            200 counts, all at one point of the journal
//   POST /users/<name>/role      {"role"}                       200; administrators only, as the next two
//   POST /users/<name>/deactivate                               200
//   GET  /audit?after=N                                         200 {"events": [..]}, page_max at most
//   GET  /health, /health/deep, /metrics                        200; deep: 503 where something it needs is not there
//
// All but the first two and the last line want "Authorization: Bearer <token of a login>", and what the caller's role
// does not allow is refused. What is not in the list above is refused with 403, whoever asks (default deny). Every refusal
// is {"error": {"code", "message"}}, its code the name of a common::Error. X-Request-Id is taken over from the request or
// made, and returned; Idempotency-Key makes POST /decisions.. safe to repeat.
//
// Effects are those of Journal. start and stop belong to one thread; requests are served concurrently.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "bulkhead/bulkhead.h"
#include "services/alert.h"
#include "services/http_client.h"
#include "services/http_server.h"
#include "services/token_authority.h"
#include "workflow/background.h"
#include "workflow/escalator.h"
#include "workflow/journal.h"
#include "workflow/password.h"

namespace httplib {
struct Request;
}

namespace workflow {

inline constexpr std::size_t page_max = 100;

/// The user who is there from the beginning, and can give roles to others.
struct FirstAdmin {
  std::string name;
  std::string password;
  std::string totp_secret;  ///< 16 to 64 bytes
};

struct Config {
  services::HttpServerConfig http;
  JournalConfig journal;
  services::JwtPolicy tokens{"workflow", "workflow", std::chrono::seconds(0)};
  std::chrono::seconds session = std::chrono::minutes(15);  ///< 1 s .. 24 h: how long a login is good
  Duration request_timeout = std::chrono::seconds(5);       ///< 1 ms .. 1 min
  Duration escalate_after = std::chrono::hours(1);          ///< 1 s .. 365 days
  Duration tick = std::chrono::seconds(1);                  ///< 10 ms .. 1 min
  Duration alert_after = std::chrono::minutes(1);           ///< 0 .. 24 h
  bulkhead::Config logins{10, 1'000};  ///< passwords that are checked at once, and callers in line for it
  std::size_t background_queued_max = 1'000;  ///< 1 .. 1,000,000
  std::optional<FirstAdmin> first_admin;
  /// Where decisions are reported to: POST /notifications {"request_id", "principal", "decision", "verdict"}, once for each,
  /// in the background; what fails is counted and not repeated.
  std::optional<services::HttpClientConfig> notify;
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const Config& config);

class Service {
 public:
  /// Throws std::invalid_argument. REQUIRES: `store` and `passwords` outlive it.
  Service(const Config& config, services::JwtKey key, store::VersionedStore& store, const PasswordScheme& passwords);
  ~Service();

  /// Reads the journal, makes the first administrator where there is none, serves. Throws StartError, and
  /// std::runtime_error where the store cannot be used.
  void start();

  /// Refuses what comes, lets requests under way finish, then background work until `grace` from now is over, and cancels
  /// the rest. True where nothing was cancelled. Requests take at most what HttpServer::stop says.
  bool stop(Duration grace);
  int port() const { return server_.port(); }
  /// See HttpServer.
  void renew_certificate(const services::TlsIdentity& identity) { server_.renew_certificate(identity); }

  // For the process that hosts the service; any thread.
  Journal& journal() { return journal_; }
  nlohmann::json metrics() const;
  nlohmann::json health() const;  ///< {"status": "ok", "alerts": [..]}
  /// By what the timer found when it last looked: asking changes nothing and costs the store nothing, however often.
  nlohmann::json deep_health() const;
  BackgroundCounters background_counters() const { return background_.counters(); }

 private:
  using Handler = void (Service::*)(const httplib::Request&, httplib::Response&, const RequestContext&);
  struct Route;
  static const Route routes[];

  void add_routes(httplib::Server& server);
  void serve(const Route& route, const httplib::Request& request, httplib::Response& response);
  std::optional<Error> admit(const Route& route, const httplib::Request& request, RequestContext& context);
  void register_user(const httplib::Request&, httplib::Response&, const RequestContext&);
  void log_in(const httplib::Request&, httplib::Response&, const RequestContext&);
  void submit(const httplib::Request&, httplib::Response&, const RequestContext&);
  void list(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show(const httplib::Request&, httplib::Response&, const RequestContext&);
  void decide(const httplib::Request&, httplib::Response&, const RequestContext&);
  void escalate(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show_statistics(const httplib::Request&, httplib::Response&, const RequestContext&);
  void set_role(const httplib::Request&, httplib::Response&, const RequestContext&);
  void deactivate(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show_audit(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show_health(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show_deep_health(const httplib::Request&, httplib::Response&, const RequestContext&);
  void show_metrics(const httplib::Request&, httplib::Response&, const RequestContext&);

  MonoTime deadline() const { return common::later(common::mono_now(), config_.request_timeout); }
  std::optional<Event> about_decision(EventKind kind, const httplib::Request&, httplib::Response&, const RequestContext&);
  void answer_with_decision(httplib::Response& response, int status, std::uint64_t id);
  void notify(const RequestContext& context, std::uint64_t decision, Verdict verdict);
  void set_up_first_admin();
  void on_tick(std::optional<Error> journal);
  std::string new_request_id();

  const Config config_;
  const PasswordScheme& passwords_;
  const services::TokenAuthority sessions_;
  Journal journal_;
  Escalator escalator_;
  Background background_;
  bulkhead::Bulkhead logins_;
  const std::unique_ptr<services::HttpClient> notifications_;  // null: nowhere to
  const std::string instance_;                                 // begins the request ids that are made here
  std::atomic<std::uint64_t> last_request_{0};
  std::atomic<bool> draining_{false};
  std::atomic<std::uint64_t> notified_{0};
  std::atomic<std::uint64_t> notify_failures_{0};
  services::Alert store_unavailable_;
  services::Alert notifications_failing_;
  mutable std::mutex mutex_;
  std::map<int, std::uint64_t> answers_;       // guarded by mutex_; by status
  std::optional<MonoTime> looked_at_;          // guarded by mutex_; when the journal was last looked at
  std::optional<Error> journal_error_;         // guarded by mutex_; what that said
  std::uint64_t ticks_ = 0;                    // guarded by mutex_

  /// Whether something that is tried now and then only fails: known where it was tried since the last time.
  struct Trend {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    std::optional<bool> failing(std::uint64_t good_now, std::uint64_t bad_now);
  };
  Trend write_trend_;     // guarded by mutex_
  Trend notified_trend_;  // guarded by mutex_
  services::HttpServer server_;  // last, so that it stops before what its handlers use goes away
};

}  // namespace workflow
