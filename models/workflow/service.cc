#include "workflow/service.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "services/base64url.h"
#include "services/bounded_json.h"
#include "workflow/totp.h"

namespace workflow {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

template <class Value>
void require_range(const char* field, Value value, Value low, Value high) {
  if (value >= low && value <= high) return;
  const auto number = [](Value v) {
    if constexpr (std::is_same_v<Value, Duration>) return std::to_string(v.count()) + " ns";
    else return std::to_string(v);
  };
  throw std::invalid_argument("workflow config: " + std::string(field) + " is " + number(value) + ", must be in [" +
                              number(low) + ", " + number(high) + "]");
}

constexpr std::size_t background_workers = 2;

}  // namespace

void validate(const Config& config) {
  services::validate(config.http);
  validate(config.journal);
  services::validate(config.tokens);
  bulkhead::validate(config.logins);
  require_range<Duration>("session", config.session, 1s, 24h);
  require_range<Duration>("request_timeout", config.request_timeout, 1ms, 1min);
  require_range<Duration>("escalate_after", config.escalate_after, 1s, 24h * 365);
  require_range<Duration>("tick", config.tick, 10ms, 1min);
  require_range<Duration>("alert_after", config.alert_after, 0s, 24h);
  require_range<std::size_t>("background_queued_max", config.background_queued_max, 1, 1'000'000);
  if (config.notify) services::validate(*config.notify);
  if (const auto& admin = config.first_admin) {
    if (!is_name(admin->name)) throw std::invalid_argument("workflow config: first_admin has no acceptable name");
    require_range("first_admin's password in bytes", admin->password.size(), password_bytes_min, password_bytes_max);
    require_range<std::size_t>("first_admin's totp_secret in bytes", admin->totp_secret.size(), 16, 64);
  }
}

Service::Service(const Config& config, services::JwtKey key, store::VersionedStore& store, const PasswordScheme& passwords)
    : config_((validate(config), config)),
      passwords_(passwords),
      sessions_(std::move(key), config_.tokens),
      journal_(config_.journal, store, [this](std::uint64_t, const Event& event) { escalator_.learn(event); }),
      escalator_(journal_, config_.escalate_after, config_.tick, [this](std::optional<Error> error) { on_tick(error); }),
      background_(background_workers, config_.background_queued_max),
      logins_(config_.logins),
      notifications_(config_.notify ? std::make_unique<services::HttpClient>(*config_.notify) : nullptr),
      instance_(services::base64url_encode(random_bytes(6).value_or(""))),
      store_unavailable_(config_.alert_after),
      notifications_failing_(config_.alert_after),
      server_(config_.http, [this](httplib::Server& server) { add_routes(server); }) {
  if (!sessions_.key().can_sign()) throw std::invalid_argument("workflow: the key cannot sign tokens");
}

Service::~Service() { stop(Duration(0)); }

void Service::start() {
  if (const auto error = journal_.catch_up(common::later(common::mono_now(), 60s))) {
    throw std::runtime_error("workflow: the journal cannot be read: " + std::string(common::to_string(*error)));
  }
  set_up_first_admin();
  draining_ = false;
  escalator_.start();
  server_.start();
}

void Service::set_up_first_admin() {
  const auto& admin = config_.first_admin;
  if (!admin || journal_.user(admin->name)) return;
  const auto kept = passwords_.keep(admin->password);
  if (!kept) throw std::runtime_error("workflow: no randomness for the first administrator's password");
  Event event;
  event.kind = EventKind::registered;
  event.context = {new_request_id(), std::string(principal_setup), "local"};
  event.at_ms = std::chrono::floor<std::chrono::milliseconds>(common::wall_now().time_since_epoch()).count();
  event.user = admin->name;
  event.role = Role::admin;
  event.credentials = {*kept, admin->totp_secret};
  const auto result = journal_.propose(event, deadline());
  const auto* error = std::get_if<Error>(&result);
  // Another process with the same settings may have been first.
  if (error != nullptr && *error != Error::conflict) {
    throw std::runtime_error("workflow: the first administrator cannot be registered: " +
                             std::string(common::to_string(*error)));
  }
}

bool Service::stop(Duration grace) {
  const MonoTime until = common::later(common::mono_now(), grace);
  draining_ = true;
  escalator_.stop();
  server_.stop();
  return background_.stop(until);
}

std::string Service::new_request_id() { return instance_ + "-" + std::to_string(++last_request_); }

void Service::notify(const RequestContext& context, std::uint64_t decision, Verdict verdict) {
  if (!notifications_) return;
  const bool spawned =
      background_.spawn(context, [this, decision, verdict](const RequestContext& of, const std::stop_token&) {
        const json body = {{"request_id", of.request_id},
                           {"principal", of.principal},
                           {"decision", decision},
                           {"verdict", to_string(verdict)}};
        const auto result = notifications_->post_json("/notifications", body.dump());
        const auto* reply = std::get_if<services::HttpReply>(&result);
        ++(reply != nullptr && reply->status / 100 == 2 ? notified_ : notify_failures_);
      });
  if (!spawned) ++notify_failures_;
}

std::optional<bool> Service::Trend::failing(std::uint64_t good_now, std::uint64_t bad_now) {
  std::optional<bool> result;
  if (good_now + bad_now > good + bad) result = good_now == good;
  good = good_now;
  bad = bad_now;
  return result;
}

void Service::on_tick(std::optional<Error> error) {
  const MonoTime now = common::mono_now();
  const std::lock_guard lock(mutex_);
  ++ticks_;
  looked_at_ = now;
  journal_error_ = error;
  // A store that can be read and not written is not available either.
  const std::uint64_t not_written = journal_.write_failures();  // one by one: the order of arguments is the compiler's
  const std::uint64_t written = journal_.writes();
  const auto writes_fail = write_trend_.failing(written, not_written);
  if (error || writes_fail) store_unavailable_.observe(error || *writes_fail, ticks_, now);
  const std::uint64_t not_notified = notify_failures_;
  const std::uint64_t notified = notified_;
  const auto notifying_fails = notified_trend_.failing(notified, not_notified);
  if (notifying_fails) notifications_failing_.observe(*notifying_fails, ticks_, now);
}

nlohmann::json Service::health() const {
  const MonoTime now = common::mono_now();
  json alerts = json::array();
  if (store_unavailable_.firing(now)) alerts.push_back("store_unavailable");
  if (notifications_failing_.firing(now)) alerts.push_back("notifications_failing");
  return {{"status", draining_ ? "stopping" : "ok"}, {"alerts", alerts}};
}

nlohmann::json Service::deep_health() const {
  json report = health();
  const MonoTime now = common::mono_now();
  std::string timer = "ok";
  std::string store = "ok";
  {
    const std::lock_guard lock(mutex_);
    // A look at the journal may take a tick, and the next is a tick later.
    if (!looked_at_ || now - *looked_at_ > 3 * config_.tick) {
      timer = "late";
      store = "unknown";
    } else if (journal_error_) {
      store = common::to_string(*journal_error_);
    }
  }
  const std::string background = background_.counters().queued < config_.background_queued_max ? "ok" : "full";
  const bool all = timer == "ok" && store == "ok" && background == "ok" && !draining_;
  if (!draining_ && !all) report["status"] = "degraded";
  report["checks"] = {{"store", store}, {"timer", timer}, {"background", background}};
  return report;
}

nlohmann::json Service::metrics() const {
  const Statistics folded = journal_.statistics();
  const BackgroundCounters work = background_.counters();
  json answers = json::object();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [status, count] : answers_) answers[std::to_string(status)] = count;
  }
  return {{"journal",
           {{"events", folded.events},
            {"users", folded.users},
            {"logins", folded.logins},
            {"submitted", folded.submitted},
            {"pending", folded.pending},
            {"escalated", folded.escalated},
            {"approved", folded.approved},
            {"rejected", folded.rejected},
            {"escalations", folded.escalations}}},
          {"answers", answers},
          {"escalations_waiting", escalator_.waiting()},
          {"logins", {{"running", logins_.running()}, {"waiting", logins_.waiting()}}},
          {"notified", notified_.load()},
          {"notify_failures", notify_failures_.load()},
          {"background",
           {{"spawned", work.spawned},
            {"refused", work.refused},
            {"finished", work.finished},
            {"failed", work.failed},
            {"cancelled", work.cancelled},
            {"queued", work.queued},
            {"running", work.running}}}};
}

}  // namespace workflow
