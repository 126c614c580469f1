// Descriptors: pipes, event counters, timers, epoll, sockets on the loopback.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

namespace {

using namespace std::chrono_literals;

// Closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

bool read_all(int fd, void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  while (size != 0) {
    const ssize_t n = read(fd, at, size);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool write_all(int fd, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size != 0) {
    const ssize_t n = write(fd, at, size);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

sockaddr_in loopback_address(std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int bound_socket(int type, std::uint16_t& port) {
  const int fd = socket(AF_INET, type, 0);
  sockaddr_in address = loopback_address();
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return -1;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  port = ntohs(address.sin_port);
  return fd;
}

int connected_socket(std::uint16_t port, int type = SOCK_STREAM) {
  const int fd = socket(AF_INET, type, 0);
  const sockaddr_in address = loopback_address(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd;
}

short events_of(int fd, short wanted, int timeout_ms) {
  pollfd entry{fd, wanted, 0};
  return poll(&entry, 1, timeout_ms) < 0 ? POLLNVAL : entry.revents;
}

}  // namespace

void pipe_hand_over() {
  Checks check("pipe_hand_over");
  int ends[2];
  check(pipe(ends) == 0, "no pipe");
  Descriptor reader(ends[0]);
  constexpr std::uint32_t count = 40'000;  // more than the pipe holds
  std::thread writer([&] {
    Descriptor out(ends[1]);
    std::vector<std::uint32_t> numbers(count);
    for (std::uint32_t i = 0; i < count; ++i) numbers[i] = i;
    check(write_all(out, numbers.data(), count * sizeof(std::uint32_t)), "short write");
  });
  std::vector<std::uint32_t> numbers(count);
  check(read_all(reader, numbers.data(), count * sizeof(std::uint32_t)), "short read");
  for (std::uint32_t i = 0; i < count; ++i) check(numbers[i] == i, "wrong bytes");
  char more;
  check(read(reader, &more, 1) == 0, "no end of file after the writer's close");
  writer.join();
  check.done();
}

void pipe_without_waiting() {
  Checks check("pipe_without_waiting");
  int ends[2];
  check(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "no pipe");
  Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  char byte = 'x';
  check(read(reader, &byte, 1) == -1 && errno == EAGAIN, "an empty pipe can be read");
  check((fcntl(reader, F_GETFL) & O_NONBLOCK) != 0, "O_NONBLOCK is lost");
  check(events_of(writer, POLLOUT, 0) == POLLOUT, "an empty pipe cannot be written");
  const std::string block(4096, 'y');
  int blocks = 0;
  while (write(writer, block.data(), block.size()) == 4096) ++blocks;
  check(errno == EAGAIN && blocks == 16, "a pipe does not hold 64 KiB");
  check(fcntl(writer, F_GETPIPE_SZ) == 65536, "a pipe is told to hold another number of bytes");
  check(fcntl(writer, F_SETPIPE_SZ, 100) == -1 && errno == EBUSY, "a pipe was made smaller than what is in it");
  check(events_of(writer, POLLOUT, 0) == 0, "a full pipe can be written");
  int unread = 0;
  check(ioctl(reader, FIONREAD, &unread) == 0 && unread == 65536, "FIONREAD is wrong");
  writer.close();
  std::string all(65536, '\0');
  check(read_all(reader, all.data(), all.size()), "short read");
  check(events_of(reader, POLLIN, 0) == POLLHUP, "no hang-up after the writer's close");
  check(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "no pipe");
  Descriptor small_reader(ends[0]);
  Descriptor small_writer(ends[1]);
  check(fcntl(small_reader, F_SETPIPE_SZ, 100) == 4096, "a pipe does not become as small as it can be");
  check(write(small_writer, block.data(), block.size()) == 4096, "a small pipe does not hold a page");
  check(write(small_writer, &byte, 1) == -1 && errno == EAGAIN, "a small pipe holds more than a page");
  check.done();
}

void eventfd_counts() {
  Checks check("eventfd_counts");
  Descriptor sum(eventfd(2, EFD_CLOEXEC));
  std::thread a([&] { check(eventfd_write(sum, 3) == 0, "no write"); });
  std::thread b([&] { check(eventfd_write(sum, 4) == 0, "no write"); });
  a.join();
  b.join();
  eventfd_t value = 0;
  check(eventfd_read(sum, &value) == 0 && value == 9, "the sum is wrong");
  Descriptor tokens(eventfd(0, EFD_SEMAPHORE));
  int taken[2] = {0, 0};
  std::thread takers[2];
  for (int i = 0; i < 2; ++i) {
    takers[i] = std::thread([&, i] {
      eventfd_t token = 0;
      for (int k = 0; k < 3; ++k) {
        check(eventfd_read(tokens, &token) == 0 && token == 1, "a semaphore gives more than one");
        ++taken[i];
      }
    });
  }
  for (int k = 0; k < 3; ++k) check(eventfd_write(tokens, 2) == 0, "no write");
  for (std::thread& taker : takers) taker.join();
  check(taken[0] + taken[1] == 6, "tokens are lost");
  check(events_of(tokens, POLLIN, 0) == 0, "a token is left");
  check.done();
}

void timerfd_ticks() {
  Checks check("timerfd_ticks");
  Descriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  std::uint64_t ticks = 0;
  check(read(timer, &ticks, sizeof ticks) == -1 && errno == EAGAIN, "a disarmed timer can be read");
  const itimerspec each{{0, 2'000'000}, {0, 3'000'000}};
  check(timerfd_settime(timer, 0, &each, nullptr) == 0, "no settime");
  check(fcntl(timer, F_SETFL, 0) == 0, "no F_SETFL");
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t sum = 0;
  while (sum < 4) {
    check(read(timer, &ticks, sizeof ticks) == sizeof ticks && ticks >= 1, "no tick");
    sum += ticks;
  }
  check(std::chrono::steady_clock::now() - start >= 3ms + 2 * 2ms, "too early");
  itimerspec left{};
  check(timerfd_gettime(timer, &left) == 0 && left.it_interval.tv_nsec == 2'000'000, "the interval is lost");
  const itimerspec off{};
  check(timerfd_settime(timer, 0, &off, nullptr) == 0, "no settime");
  check(events_of(timer, POLLIN, 5) == 0, "a disarmed timer ticks");
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  Descriptor wall(timerfd_create(CLOCK_REALTIME, 0));
  now.tv_nsec += 4'000'000;
  if (now.tv_nsec >= 1'000'000'000) now.tv_nsec -= 1'000'000'000, ++now.tv_sec;
  const itimerspec once{{0, 0}, now};
  check(timerfd_settime(wall, TFD_TIMER_ABSTIME, &once, nullptr) == 0, "no settime");
  check(events_of(wall, POLLIN, -1) == POLLIN, "an absolute time never comes");
  check(read(wall, &ticks, sizeof ticks) == sizeof ticks && ticks == 1, "not one tick");
  check.done();
}

void epoll_levels_and_edges() {
  Checks check("epoll_levels_and_edges");
  Descriptor set(epoll_create1(EPOLL_CLOEXEC));
  int ends[2];
  check(pipe2(ends, O_NONBLOCK) == 0, "no pipe");
  Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Descriptor level(eventfd(0, 0));
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  wanted.data.u64 = 1;
  check(epoll_ctl(set, EPOLL_CTL_ADD, reader, &wanted) == 0, "no add");
  check(epoll_ctl(set, EPOLL_CTL_ADD, reader, &wanted) == -1 && errno == EEXIST, "added twice");
  wanted.events = EPOLLIN;
  wanted.data.u64 = 2;
  check(epoll_ctl(set, EPOLL_CTL_ADD, level, &wanted) == 0, "no add");
  epoll_event got[4];
  check(epoll_wait(set, got, 4, 0) == 0, "something is ready at once");
  check(write(writer, "ab", 2) == 2, "no write");
  check(epoll_wait(set, got, 4, -1) == 1 && got[0].data.u64 == 1 && got[0].events == EPOLLIN, "no edge");
  check(epoll_wait(set, got, 4, 0) == 0, "an edge comes twice");
  char byte;
  check(read(reader, &byte, 1) == 1, "no read");
  check(epoll_wait(set, got, 4, 0) == 0, "a read makes an edge");
  check(write(writer, "c", 1) == 1, "no write");
  check(epoll_wait(set, got, 4, 0) == 1, "new bytes make no edge");
  check(eventfd_write(level, 1) == 0, "no write");
  for (int k = 0; k < 2; ++k) {
    check(epoll_wait(set, got, 4, 0) == 1 && got[0].data.u64 == 2, "a level is not there until it is taken");
  }
  wanted.events = EPOLLIN | EPOLLONESHOT;
  check(epoll_ctl(set, EPOLL_CTL_MOD, level, &wanted) == 0, "no mod");
  check(epoll_wait(set, got, 4, 0) == 1, "no shot");
  check(epoll_wait(set, got, 4, 0) == 0, "one shot comes twice");
  check(epoll_ctl(set, EPOLL_CTL_MOD, level, &wanted) == 0 && epoll_wait(set, got, 4, 0) == 1, "not armed again");
  check(epoll_ctl(set, EPOLL_CTL_DEL, level, nullptr) == 0, "no del");
  check(epoll_ctl(set, EPOLL_CTL_DEL, level, nullptr) == -1 && errno == ENOENT, "deleted twice");
  writer.close();
  check(epoll_wait(set, got, 4, -1) == 1 && (got[0].events & EPOLLHUP) != 0, "no hang-up");
  check.done();
}

void epoll_shared_by_two() {
  Checks check("epoll_shared_by_two");
  Descriptor set(epoll_create1(0));
  Descriptor jobs(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK));
  Descriptor stop(eventfd(0, 0));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.fd = jobs;
  check(epoll_ctl(set, EPOLL_CTL_ADD, jobs, &wanted) == 0, "no add");
  wanted.data.fd = stop;
  check(epoll_ctl(set, EPOLL_CTL_ADD, stop, &wanted) == 0, "no add");
  std::atomic<int> done{0};
  std::thread workers[2];
  for (std::thread& worker : workers) {
    worker = std::thread([&] {
      for (;;) {
        epoll_event got[2];
        const int n = epoll_wait(set, got, 2, -1);
        check(n >= 1, "no event");
        eventfd_t value;
        bool worked = false;
        for (int i = 0; i < n; ++i) {
          if (got[i].data.fd == jobs && eventfd_read(jobs, &value) == 0) ++done, worked = true;
        }
        if (!worked && events_of(stop, POLLIN, 0) != 0) return;
      }
    });
  }
  for (int k = 0; k < 5; ++k) check(eventfd_write(jobs, 1) == 0, "no write");
  check(eventfd_write(stop, 1) == 0, "no write");
  for (std::thread& worker : workers) worker.join();
  check(done == 5, "jobs are lost or done twice");
  check.done();
}

void epoll_within_epoll() {
  Checks check("epoll_within_epoll");
  Descriptor outer(epoll_create1(0));
  Descriptor inner(epoll_create1(0));
  Descriptor counter(eventfd(0, 0));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  check(epoll_ctl(inner, EPOLL_CTL_ADD, counter, &wanted) == 0, "no add");
  check(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &wanted) == 0, "no add");
  check(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &wanted) == -1 && errno == ELOOP, "a loop of sets");
  std::thread writer([&] {
    std::this_thread::sleep_for(1ms);
    check(eventfd_write(counter, 1) == 0, "no write");
  });
  epoll_event got;
  check(epoll_wait(outer, &got, 1, -1) == 1, "the outer set does not hear");
  check(events_of(outer, POLLIN, 0) == POLLIN, "the outer set is not readable");
  check(epoll_wait(inner, &got, 1, 0) == 1, "the inner set has nothing");
  writer.join();
  check.done();
}

void socketpair_both_ways() {
  Checks check("socketpair_both_ways");
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no socketpair");
  Descriptor one(ends[0]);
  Descriptor other(ends[1]);
  std::thread echo([&] {
    char text[6];
    check(read_all(other, text, 5), "no read");
    check(write_all(other, text, 5), "no write");
    check(read(other, text, 1) == 0, "no end after shutdown");
    check(write_all(other, "!", 1), "no write after the other's shutdown");
  });
  iovec parts[2] = {{const_cast<char*>("he"), 2}, {const_cast<char*>("llo"), 3}};
  check(writev(one, parts, 2) == 5, "no writev");
  char text[6] = {};
  check(read_all(one, text, 5) && std::strcmp(text, "hello") == 0, "no echo");
  check(shutdown(one, SHUT_WR) == 0, "no shutdown");
  check(read_all(one, text, 1) && text[0] == '!', "the other half is shut too");
  echo.join();
  check.done();
}

void tcp_connects_without_waiting() {
  Checks check("tcp_connects_without_waiting");
  std::uint16_t port = 0;
  Descriptor listener(bound_socket(SOCK_STREAM, port));
  check(listen(listener, 4) == 0, "no listen");
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const sockaddr_in address = loopback_address(port);
  const int result = connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  check(result == 0 || errno == EINPROGRESS, "connect fails");
  check((events_of(client, POLLOUT, -1) & POLLOUT) != 0, "never connected");
  int error = -1;
  socklen_t size = sizeof error;
  check(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0, "SO_ERROR is set");
  Descriptor server(accept(listener, nullptr, nullptr));
  char byte = 'a';
  check(recv(client, &byte, 1, 0) == -1 && errno == EAGAIN, "an empty connection can be read");
  check(send(server, "z", 1, MSG_NOSIGNAL) == 1, "no send");
  check((events_of(client, POLLIN, -1) & POLLIN) != 0, "nothing comes");
  check(recv(client, &byte, 1, MSG_PEEK) == 1 && recv(client, &byte, 1, 0) == 1 && byte == 'z', "wrong byte");
  check.done();
}

void tcp_resets_and_refusals() {
  Checks check("tcp_resets_and_refusals");
  std::uint16_t port = 0;
  Descriptor listener(bound_socket(SOCK_STREAM, port));
  check(listen(listener, 4) == 0, "no listen");
  {
    Descriptor client(connected_socket(port));
    Descriptor server(accept(listener, nullptr, nullptr));
    const linger hard{1, 0};
    check(setsockopt(server, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0, "no SO_LINGER");
    server.close();
    char byte;
    check(recv(client, &byte, 1, 0) == -1 && errno == ECONNRESET, "no reset");
    check(send(client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "a reset connection takes bytes");
  }
  {
    Descriptor client(connected_socket(port));
    Descriptor server(accept(listener, nullptr, nullptr));
    const timeval span{0, 3000};
    check(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0, "no SO_RCVTIMEO");
    char byte;
    check(recv(client, &byte, 1, 0) == -1 && errno == EAGAIN, "no timeout");
  }
  listener.close();
  Descriptor refused(socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address = loopback_address(port);
  check(connect(refused, reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1 && errno == ECONNREFUSED,
        "nobody refuses");
  check.done();
}

void udp_request_and_answer() {
  Checks check("udp_request_and_answer");
  std::uint16_t port = 0;
  Descriptor server(bound_socket(SOCK_DGRAM, port));
  std::thread answers([&] {
    for (int k = 0; k < 2; ++k) {
      char text[16];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = recvfrom(server, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size);
      check(n == 5 && size == sizeof from, "a request is not whole");
      check(sendto(server, text, 4, 0, reinterpret_cast<sockaddr*>(&from), size) == 4, "no answer");
    }
  });
  Descriptor client(socket(AF_INET, SOCK_DGRAM, 0));
  const sockaddr_in address = loopback_address(port);
  check(sendto(client, "first", 5, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 5, "no send");
  char text[2] = {};
  check(recv(client, text, sizeof text, MSG_TRUNC) == 4 && text[0] == 'f', "no answer, or its size is lost");
  check(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "no connect");
  iovec parts[2] = {{const_cast<char*>("se"), 2}, {const_cast<char*>("con"), 3}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  check(sendmsg(client, &message, 0) == 5, "no sendmsg");
  char back[8] = {};
  check(recv(client, back, sizeof back, 0) == 4 && std::memcmp(back, "seco", 4) == 0, "wrong answer");
  answers.join();
  check.done();
}

void udp_unheard() {
  Checks check("udp_unheard");
  std::uint16_t port = 0;
  { Descriptor gone(bound_socket(SOCK_DGRAM, port)); }
  Descriptor client(connected_socket(port, SOCK_DGRAM));
  check(send(client, "hello", 5, 0) == 5, "no send");
  char byte;
  check(recv(client, &byte, 1, 0) == -1 && errno == ECONNREFUSED, "nobody says that nobody listens");
  check(recv(client, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "it is said twice");
  Descriptor one(bound_socket(SOCK_DGRAM, port));
  Descriptor other(socket(AF_INET, SOCK_DGRAM, 0));
  const sockaddr_in address = loopback_address(port);
  check(bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1 && errno == EADDRINUSE,
        "a port has two owners");
  check.done();
}

void select_waits_for_either() {
  Checks check("select_waits_for_either");
  int ends[2];
  check(pipe(ends) == 0, "no pipe");
  Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Descriptor counter(eventfd(0, 0));
  std::thread late([&] {
    std::this_thread::sleep_for(2ms);
    check(write(writer, "x", 1) == 1, "no write");
  });
  fd_set reads;
  FD_ZERO(&reads);
  FD_SET(reader, &reads);
  FD_SET(counter, &reads);
  check(select(std::max<int>(reader, counter) + 1, &reads, nullptr, nullptr, nullptr) == 1, "not one is ready");
  check(FD_ISSET(reader, &reads) && !FD_ISSET(counter, &reads), "the wrong one is ready");
  late.join();
  timeval brief{0, 1000};
  FD_ZERO(&reads);
  FD_SET(counter, &reads);
  check(select(counter + 1, &reads, nullptr, nullptr, &brief) == 0 && !FD_ISSET(counter, &reads), "no timeout");
  check.done();
}

void descriptors_are_duplicated() {
  Checks check("descriptors_are_duplicated");
  int ends[2];
  check(pipe(ends) == 0, "no pipe");
  Descriptor reader(ends[0]);
  int writer = ends[1];
  Descriptor copy(dup(writer));
  Descriptor target(eventfd(0, 0));
  check(dup2(writer, target) == target, "no dup2");
  close(writer);
  check(write(copy, "a", 1) == 1 && write(target, "b", 1) == 1, "a copy does not write");
  copy.close();
  char text[2];
  check(read_all(reader, text, 2), "no read");
  check(events_of(reader, POLLIN, 0) == 0, "hung up, though a copy is open");
  target.close();
  check(events_of(reader, POLLIN, 0) == POLLHUP, "not hung up, though all copies are closed");
  check.done();
}

}  // namespace programs
