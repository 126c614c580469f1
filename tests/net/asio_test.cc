// Boost.Asio, headers only: its epoll reactor with eventfd and timerfd, its resolver thread, its timers, in threads.

#include <array>
#include <boost/asio.hpp>
#include <memory>
#include <string>

#include "library_worlds.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

/// Runs `context` in two threads.
void run_in_two(asio::io_context& context) {
  std::thread second([&] { context.run(); });
  context.run();
  second.join();
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {}
  void read() {
    socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (!error) self->write(size);
    });
  }

 private:
  void write(std::size_t size) {
    asio::async_write(socket_, asio::buffer(buffer_, size), [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->read();
    });
  }

  tcp::socket socket_;
  std::array<char, 256> buffer_{};
};

/// Accepts `connections`, echoes each until it ends, and is done.
class EchoServer {
 public:
  explicit EchoServer(int connections) : host_("echo", [this, connections] { run(connections); }) {
    foreseed::link("client", "echo", 1ms);
    while (!listens_) std::this_thread::sleep_for(1ms);
  }
  void join() { host_.join(); }

 private:
  void run(int connections) {
    asio::io_context context(2);
    tcp::acceptor acceptor(context, tcp::endpoint(tcp::v4(), 7));
    accept(acceptor, connections);
    listens_ = true;
    run_in_two(context);
  }
  void accept(tcp::acceptor& acceptor, int connections) {
    acceptor.async_accept([this, &acceptor, connections](error_code error, tcp::socket socket) {
      FORESEED_CHECK(!error);
      if (connections > 1) accept(acceptor, connections - 1);
      std::make_shared<Session>(std::move(socket))->read();
    });
  }

  std::atomic<bool> listens_{false};
  Host host_;  // last: it starts to run at once
};

/// Resolves "echo", connects, sends a text and reads it back.
class EchoClient {
 public:
  EchoClient(asio::io_context& context, std::string text)
      : resolver_(context), socket_(context), text_(std::move(text)), answer_(text_.size(), '\0') {
    resolver_.async_resolve("echo", "7", [this](error_code error, const tcp::resolver::results_type& found) {
      FORESEED_CHECK(!error && found.size() == 1);
      asio::async_connect(socket_, found, [this](error_code failed, const tcp::endpoint& peer) {
        FORESEED_CHECK(!failed && peer.port() == 7);
        talk();
      });
    });
  }
  bool answered() const { return answer_ == text_; }

 private:
  void talk() {
    asio::async_write(socket_, asio::buffer(text_), [](error_code error, std::size_t) { FORESEED_CHECK(!error); });
    asio::async_read(socket_, asio::buffer(answer_), [this](error_code error, std::size_t size) {
      FORESEED_CHECK(!error && size == text_.size());
      socket_.close();
    });
  }

  tcp::resolver resolver_;
  tcp::socket socket_;
  const std::string text_;
  std::string answer_;
};

void three_clients_in_two_threads() {
  EchoServer server(3);
  asio::io_context context(2);
  EchoClient one(context, "one");
  EchoClient two(context, std::string(3000, '2'));
  EchoClient three(context, "three");
  run_in_two(context);
  FORESEED_CHECK(one.answered() && two.answered() && three.answered());
  server.join();
}

void a_deadline_cancels_a_read() {
  EchoServer server(1);
  asio::io_context context;
  tcp::socket socket(context);
  asio::connect(socket, tcp::resolver(context).resolve("echo", "7"));
  char byte;
  const auto start = Steady::now();
  error_code seen;
  asio::steady_timer deadline(context, 250ms);
  deadline.async_wait([&](error_code error) {
    FORESEED_CHECK(!error);
    socket.cancel();
  });
  asio::async_read(socket, asio::buffer(&byte, 1), [&](error_code error, std::size_t) { seen = error; });
  context.run();
  FORESEED_CHECK(seen == asio::error::operation_aborted);
  FORESEED_CHECK(Steady::now() - start == 250ms);
  socket.close();
  server.join();
}

void a_timer_is_cancelled_and_moved() {
  asio::io_context context;
  asio::steady_timer first(context, 10s);
  asio::system_timer second(context, 20ms);
  int cancelled = 0;
  const auto start = Steady::now();
  first.async_wait([&](error_code error) { cancelled += error == asio::error::operation_aborted; });
  second.async_wait([&](error_code error) {
    FORESEED_CHECK(!error && Steady::now() - start == 20ms);
    first.expires_after(30ms);
    first.async_wait([&](error_code again) { FORESEED_CHECK(!again && Steady::now() - start == 50ms); });
  });
  run_in_two(context);
  FORESEED_CHECK(cancelled == 1 && Steady::now() - start == 50ms);
}

void posts_from_other_threads() {
  asio::io_context context(2);
  auto work = asio::make_work_guard(context);
  asio::io_context::strand strand(context);
  int count = 0;  // no lock: the strand's
  std::thread one([&] { context.run(); });
  std::thread two([&] { context.run(); });
  for (int i = 0; i < 5; ++i) asio::post(strand, [&] { ++count; });
  work.reset();
  one.join();
  two.join();
  FORESEED_CHECK(count == 5);
}

void posts_without_a_strand() {
  asio::io_context context(2);
  int count = 0;
  for (int i = 0; i < 2; ++i) asio::post(context, [&] { ++count; });
  run_in_two(context);
}

void udp_echo() {
  std::atomic<bool> bound{false};
  foreseed::Host server("echo", [&] {
    asio::io_context context;
    udp::socket socket(context, udp::endpoint(udp::v4(), 7));
    std::array<char, 100> buffer;
    udp::endpoint from;
    socket.async_receive_from(asio::buffer(buffer), from, [&](error_code error, std::size_t size) {
      FORESEED_CHECK(!error);
      socket.async_send_to(asio::buffer(buffer, size), from,
                           [](error_code failed, std::size_t) { FORESEED_CHECK(!failed); });
    });
    bound = true;
    run_in_two(context);
  });
  while (!bound) std::this_thread::sleep_for(1ms);
  asio::io_context context;
  udp::socket socket(context, udp::v4());
  const auto found = udp::resolver(context).resolve(udp::v4(), "echo", "7");
  FORESEED_CHECK(found.size() == 1);
  std::array<char, 100> buffer;
  std::string answer;
  udp::endpoint from;
  socket.async_send_to(asio::buffer("ping", 4), *found.begin(),
                       [](error_code error, std::size_t) { FORESEED_CHECK(!error); });
  socket.async_receive_from(asio::buffer(buffer), from, [&](error_code error, std::size_t size) {
    FORESEED_CHECK(!error && from == found.begin()->endpoint());
    answer.assign(buffer.data(), size);
  });
  context.run();
  FORESEED_CHECK(answer == "ping");
  server.join();
}

void refused_and_unknown() {
  foreseed::link("client", "echo", 1ms);
  asio::io_context context;
  tcp::socket socket(context);
  error_code error;
  const auto found = tcp::resolver(context).resolve("echo", "9", error);
  FORESEED_CHECK(!error);
  asio::connect(socket, found, error);
  FORESEED_CHECK(error == asio::error::connection_refused);
  tcp::resolver(context).resolve("nowhere", "9", error);
  FORESEED_CHECK(error == asio::error::host_not_found);
  FORESEED_CHECK(asio::ip::host_name() == "client");
}

TEST(Asio, three_clients_and_an_echo_server_in_two_threads_each) { holds_and_repeats(three_clients_in_two_threads); }
TEST(Asio, a_deadline_cancels_a_read) { holds_and_repeats(a_deadline_cancels_a_read); }
TEST(Asio, timers_are_virtual_time) { holds_and_repeats(a_timer_is_cancelled_and_moved); }
TEST(Asio, a_strand_is_a_lock) { holds_and_repeats(posts_from_other_threads); }
TEST(Asio, without_a_strand_handlers_race) {
  const auto finding = first_finding(posts_without_a_strand, 300);
  ASSERT_TRUE(finding.has_value());
  EXPECT_EQ(finding->kind, FindingKind::data_race);
}
TEST(Asio, udp_echo) { holds_and_repeats(udp_echo); }
TEST(Asio, refused_unknown_and_own_name) { holds_and_repeats(refused_and_unknown); }

}  // namespace
}  // namespace foreseed::testing
