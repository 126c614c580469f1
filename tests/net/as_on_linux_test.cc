// What the libraries lean on, call by call: each body runs natively on loopback, where Linux is the measure, and then
// simulated under many seeds.

#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

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

/// Who closes one gets it back: a new descriptor is the lowest that is free.
void descriptors_are_the_lowest_that_are_free() {
  const auto made = [] { return socket(AF_INET, SOCK_DGRAM, 0); };
  const int a = made(), b = made(), c = made(), d = made();
  FORESEED_CHECK(a < b && b < c && c < d);
  close(c);
  close(a);
  FORESEED_CHECK(made() == a && made() == c);
  close(b);
  const int far = fcntl(a, F_DUPFD, d + 100);
  FORESEED_CHECK(far >= d + 100 && made() == b);
  close(c);
  FORESEED_CHECK(dup2(a, c) == c);
  const int e = made();
  FORESEED_CHECK(e > d && e < far);
  close(b);
  const int last = fcntl(a, F_DUPFD, c);
  FORESEED_CHECK(last > e && dup(a) == b);
  for (const int fd : {a, b, c, d, e, far, last}) close(fd);
}

/// The paths that match, each with a space behind it.
std::string matches(const char* pattern) {
  glob_t found{};
  std::string paths;
  const int error = glob(pattern, 0, nullptr, &found);
  for (std::size_t i = 0; i < found.gl_pathc; ++i) paths += found.gl_pathv[i] + std::string(" ");
  globfree(&found);
  return error == GLOB_NOMATCH ? "none" : paths;
}

void paths_that_match_a_pattern() {
  FORESEED_CHECK(mkdir("/tmp/foreseed.glob", 0700) == 0);
  const char* const names[] = {"/tmp/foreseed.glob/b.conf", "/tmp/foreseed.glob/a.conf", "/tmp/foreseed.glob/c.txt"};
  for (const char* const name : names) close(open(name, O_CREAT | O_WRONLY, 0600));
  FORESEED_CHECK(matches("/tmp/foreseed.g*/*.conf") == "/tmp/foreseed.glob/a.conf /tmp/foreseed.glob/b.conf ");
  FORESEED_CHECK(matches("/tmp/foreseed.glob/c.txt") == "/tmp/foreseed.glob/c.txt ");
  FORESEED_CHECK(matches("/tmp/foreseed.glob/*.none") == "none" && matches("/tmp/foreseed.no/*") == "none");
  for (const char* const name : names) unlink(name);
  FORESEED_CHECK(rmdir("/tmp/foreseed.glob") == 0);
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

sockaddr_un local_address(const std::string& name, socklen_t& size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  size = static_cast<socklen_t>(sizeof address.sun_family + name.size() + (name[0] == '\0' ? 0 : 1));
  return address;
}
int bind_to(int fd, const std::string& name) {
  socklen_t size = 0;
  const sockaddr_un address = local_address(name, size);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
}
int connect_to(int fd, const std::string& name) {
  socklen_t size = 0;
  const sockaddr_un address = local_address(name, size);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), size);
}
template <typename Ask>
std::string name_from(int fd, Ask ask) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  FORESEED_CHECK(ask(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.sun_family == AF_UNIX);
  return std::string(address.sun_path, size - sizeof address.sun_family);
}

void a_stream_by_name(const std::string& name) {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  FORESEED_CHECK(connect_to(client, name) < 0 && errno == (name[0] == '\0' ? ECONNREFUSED : ENOENT));
  FORESEED_CHECK(listen(listener, 1) < 0 && errno == EINVAL);
  FORESEED_CHECK(bind_to(listener, name) == 0);
  FORESEED_CHECK(bind_to(listener, name + "2") < 0 && errno == EINVAL);
  FORESEED_CHECK(bind_to(client, name) < 0 && errno == EADDRINUSE);
  FORESEED_CHECK(connect_to(client, name) < 0 && errno == ECONNREFUSED);
  FORESEED_CHECK(listen(listener, 1) == 0);
  FORESEED_CHECK(connect_to(client, name) == 0);  // before anyone accepts
  FORESEED_CHECK(connect_to(client, name) < 0 && errno == EISCONN);
  FORESEED_CHECK(send(client, "early", 5, 0) == 5);
  const int server = accept(listener, nullptr, nullptr);
  const std::string shown = name[0] == '\0' ? name : name + '\0';
  FORESEED_CHECK(name_from(listener, getsockname) == shown && name_from(server, getsockname) == shown);
  FORESEED_CHECK(name_from(client, getpeername) == shown && name_from(client, getsockname).empty());
  FORESEED_CHECK(name_from(server, getpeername).empty());
  ucred peer{};
  socklen_t size = sizeof peer;
  FORESEED_CHECK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid());
  char text[8];
  FORESEED_CHECK(recv(server, text, sizeof text, 0) == 5);
  FORESEED_CHECK(send(server, "unread", 6, 0) == 6);
  close(client);
  FORESEED_CHECK(recv(server, text, sizeof text, 0) < 0 && errno == ECONNRESET);
  close(server);

  // A full queue: whoever does not wait is sent away, whoever waits comes in when there is room.
  int waiting[2];
  for (int& one : waiting) {
    one = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    FORESEED_CHECK(connect_to(one, name) == 0);
  }
  const int third = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  FORESEED_CHECK(connect_to(third, name) < 0 && errno == EAGAIN);
  close(third);
  std::thread patient([&] {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    FORESEED_CHECK(connect_to(fd, name) == 0);
    close(fd);
  });
  for (int i = 0; i < 3; ++i) close(accept(listener, nullptr, nullptr));
  patient.join();
  for (const int one : waiting) close(one);
  close(listener);
  const int late = socket(AF_UNIX, SOCK_STREAM, 0);
  FORESEED_CHECK(connect_to(late, name) < 0 && errno == ECONNREFUSED);
  close(late);
  if (name[0] != '\0') {
    struct stat status{};
    FORESEED_CHECK(stat(name.c_str(), &status) == 0 && S_ISSOCK(status.st_mode));
    FORESEED_CHECK(open(name.c_str(), O_RDWR) < 0 && errno == ENXIO);
    const int again = socket(AF_UNIX, SOCK_STREAM, 0);
    FORESEED_CHECK(bind_to(again, name) < 0 && errno == EADDRINUSE);  // the file is still there
    FORESEED_CHECK(unlink(name.c_str()) == 0 && bind_to(again, name) == 0 && unlink(name.c_str()) == 0);
    close(again);
  }
}

void streams_by_name() {
  unlink("/tmp/foreseed_stream");
  a_stream_by_name("/tmp/foreseed_stream");
  a_stream_by_name(std::string("\0foreseed_stream", 16));
}

void datagrams_by_name() {
  const std::string name("\0foreseed_datagrams", 19);
  const int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  FORESEED_CHECK(bind_to(receiver, name) == 0);
  FORESEED_CHECK(send(sender, "x", 1, 0) < 0 && errno == ENOTCONN);
  FORESEED_CHECK(connect_to(sender, "\0foreseed_nobody") < 0);
  const int stream = socket(AF_UNIX, SOCK_STREAM, 0);
  FORESEED_CHECK(connect_to(stream, name) < 0 && errno == ECONNREFUSED);  // streams have names of their own
  FORESEED_CHECK(bind_to(stream, name) == 0);
  close(stream);
  FORESEED_CHECK(connect_to(sender, name) == 0);
  const sa_family_t family = AF_UNIX;
  FORESEED_CHECK(bind(sender, reinterpret_cast<const sockaddr*>(&family), sizeof family) == 0);  // a name of its own
  const std::string own = name_from(sender, getsockname);
  FORESEED_CHECK(own.size() == 6 && own[0] == '\0');
  FORESEED_CHECK(send(sender, "one", 3, 0) == 3 && send(sender, "", 0, 0) == 0 && send(sender, "three", 5, 0) == 5);
  char text[4];
  const auto from = [&](int fd, sockaddr* address, socklen_t* size) {
    return recvfrom(fd, text, sizeof text, 0, address, size) == 3 ? 0 : -1;
  };
  FORESEED_CHECK(name_from(receiver, from) == own);
  FORESEED_CHECK(recv(receiver, text, sizeof text, 0) == 0);
  FORESEED_CHECK(recv(receiver, text, sizeof text, MSG_TRUNC) == 5);  // the rest of it is lost
  FORESEED_CHECK(recv(receiver, text, sizeof text, MSG_DONTWAIT) < 0 && errno == EAGAIN);
  close(receiver);
  FORESEED_CHECK(send(sender, "x", 1, 0) < 0 && errno == ECONNREFUSED);
  close(sender);
}

/// An absolute time that is over: what would have been counted since then is.
void a_timer_from_the_past() {
  timespec now;
  FORESEED_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  const itimerspec each_hour{{3600, 0}, {now.tv_sec - 1, now.tv_nsec}};
  FORESEED_CHECK(timerfd_settime(timer, 16, &each_hour, nullptr) < 0 && errno == EINVAL);
  FORESEED_CHECK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &each_hour, nullptr) == 0);
  FORESEED_CHECK(ready(timer) == POLLIN);
  std::uint64_t count = 0;
  FORESEED_CHECK(read(timer, &count, sizeof count) == sizeof count && count == 1);
  const itimerspec each_tenth{{0, 100'000'000}, {now.tv_sec - 1, now.tv_nsec}};
  FORESEED_CHECK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &each_tenth, nullptr) == 0);
  FORESEED_CHECK(read(timer, &count, sizeof count) == sizeof count && count >= 11);
  close(timer);
}

TEST(AsOnLinux, streams_of_the_unix_domain_by_name) { as_on_linux(streams_by_name); }
TEST(AsOnLinux, datagrams_of_the_unix_domain_by_name) { as_on_linux(datagrams_by_name); }
TEST(AsOnLinux, a_timer_counts_from_an_absolute_time_that_is_over) { as_on_linux(a_timer_from_the_past); }
TEST(AsOnLinux, descriptors_are_the_lowest_that_are_free) { as_on_linux(descriptors_are_the_lowest_that_are_free); }
TEST(AsOnLinux, paths_that_match_a_pattern) { as_on_linux(paths_that_match_a_pattern); }
TEST(AsOnLinux, names_and_services) { as_on_linux(names_and_services); }
TEST(AsOnLinux, a_socket_pair_has_no_delay) { as_on_linux(a_pair_has_no_delay); }
TEST(AsOnLinux, a_socket_connects_again_after_a_refusal) { as_on_linux(connects_again_after_a_refusal); }
TEST(AsOnLinux, socket_options_are_kept) { as_on_linux(options_are_kept); }
TEST(AsOnLinux, an_epoll_event_brings_what_was_registered) { as_on_linux(an_event_brings_what_was_registered); }

}  // namespace
}  // namespace foreseed::testing
