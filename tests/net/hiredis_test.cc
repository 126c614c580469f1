// Debian's compiled hiredis, unmodified, against a small server of the Redis protocol on the host "redis".

#include <hiredis/hiredis.h>
#include <sys/un.h>

#include <charconv>
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

/// Reads a client's commands: arrays of bulk strings (https://redis.io/topics/protocol).
class CommandReader {
 public:
  explicit CommandReader(int fd) : fd_(fd) {}

  std::optional<std::vector<std::string>> next() {
    const auto count = number_after('*');
    if (!count) return std::nullopt;
    std::vector<std::string> words;
    for (std::size_t i = 0; i < *count; ++i) {
      const auto size = number_after('$');
      if (!size || !fill(*size + 2)) return std::nullopt;
      words.push_back(buffer_.substr(0, *size));
      buffer_.erase(0, *size + 2);
    }
    return words;
  }

 private:
  bool more() {
    char part[4096];
    const ssize_t n = recv(fd_, part, sizeof part, 0);
    if (n > 0) buffer_.append(part, static_cast<std::size_t>(n));
    return n > 0;
  }
  bool fill(std::size_t size) {
    while (buffer_.size() < size) {
      if (!more()) return false;
    }
    return true;
  }
  std::optional<std::size_t> number_after(char mark) {
    std::size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (!more()) return std::nullopt;
    }
    FORESEED_CHECK(buffer_[0] == mark);
    const std::size_t number = std::stoul(buffer_.substr(1, end - 1));
    buffer_.erase(0, end + 2);
    return number;
  }

  const int fd_;
  std::string buffer_;
};

/// SET, GET, INCR, PING and SLOW (an answer after a second).
class Redis {
 public:
  Redis() : server_("redis", 6379, [this](int fd) { serve(fd); }) { foreseed::link("client", "redis", 1ms); }
  void stop() { server_.stop(); }

 private:
  void serve(int fd) {
    CommandReader reader(fd);
    while (const auto words = reader.next()) {
      const std::string answer = execute(*words);
      if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }
  std::string execute(const std::vector<std::string>& words) {
    if (words[0] == "SLOW") std::this_thread::sleep_for(1s);
    const std::lock_guard lock(mutex_);
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] == "SLOW") return "+DONE\r\n";
    if (words[0] == "SET") return data_[words[1]] = words[2], "+OK\r\n";
    if (words[0] == "INCR") {
      std::string& value = data_[words[1]];
      value = std::to_string((value.empty() ? 0 : std::stol(value)) + 1);
      return ":" + value + "\r\n";
    }
    if (words[0] != "GET") return "-ERR unknown command\r\n";
    const auto found = data_.find(words[1]);
    if (found == data_.end()) return "$-1\r\n";
    return "$" + std::to_string(found->second.size()) + "\r\n" + found->second + "\r\n";
  }

  std::mutex mutex_;
  std::map<std::string, std::string> data_;
  StreamServer server_;
};

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, Free>;
using Reply = std::unique_ptr<redisReply, Free>;

Context connected(const char* host = "redis", int port = 6379, timeval timeout = {2, 0}) {
  Context context(redisConnectWithTimeout(host, port, timeout));
  FORESEED_CHECK(context != nullptr);
  return context;
}

template <typename... Arguments>
Reply command(const Context& context, const char* format, Arguments... arguments) {
  return Reply(static_cast<redisReply*>(redisCommand(context.get(), format, arguments...)));
}

void set_get_incr_ping() {
  Redis redis;
  const Context context = connected();
  FORESEED_CHECK(context->err == 0);
  FORESEED_CHECK(std::strcmp(command(context, "PING")->str, "PONG") == 0);
  FORESEED_CHECK(command(context, "GET %s", "colour")->type == REDIS_REPLY_NIL);
  FORESEED_CHECK(command(context, "SET %s %s", "colour", "green")->type == REDIS_REPLY_STATUS);
  FORESEED_CHECK(std::strcmp(command(context, "GET %s", "colour")->str, "green") == 0);
  FORESEED_CHECK(command(context, "INCR n")->integer == 1 && command(context, "INCR n")->integer == 2);
  FORESEED_CHECK(command(context, "DANCE")->type == REDIS_REPLY_ERROR);
  FORESEED_CHECK(redisEnableKeepAlive(context.get()) == REDIS_OK);
  const std::string large(200'000, 'x');  // more than a window, both ways
  FORESEED_CHECK(command(context, "SET large %b", large.data(), large.size())->type == REDIS_REPLY_STATUS);
  FORESEED_CHECK(command(context, "GET large")->str == large);
  redisFree(const_cast<Context&>(context).release());
  redis.stop();
}

void three_clients_count() {
  Redis redis;
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([] {
      const Context context = connected();
      long long last = 0;
      for (int k = 0; k < 3; ++k) {
        const Reply reply = command(context, "INCR shared");
        FORESEED_CHECK(reply->integer > last);
        last = reply->integer;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  {
    const Context context = connected();
    FORESEED_CHECK(std::strcmp(command(context, "GET shared")->str, "9") == 0);
  }
  redis.stop();
}

void pipeline() {
  Redis redis;
  {
    const Context context = connected();
    constexpr int commands = 40;
    const auto start = Steady::now();
    for (int i = 0; i < commands; ++i) FORESEED_CHECK(redisAppendCommand(context.get(), "INCR n") == REDIS_OK);
    for (int i = 1; i <= commands; ++i) {
      void* reply = nullptr;
      FORESEED_CHECK(redisGetReply(context.get(), &reply) == REDIS_OK);
      FORESEED_CHECK(Reply(static_cast<redisReply*>(reply))->integer == i);
    }
    FORESEED_CHECK(Steady::now() - start == 2ms);  // one round trip for all of them
  }
  redis.stop();
}

void a_command_too_slow() {
  Redis redis;
  {
    const Context context = connected();
    FORESEED_CHECK(redisSetTimeout(context.get(), {0, 200'000}) == REDIS_OK);
    const auto start = Steady::now();
    FORESEED_CHECK(command(context, "SLOW") == nullptr);
    FORESEED_CHECK(context->err == REDIS_ERR_IO && errno == EAGAIN);
    FORESEED_CHECK(Steady::now() - start == 200ms);
    FORESEED_CHECK(redisReconnect(context.get()) == REDIS_OK);
    FORESEED_CHECK(redisSetTimeout(context.get(), {2, 0}) == REDIS_OK);
    FORESEED_CHECK(std::strcmp(command(context, "SLOW")->str, "DONE") == 0);
  }
  redis.stop();
}

void nobody_there() {
  foreseed::link("client", "redis", 1ms);
  auto start = Steady::now();
  const Context refused = connected();
  FORESEED_CHECK(refused->err == REDIS_ERR_IO && std::strcmp(refused->errstr, "Connection refused") == 0);
  FORESEED_CHECK(Steady::now() - start == 2ms);
  const Context unknown = connected("nowhere");
  FORESEED_CHECK(unknown->err == REDIS_ERR_OTHER);
  FORESEED_CHECK(std::strcmp(unknown->errstr, "Name or service not known") == 0);
  start = Steady::now();
  const Context lost = connected("10.0.0.99", 6379, {1, 500'000});
  FORESEED_CHECK(lost->err == REDIS_ERR_IO && Steady::now() - start == 1500ms);
}

void a_server_that_hangs_up() {
  StreamServer server("redis", 6379, [](int fd) {
    char part[100];
    FORESEED_CHECK(recv(fd, part, sizeof part, 0) > 0);
  });
  {
    const Context context = connected();
    FORESEED_CHECK(command(context, "PING") == nullptr && context->err == REDIS_ERR_EOF);
  }
  server.stop();
}

/// hiredis and its server on one host, over a socket with a name.
void over_the_unix_domain() {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/tmp/redis.sock");
  FORESEED_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener, 5) == 0);
  std::thread server([listener] {
    for (int i = 0; i < 2; ++i) {
      const int fd = accept(listener, nullptr, nullptr);
      CommandReader reader(fd);
      while (const auto words = reader.next()) FORESEED_CHECK((*words)[0] == "PING" && send(fd, "+PONG\r\n", 7, 0) == 7);
      close(fd);
    }
  });
  const auto start = Steady::now();
  for (int i = 0; i < 2; ++i) {
    const Context context(redisConnectUnix("/tmp/redis.sock"));
    FORESEED_CHECK(context->err == 0 && std::strcmp(command(context, "PING")->str, "PONG") == 0);
  }
  FORESEED_CHECK(Steady::now() == start);  // no link between them
  server.join();
  close(listener);
  const Context nobody(redisConnectUnix("/tmp/redis.sock"));
  FORESEED_CHECK(nobody->err == REDIS_ERR_IO && std::strcmp(nobody->errstr, "Connection refused") == 0);
  const Context nothing(redisConnectUnix("/tmp/nothing.sock"));
  FORESEED_CHECK(nothing->err == REDIS_ERR_IO && std::strcmp(nothing->errstr, "No such file or directory") == 0);
}

// --- faults of the host that hiredis runs on

/// A second of `fault`, from now on; then what hiredis does is as before.
void while_faulty(FaultPlan plan, void (*use)()) {
  Redis redis;
  plan.start();
  std::this_thread::sleep_for(1ms);
  use();
  std::this_thread::sleep_for(1s);
  {
    const Context context = connected();
    FORESEED_CHECK(context->err == 0 && std::strcmp(command(context, "PING")->str, "PONG") == 0);
  }
  redis.stop();
}

void without_descriptors() {
  while_faulty(FaultPlan().no_descriptors("client", {0s, 1s}, 0), [] {
    const Context context = connected();
    FORESEED_CHECK(context->err == REDIS_ERR_OTHER && std::strstr(context->errstr, "Too many open files") != nullptr);
  });
}

void without_memory() {
  while_faulty(FaultPlan().no_memory("client", {0s, 1s}, 0), [] {
    FORESEED_CHECK(redisConnectWithTimeout("redis", 6379, {2, 0}) == nullptr);
  });
}

void on_a_slow_processor() {
  while_faulty(FaultPlan().slow_cpu("client", {0s, 1s}, 10ms), [] {
    const auto start = Steady::now();
    const Context context = connected();
    FORESEED_CHECK(context->err == 0 && std::strcmp(command(context, "PING")->str, "PONG") == 0);
    FORESEED_CHECK(Steady::now() - start >= 50ms);  // two round trips of 2 ms, and its calls
  });
}

void with_a_stall_in_the_middle() {
  while_faulty(FaultPlan().stall("client", {0s, 1s}, 3s, 1).in_the_middle(2), [] {
    const auto start = Steady::now();
    const Context context = connected();
    const Reply reply = command(context, "PING");
    const auto took = Steady::now() - start;
    FORESEED_CHECK(took >= 3s && took < 3100ms);
  });
}

/// A second of the server's, whose clocks are a quarter fast, is 800 ms to the client.
void with_a_server_whose_clock_is_fast() {
  Redis redis;
  {
    const Context context = connected();
    FaultPlan().drift_clock("redis", {0s, 10s}, 250'000).start();
    std::this_thread::sleep_for(1ms);
    const auto start = Steady::now();
    FORESEED_CHECK(std::strcmp(command(context, "SLOW")->str, "DONE") == 0);
    FORESEED_CHECK(Steady::now() - start == 802ms);
  }
  redis.stop();
}

/// The server has forgotten the connection: silence, until hiredis says something.
void with_a_half_open_connection() {
  Redis redis;
  {
    const Context context = connected();
    FORESEED_CHECK(std::strcmp(command(context, "PING")->str, "PONG") == 0);
    FaultPlan().half_open({"redis"}, {"client"}, 1s).start();
    std::this_thread::sleep_for(2s);
    FORESEED_CHECK(context->err == 0 && command(context, "PING") == nullptr);
    FORESEED_CHECK(context->err == REDIS_ERR_IO && std::strcmp(context->errstr, "Connection reset by peer") == 0);
    FORESEED_CHECK(redisReconnect(context.get()) == REDIS_OK && std::strcmp(command(context, "PING")->str, "PONG") == 0);
  }
  redis.stop();
}

TEST(HiredisFaults, half_open) { holds_and_repeats(with_a_half_open_connection, 50); }
TEST(HiredisFaults, drift_clock) { holds_and_repeats(with_a_server_whose_clock_is_fast, 50); }
TEST(Hiredis, over_the_unix_domain) { holds_and_repeats(over_the_unix_domain); }
TEST(HiredisFaults, no_descriptors) { holds_and_repeats(without_descriptors, 50); }
TEST(HiredisFaults, no_memory) { holds_and_repeats(without_memory, 50); }
TEST(HiredisFaults, slow_cpu) { holds_and_repeats(on_a_slow_processor, 50); }
TEST(HiredisFaults, stall) { holds_and_repeats(with_a_stall_in_the_middle, 50); }
TEST(Hiredis, set_get_incr_ping) { holds_and_repeats(set_get_incr_ping); }
TEST(Hiredis, three_clients_count) { holds_and_repeats(three_clients_count); }
TEST(Hiredis, a_pipeline_takes_one_round_trip) { holds_and_repeats(pipeline); }
TEST(Hiredis, a_command_timeout_is_virtual_time) { holds_and_repeats(a_command_too_slow); }
TEST(Hiredis, refused_unknown_and_lost) { holds_and_repeats(nobody_there); }
TEST(Hiredis, a_server_that_hangs_up) { holds_and_repeats(a_server_that_hangs_up); }

}  // namespace
}  // namespace foreseed::testing
