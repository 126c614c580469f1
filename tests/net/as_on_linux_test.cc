// What the libraries lean on, call by call: each body runs natively on loopback, where Linux is the measure, and then
// simulated under many seeds.

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>

#include <cstring>
#include <string>

#include "library_worlds.h"

namespace foreseed::testing {
namespace {

/// As FORESEED_CHECK, which throws where nothing is simulated.
void as_on_linux(void (*body)()) {
  EXPECT_NO_THROW(body()) << "natively";
  holds_and_repeats(body);
}

/// getaddrinfo's answer in words: its error, or "type/protocol" of each entry.
std::string answer(const char* node, const char* service, int family, int type, int protocol = 0, int flags = 0) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = type;
  hints.ai_protocol = protocol;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(node, service, &hints, &list); error != 0) return gai_strerror(error);
  std::string text;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    text += std::to_string(one->ai_socktype) + "/" + std::to_string(one->ai_protocol) + " ";
    FORESEED_CHECK(one->ai_family == AF_INET && one->ai_addrlen == sizeof(sockaddr_in) && one->ai_flags == flags);
  }
  if ((flags & AI_CANONNAME) != 0) text += list->ai_canonname;
  freeaddrinfo(list);
  return text;
}

void names_and_services() {
  const char* const node = "127.0.0.1";
  FORESEED_CHECK(answer(node, "80", AF_UNSPEC, 0) == "1/6 2/17 3/0 ");
  FORESEED_CHECK(answer(node, "80", AF_INET, SOCK_STREAM) == "1/6 ");
  FORESEED_CHECK(answer(node, "80", AF_INET, SOCK_DGRAM) == "2/17 ");
  FORESEED_CHECK(answer(node, "80", AF_INET, 0, IPPROTO_UDP) == "2/17 ");
  FORESEED_CHECK(answer(node, "80", AF_INET, SOCK_STREAM, 0, AI_NUMERICSERV | AI_NUMERICHOST) == "1/6 ");
  FORESEED_CHECK(answer("localhost", "80", AF_INET, SOCK_STREAM, 0, AI_CANONNAME) == "1/6 localhost");
  FORESEED_CHECK(answer(nullptr, "80", AF_INET, SOCK_STREAM, 0, AI_PASSIVE) == "1/6 ");
  FORESEED_CHECK(answer(node, "80", AF_INET, SOCK_STREAM, IPPROTO_UDP) == gai_strerror(EAI_SOCKTYPE));
  FORESEED_CHECK(answer(node, "80", AF_INET, 77) == gai_strerror(EAI_SOCKTYPE));
  FORESEED_CHECK(answer(node, "80", 77, SOCK_STREAM) == gai_strerror(EAI_FAMILY));
  FORESEED_CHECK(answer(node, "80", AF_INET6, SOCK_STREAM) == gai_strerror(EAI_ADDRFAMILY));
  FORESEED_CHECK(answer(node, "nothing", AF_INET, SOCK_STREAM) == gai_strerror(EAI_SERVICE));
  FORESEED_CHECK(answer(node, "http", AF_INET, SOCK_STREAM, 0, AI_NUMERICSERV) == gai_strerror(EAI_NONAME));
  FORESEED_CHECK(answer("no-number", "80", AF_INET, SOCK_STREAM, 0, AI_NUMERICHOST) == gai_strerror(EAI_NONAME));
  FORESEED_CHECK(answer(nullptr, nullptr, AF_INET, SOCK_STREAM) == gai_strerror(EAI_NONAME));
}

int ready(int fd) {
  pollfd entry{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  return poll(&entry, 1, 0) >= 0 ? entry.revents : -1;
}

/// Two ends of a pair, closed at the end.
struct Pair {
  Pair() { FORESEED_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0); }
  ~Pair() {
    for (const int end : ends) close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  int operator[](int end) const { return ends[end]; }
  int ends[2];
};

void a_pair_has_no_delay() {
  char text[4];
  {
    const Pair pair;
    FORESEED_CHECK(ready(pair[1]) == POLLOUT);
    FORESEED_CHECK(send(pair[0], "abc", 3, 0) == 3);
    FORESEED_CHECK(ready(pair[1]) == (POLLIN | POLLOUT));
    FORESEED_CHECK(recv(pair[1], text, 4, 0) == 3 && recv(pair[1], text, 4, 0) < 0 && errno == EAGAIN);
    FORESEED_CHECK(shutdown(pair[0], SHUT_RD) == 0);
    FORESEED_CHECK(send(pair[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
    FORESEED_CHECK(send(pair[0], "x", 1, MSG_NOSIGNAL) == 1);
    FORESEED_CHECK(shutdown(pair[0], SHUT_WR) == 0);
    FORESEED_CHECK(recv(pair[1], text, 4, 0) == 1 && recv(pair[1], text, 4, 0) == 0);
  }
  Pair pair;
  FORESEED_CHECK(send(pair[0], "last", 4, 0) == 4);
  close(pair.ends[0]);
  pair.ends[0] = -1;
  FORESEED_CHECK(ready(pair[1]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
  FORESEED_CHECK(send(pair[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
  FORESEED_CHECK(recv(pair[1], text, 4, 0) == 4 && recv(pair[1], text, 4, 0) == 0);
}

sockaddr_in own_address(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  FORESEED_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return address;
}

int bound_to_loopback(int type) {
  const int fd = socket(AF_INET, type, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  FORESEED_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

void connects_again_after_a_refusal() {
  const int listener = bound_to_loopback(SOCK_STREAM);
  const sockaddr_in address = own_address(listener);
  const auto* const there = reinterpret_cast<const sockaddr*>(&address);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  FORESEED_CHECK(connect(client, there, sizeof address) < 0 && errno == ECONNREFUSED);
  FORESEED_CHECK(listen(listener, 1) == 0);
  FORESEED_CHECK(connect(client, there, sizeof address) == 0);
  const int server = accept(listener, nullptr, nullptr);
  char byte = 'a';
  FORESEED_CHECK(send(server, &byte, 1, 0) == 1 && recv(client, &byte, 1, 0) == 1);
  close(server);
  FORESEED_CHECK(recv(client, &byte, 1, 0) == 0);
  for (const int fd : {client, listener}) close(fd);
}

template <typename Value = int>
Value option(int fd, int level, int name) {
  Value value{};
  socklen_t size = sizeof value;
  FORESEED_CHECK(getsockopt(fd, level, name, &value, &size) == 0 && size == sizeof value);
  return value;
}
template <typename Value>
void set_option(int fd, int level, int name, Value value) {
  FORESEED_CHECK(setsockopt(fd, level, name, &value, sizeof value) == 0);
}

void options_are_kept() {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const int fd = socket(AF_INET, type, 0);
    FORESEED_CHECK(option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET && option(fd, SOL_SOCKET, SO_TYPE) == type);
    FORESEED_CHECK(option(fd, SOL_SOCKET, SO_PROTOCOL) == (type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP));
    FORESEED_CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0 && option(fd, SOL_SOCKET, SO_ERROR) == 0);
    for (const int name : {SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_BROADCAST}) {
      FORESEED_CHECK(option(fd, SOL_SOCKET, name) == 0);
      set_option(fd, SOL_SOCKET, name, 1);
      FORESEED_CHECK(option(fd, SOL_SOCKET, name) == 1);
    }
    FORESEED_CHECK(option<linger>(fd, SOL_SOCKET, SO_LINGER).l_onoff == 0);
    set_option(fd, SOL_SOCKET, SO_LINGER, linger{1, 30});
    FORESEED_CHECK(option<linger>(fd, SOL_SOCKET, SO_LINGER).l_linger == 30);
    for (const int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      set_option(fd, SOL_SOCKET, name, timeval{2, 500'000});
      const auto time = option<timeval>(fd, SOL_SOCKET, name);
      FORESEED_CHECK(time.tv_sec == 2 && time.tv_usec == 500'000);
      const timeval wrong{0, 1'000'000};
      FORESEED_CHECK(setsockopt(fd, SOL_SOCKET, name, &wrong, sizeof wrong) < 0 && errno == EDOM);
    }
    close(fd);
  }
  const Pair pair;
  FORESEED_CHECK(option(pair[0], SOL_SOCKET, SO_DOMAIN) == AF_UNIX && option(pair[0], SOL_SOCKET, SO_PROTOCOL) == 0);
  sockaddr name{};
  socklen_t size = sizeof name;
  FORESEED_CHECK(getsockname(pair[0], &name, &size) == 0 && size == sizeof(sa_family_t) && name.sa_family == AF_UNIX);
  FORESEED_CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP) < 0 && errno == EPROTONOSUPPORT);
}

/// What is written before epoll_ctl() is read by whoever the event is reported to, with no lock between them.
void an_event_brings_what_was_registered() {
  struct Session {
    int fd;
    int value;
  };
  const Pair pair;
  const int set = epoll_create1(0);
  std::thread worker([set] {
    epoll_event event;
    FORESEED_CHECK(epoll_wait(set, &event, 1, -1) == 1);
    FORESEED_CHECK(static_cast<Session*>(event.data.ptr)->value == 42);
  });
  Session session{pair[0], 42};
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.ptr = &session;
  FORESEED_CHECK(epoll_ctl(set, EPOLL_CTL_ADD, session.fd, &event) == 0);
  worker.join();
  close(set);
}

TEST(AsOnLinux, names_and_services) { as_on_linux(names_and_services); }
TEST(AsOnLinux, a_socket_pair_has_no_delay) { as_on_linux(a_pair_has_no_delay); }
TEST(AsOnLinux, a_socket_connects_again_after_a_refusal) { as_on_linux(connects_again_after_a_refusal); }
TEST(AsOnLinux, socket_options_are_kept) { as_on_linux(options_are_kept); }
TEST(AsOnLinux, an_epoll_event_brings_what_was_registered) { as_on_linux(an_event_brings_what_was_registered); }

}  // namespace
}  // namespace foreseed::testing
