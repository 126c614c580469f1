// TCP between hosts, as plain C sockets see it.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "foreseed/faults.h"
#include "foreseed/world.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

int listening(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  FORESEED_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  FORESEED_CHECK(listen(fd, 5) == 0);
  return fd;
}

sockaddr_in resolved(const char* host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* list = nullptr;
  FORESEED_CHECK(getaddrinfo(host, std::to_string(port).c_str(), &hints, &list) == 0);
  sockaddr_in address;
  std::memcpy(&address, list->ai_addr, sizeof address);
  freeaddrinfo(list);
  return address;
}

int connected(const char* host, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = resolved(host, port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

std::string read_all(int fd) {
  std::string all;
  char part[1000];
  for (ssize_t n; (n = recv(fd, part, sizeof part, 0)) > 0;) all.append(part, static_cast<std::size_t>(n));
  return all;
}

void echo_with_exact_latency() {
  foreseed::link("client", "server", 3ms);
  foreseed::Host server("server", [] {
    const int fd = listening(7);
    const int peer = accept(fd, nullptr, nullptr);
    const std::string text = read_all(peer);
    FORESEED_CHECK(send(peer, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    close(peer);
    close(fd);
  });
  std::this_thread::sleep_for(1ms);
  const auto start = Steady::now();
  const int fd = connected("server", 7);
  FORESEED_CHECK(fd >= 0);
  FORESEED_CHECK(Steady::now() - start == 6ms);  // SYN, SYN-ACK
  FORESEED_CHECK(send(fd, "hello", 5, 0) == 5);
  FORESEED_CHECK(shutdown(fd, SHUT_WR) == 0);
  FORESEED_CHECK(read_all(fd) == "hello");
  FORESEED_CHECK(Steady::now() - start == 12ms);
  close(fd);
  server.join();
}

void refused_and_unknown() {
  foreseed::Host server("server", [] {});
  server.join();
  const auto start = Steady::now();
  FORESEED_CHECK(connected("server", 9) < 0 && errno == ECONNREFUSED);
  FORESEED_CHECK(Steady::now() - start == 1ms);  // a round trip of the default 500 us
  addrinfo* list = nullptr;
  FORESEED_CHECK(getaddrinfo("nowhere", "80", nullptr, &list) == EAI_NONAME);
  FORESEED_CHECK(socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT);
}

void more_than_a_window() {
  constexpr std::size_t size = 300'000;
  foreseed::Host server("server", [] {
    const int fd = listening(7);
    const int peer = accept(fd, nullptr, nullptr);
    std::this_thread::sleep_for(1s);
    const std::string all = read_all(peer);
    FORESEED_CHECK(all.size() == size);
    for (std::size_t i = 0; i < size; i += 997) FORESEED_CHECK(all[i] == static_cast<char>(i % 251));
    close(peer);
    close(fd);
  });
  std::this_thread::sleep_for(1ms);
  const int fd = connected("server", 7);
  std::string data(size, '\0');
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i % 251);
  const auto start = Steady::now();
  FORESEED_CHECK(send(fd, data.data(), size, 0) == static_cast<ssize_t>(size));
  FORESEED_CHECK(Steady::now() - start > 900ms);  // waited for the reader
  close(fd);
  server.join();
}

void timeouts_and_polls() {
  const int listener = listening(7);
  const timeval tenth{0, 100'000};
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth);
  auto start = Steady::now();
  FORESEED_CHECK(accept(listener, nullptr, nullptr) < 0 && errno == EAGAIN);
  FORESEED_CHECK(Steady::now() - start == 100ms);
  const int client = connected("localhost", 7);
  const int peer = accept(listener, nullptr, nullptr);
  pollfd entry{client, POLLIN, 0};
  start = Steady::now();
  FORESEED_CHECK(poll(&entry, 1, 50) == 0);
  FORESEED_CHECK(Steady::now() - start == 50ms);
  send(peer, "x", 1, 0);
  FORESEED_CHECK(poll(&entry, 1, -1) == 1 && entry.revents == POLLIN);
  fd_set reads;
  FD_ZERO(&reads);
  FD_SET(client, &reads);
  FORESEED_CHECK(select(client + 1, &reads, nullptr, nullptr, nullptr) == 1 && FD_ISSET(client, &reads));
  char c;
  FORESEED_CHECK(recv(client, &c, 1, MSG_PEEK) == 1 && recv(client, &c, 1, 0) == 1 && c == 'x');
  FORESEED_CHECK(recv(client, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
  for (const int fd : {client, peer, listener}) FORESEED_CHECK(close(fd) == 0);
  FORESEED_CHECK(close(client) < 0 && errno == EBADF);
}

void non_blocking_connect() {
  const int listener = listening(7);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  for (const int port : {7, 8}) {
    const int one = port == 7 ? fd : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const sockaddr_in address = resolved("localhost", port);
    FORESEED_CHECK(connect(one, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0);
    FORESEED_CHECK(errno == EINPROGRESS);
    pollfd entry{one, POLLOUT, 0};
    FORESEED_CHECK(poll(&entry, 1, 1000) == 1);
    int error = -1;
    socklen_t size = sizeof error;
    FORESEED_CHECK(getsockopt(one, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    FORESEED_CHECK(error == (port == 7 ? 0 : ECONNREFUSED));
    if (port == 8) close(one);
  }
  close(fd);
  close(listener);
}

void reset_and_broken_pipe() {
  signal(SIGPIPE, SIG_IGN);
  const int listener = listening(7);
  const int client = connected("localhost", 7);
  const int peer = accept(listener, nullptr, nullptr);
  send(client, "unread", 6, 0);
  std::this_thread::sleep_for(1ms);
  close(peer);  // with unread data: a reset
  std::this_thread::sleep_for(1ms);
  char c;
  FORESEED_CHECK(recv(client, &c, 1, 0) < 0 && errno == ECONNRESET);
  FORESEED_CHECK(send(client, "x", 1, 0) < 0 && errno == EPIPE);
  close(client);
  close(listener);
}

void ports_are_owned() {
  const int one = listening(7);
  const int other = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(7);
  FORESEED_CHECK(bind(other, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 && errno == EADDRINUSE);
  close(one);
  FORESEED_CHECK(bind(other, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  close(other);
}

void shutdown_wakes_accept() {
  const int listener = listening(7);
  std::thread other([listener] { FORESEED_CHECK(accept(listener, nullptr, nullptr) < 0 && errno == EINVAL); });
  std::this_thread::sleep_for(1ms);
  shutdown(listener, SHUT_RDWR);
  other.join();
  close(listener);
}

void holds(void (*body)()) {
  const auto finding = first_finding(body, 100);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}

TEST(Sockets, echo_takes_exactly_its_round_trips) { holds(echo_with_exact_latency); }
TEST(Sockets, refused_unknown_and_ipv6) { holds(refused_and_unknown); }
TEST(Sockets, a_sender_waits_for_its_reader) { holds(more_than_a_window); }
TEST(Sockets, timeouts_poll_select_and_peek) { holds(timeouts_and_polls); }
TEST(Sockets, non_blocking_connect_reports_through_poll) { holds(non_blocking_connect); }
TEST(Sockets, closing_with_unread_data_resets) { holds(reset_and_broken_pipe); }
TEST(Sockets, a_port_has_one_owner) { holds(ports_are_owned); }
TEST(Sockets, shutdown_of_a_listener_wakes_accept) { holds(shutdown_wakes_accept); }

/// How long close() takes of a connection over a link of 10 ms on which 1,000 bytes are under way.
Steady::duration closing_takes(linger option, bool partition) {
  foreseed::link("client", "server", 10ms);
  foreseed::Host server("server", [] {
    const int listener = listening(80);
    const int peer = accept(listener, nullptr, nullptr);
    FORESEED_CHECK(read_all(peer).size() == 1000);
    close(peer);
    close(listener);
  });
  std::this_thread::sleep_for(1ms);
  const int fd = connected("server", 80);
  FORESEED_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, sizeof option) == 0);
  if (partition) FaultPlan().partition({"client"}, {"server"}, {0s, 20s}).start();
  std::this_thread::sleep_for(1ms);
  const std::string bytes(1000, 'x');
  FORESEED_CHECK(send(fd, bytes.data(), bytes.size(), 0) == 1000);
  const auto start = Steady::now();
  FORESEED_CHECK(close(fd) == 0);
  const auto took = Steady::now() - start;
  server.join();
  return took;
}

void closing_lingers() {
  FORESEED_CHECK(closing_takes({0, 0}, false) == 0s);
  FORESEED_CHECK(closing_takes({1, 5}, false) == 10ms);
  FORESEED_CHECK(closing_takes({1, 5}, true) == 5s);
  const auto healed = closing_takes({1, 60}, true);
  FORESEED_CHECK(healed > 20s && healed < 40s);
}

TEST(Sockets, close_lingers_where_it_is_told_to) { holds(closing_lingers); }

void hosts_in_etc() {
  const auto text = [] {
    std::ifstream in("/etc/hosts");
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  foreseed::Host server("server", [] {});
  const std::string both = "127.0.0.1 localhost\n10.0.0.1 client\n10.0.0.2 server\n";
  FORESEED_CHECK(text() == both);
  foreseed::Host later("later", [] {});
  FORESEED_CHECK(text() == both + "10.0.0.3 later\n");
  FaultPlan().unknown_name("later", {1s, 2s}).start();
  std::this_thread::sleep_for(1500ms);
  FORESEED_CHECK(text() == both);
  std::ofstream("/etc/hosts", std::ios::app) << "10.0.0.3 alias\n";
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(text() == both + "10.0.0.3 alias\n");
  FORESEED_CHECK(std::ifstream("/etc/resolv.conf").peek() == EOF);
}

TEST(Sockets, hosts_are_in_etc_until_the_program_writes_it) { holds(hosts_in_etc); }

void asks_for_raw() { socket(AF_INET, SOCK_RAW, 0); }
void asks_for_packets() { socket(AF_UNIX, SOCK_SEQPACKET, 0); }

TEST(Sockets, what_is_missing_says_so) {
  for (void (*const body)() : {asks_for_raw, asks_for_packets}) {
    const auto finding = first_finding(body, 1);
    ASSERT_TRUE(finding.has_value());
    EXPECT_EQ(finding->kind, FindingKind::unsupported);
    EXPECT_NE(finding->message.find("socket()"), std::string::npos) << finding->message;
  }
}

}  // namespace
}  // namespace foreseed::testing
