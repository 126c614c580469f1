// Debian's compiled libpq, unmodified, against a small server of PostgreSQL's protocol on the host "db".

#include <libpq-fe.h>
#include <poll.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "foreseed/faults.h"
#include "library_worlds.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

// --- the server: version 3 of the protocol (https://www.postgresql.org/docs/15/protocol.html)

std::string number(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> 8 * i);
  return text;
}
std::string message(char kind, const std::string& body) {
  return kind + number(static_cast<std::uint32_t>(body.size()) + 4, 4) + body;
}
std::string text(const std::string& value) { return value + '\0'; }

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  struct Message {
    char kind;  ///< 0 for the first, which has none
    std::string body;
  };
  std::optional<Message> next(bool first = false) {
    const std::size_t head = first ? 4 : 5;
    if (!fill(head)) return std::nullopt;
    std::uint32_t size = 0;
    for (std::size_t i = head - 4; i < head; ++i) size = size << 8 | static_cast<std::uint8_t>(buffer_[i]);
    if (!fill(head + size - 4)) return std::nullopt;
    const Message message{first ? '\0' : buffer_[0], buffer_.substr(head, size - 4)};
    buffer_.erase(0, head + size - 4);
    return message;
  }
  void write(const std::string& data) const { send(fd_, data.data(), data.size(), MSG_NOSIGNAL); }

 private:
  bool fill(std::size_t size) {
    while (buffer_.size() < size) {
      char part[4096];
      const ssize_t n = recv(fd_, part, sizeof part, 0);
      if (n <= 0) return false;
      buffer_.append(part, static_cast<std::size_t>(n));
    }
    return true;
  }

  const int fd_;
  std::string buffer_;
};

/// Knows orders by their number: "PUT n", "COUNT", "SLEEP" (for a second), and what is wrong with anything else.
class Postgres {
 public:
  Postgres() : server_("db", 5432, [this](int fd) { serve(fd); }) { foreseed::link("client", "db", 1ms); }
  void stop() { server_.stop(); }

 private:
  void serve(int fd) {
    Connection connection(fd);
    auto first = connection.next(true);
    // Neither TLS nor GSSAPI is spoken here.
    while (first && (first->body == number(80'877'103, 4) || first->body == number(80'877'104, 4))) {
      connection.write("N");
      first = connection.next(true);
    }
    if (!first) return;
    FORESEED_CHECK(first->body.starts_with(number(3 << 16, 4) + text("user") + text("oms")));
    connection.write(message('R', number(0, 4)) + message('S', text("server_version") + text("15.0")) +
                     message('S', text("client_encoding") + text("UTF8")) + message('K', number(1, 4) + number(2, 4)) +
                     message('Z', "I"));
    while (const auto asked = connection.next()) {
      if (asked->kind == 'X') return;
      FORESEED_CHECK(asked->kind == 'Q');
      connection.write(answer(asked->body.c_str()) + message('Z', "I"));
    }
  }

  std::string answer(const std::string& query) {
    if (query == "SLEEP") {
      std::this_thread::sleep_for(1s);
      return message('C', text("SLEEP"));
    }
    const std::lock_guard lock(mutex_);
    if (query == "COUNT") {
      const std::string count = std::to_string(orders_.size());
      return message('T', number(1, 2) + text("count") + number(0, 6) + number(23, 4) + number(4, 2) +
                              number(~std::uint32_t{0}, 4) + number(0, 2)) +
             message('D', number(1, 2) + number(static_cast<std::uint32_t>(count.size()), 4) + count) +
             message('C', text("SELECT 1"));
    }
    if (!query.starts_with("PUT ")) return error("42601", "syntax error");
    if (!orders_.emplace(query.substr(4), true).second) return error("23505", "duplicate key");
    return message('C', text("INSERT 0 1"));
  }
  static std::string error(const std::string& state, const std::string& what) {
    return message('E', "S" + text("ERROR") + "C" + text(state) + "M" + text(what) + '\0');
  }

  std::mutex mutex_;
  std::map<std::string, bool> orders_;
  StreamServer server_;
};

// --- its clients

struct Free {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Session = std::unique_ptr<PGconn, Free>;
using Result = std::unique_ptr<PGresult, Free>;

Session connected(const std::string& more = "") {
  return Session(PQconnectdb(("host=db user=oms dbname=orders connect_timeout=5 passfile=/none " + more).c_str()));
}
bool is_up(const Session& session) { return PQstatus(session.get()) == CONNECTION_OK; }
Result query(const Session& session, const char* text) { return Result(PQexec(session.get(), text)); }
bool done(const Result& result) { return PQresultStatus(result.get()) == PGRES_COMMAND_OK; }

void queries_and_errors() {
  Postgres postgres;
  {
    const Session session = connected();
    FORESEED_CHECK(is_up(session) && PQserverVersion(session.get()) == 150000);
    const auto start = Steady::now();
    FORESEED_CHECK(done(query(session, "PUT 7")));
    FORESEED_CHECK(Steady::now() - start == 2ms);
    const Result twice = query(session, "PUT 7");
    FORESEED_CHECK(std::strcmp(PQresultErrorField(twice.get(), PG_DIAG_SQLSTATE), "23505") == 0);
    const Result count = query(session, "COUNT");
    FORESEED_CHECK(PQntuples(count.get()) == 1 && std::strcmp(PQgetvalue(count.get(), 0, 0), "1") == 0);
  }
  postgres.stop();
}

void three_sessions() {
  Postgres postgres;
  std::atomic<int> stored = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      const Session session = connected("sslmode=disable");
      for (const char* order : {"PUT 1", "PUT 2"}) stored += done(query(session, order));
    });
  }
  for (std::thread& worker : workers) worker.join();
  FORESEED_CHECK(stored == 2);
  postgres.stop();
}

/// Sent, and waited for with poll(), as services do that have a deadline.
void a_query_too_slow() {
  Postgres postgres;
  {
    const Session session = connected();
    FORESEED_CHECK(PQsendQuery(session.get(), "SLEEP") == 1);
    pollfd entry{PQsocket(session.get()), POLLIN, 0};
    const auto start = Steady::now();
    FORESEED_CHECK(poll(&entry, 1, 300) == 0 && Steady::now() - start == 300ms);
    FORESEED_CHECK(poll(&entry, 1, 5000) == 1 && Steady::now() - start == 1002ms);
    FORESEED_CHECK(PQconsumeInput(session.get()) == 1 && PQisBusy(session.get()) == 0);
    FORESEED_CHECK(done(Result(PQgetResult(session.get()))) && PQgetResult(session.get()) == nullptr);
  }
  postgres.stop();
}

void nobody_there() {
  Host db("db", [] { std::this_thread::sleep_for(100s); });
  std::this_thread::sleep_for(1ms);
  FORESEED_CHECK(std::strstr(PQerrorMessage(connected().get()), "Connection refused") != nullptr);
  const auto start = Steady::now();
  const Session lost = connected("hostaddr=10.0.0.99");
  FORESEED_CHECK(!is_up(lost) && std::strstr(PQerrorMessage(lost.get()), "timeout expired") != nullptr);
  FORESEED_CHECK(Steady::now() - start >= 4s && Steady::now() - start <= 6s);  // it counts in whole seconds
  FORESEED_CHECK(std::strstr(PQerrorMessage(connected("host=nowhere").get()), "could not translate host name") != nullptr);
}

/// The connection breaks after the server has stored the order and before it could say so: nobody knows.
void a_reset_leaves_the_outcome_open() {
  Postgres postgres;
  {
    const Session session = connected();
    FaultPlan().slow({"db"}, {"client"}, {0s, 10s}, 1s).reset({"db"}, {"client"}, 1500ms).start();
    std::this_thread::sleep_for(1ms);
    const Result lost = query(session, "PUT 7");
    FORESEED_CHECK(PQresultStatus(lost.get()) == PGRES_FATAL_ERROR && !is_up(session));
    std::this_thread::sleep_for(10s);
    PQreset(session.get());
    FORESEED_CHECK(is_up(session));
    FORESEED_CHECK(std::strcmp(PQgetvalue(query(session, "COUNT").get(), 0, 0), "1") == 0);
  }
  postgres.stop();
}

TEST(Libpq, queries_and_errors) { holds_and_repeats(queries_and_errors, 100); }
TEST(Libpq, three_sessions) { holds_and_repeats(three_sessions, 100); }
TEST(Libpq, a_query_too_slow) { holds_and_repeats(a_query_too_slow, 100); }
TEST(Libpq, nobody_there) { holds_and_repeats(nobody_there, 50); }
TEST(Libpq, a_reset_leaves_the_outcome_open) { holds_and_repeats(a_reset_leaves_the_outcome_open, 100); }

}  // namespace
}  // namespace foreseed::testing
