// Debian's compiled libevent, unmodified: its epoll loop, buffers, timers, HTTP server and client, and a loop that
// another thread wakes.

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/thread.h>

#include <memory>
#include <string>

#include "library_worlds.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

struct Free {
  void operator()(event_base* base) const { event_base_free(base); }
  void operator()(event* one) const { event_free(one); }
  void operator()(evhttp* http) const { evhttp_free(http); }
  void operator()(evhttp_connection* connection) const { evhttp_connection_free(connection); }
  void operator()(bufferevent* buffer) const { bufferevent_free(buffer); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<event_base> new_loop() {
  Owned<event_base> loop(event_base_new());
  FORESEED_CHECK(loop != nullptr && std::string(event_base_get_method(loop.get())) == "epoll");
  return loop;
}

/// evhttp on the host "web": /hi is answered, /stop ends the loop.
class WebServer {
 public:
  WebServer() : host_("web", [this] { run(); }) {
    foreseed::link("client", "web", 1ms);
    while (!listens_) std::this_thread::sleep_for(1ms);
  }
  void join() { host_.join(); }

 private:
  static void answer(evhttp_request* request, const char* text) {
    evbuffer_add(evhttp_request_get_output_buffer(request), text, std::char_traits<char>::length(text));
    evhttp_send_reply(request, HTTP_OK, "OK", nullptr);
  }
  void run() {
    const auto loop = new_loop();
    const Owned<evhttp> http(evhttp_new(loop.get()));
    FORESEED_CHECK(evhttp_bind_socket(http.get(), "0.0.0.0", 80) == 0);
    evhttp_set_cb(
        http.get(), "/hi", [](evhttp_request* request, void*) { answer(request, "hello"); }, nullptr);
    const auto stop = [](evhttp_request* request, void* base) {
      answer(request, "bye");
      const timeval soon{0, 10'000};
      event_base_loopexit(static_cast<event_base*>(base), &soon);
    };
    evhttp_set_cb(http.get(), "/stop", stop, loop.get());
    listens_ = true;
    event_base_dispatch(loop.get());
  }

  std::atomic<bool> listens_{false};
  Host host_;  // last: it starts to run at once
};

struct Answer {
  int status = -1;
  std::string body;
};

/// One request over a connection of its own; status 0 if there was no answer.
Answer request(const char* path, int port = 80, int timeout_s = 5) {
  const auto loop = new_loop();
  Answer got;
  {
    const Owned<evhttp_connection> connection(
        evhttp_connection_base_new(loop.get(), nullptr, "web", static_cast<ev_uint16_t>(port)));
    evhttp_connection_set_timeout(connection.get(), timeout_s);
    const auto done = [](evhttp_request* answered, void* out) {
      auto& answer = *static_cast<Answer*>(out);
      answer.status = answered == nullptr ? 0 : evhttp_request_get_response_code(answered);
      if (answer.status == 0) return;
      evbuffer* const buffer = evhttp_request_get_input_buffer(answered);
      answer.body.resize(evbuffer_get_length(buffer));
      evbuffer_remove(buffer, answer.body.data(), answer.body.size());
    };
    evhttp_request* const made = evhttp_request_new(done, &got);
    evhttp_add_header(evhttp_request_get_output_headers(made), "Host", "web");
    FORESEED_CHECK(evhttp_make_request(connection.get(), made, EVHTTP_REQ_GET, path) == 0);
    event_base_dispatch(loop.get());
  }
  return got;
}

void http_both_ways() {
  WebServer server;
  std::thread other([] { FORESEED_CHECK(request("/hi").body == "hello"); });
  FORESEED_CHECK(request("/hi").body == "hello");
  FORESEED_CHECK(request("/none").status == 404);
  other.join();
  FORESEED_CHECK(request("/stop").body == "bye");
  server.join();
}

void no_answer() {
  StreamServer silent("web", 80, [](int fd) {
    char part[1000];
    while (recv(fd, part, sizeof part, 0) > 0) {
    }
  });
  const auto start = Steady::now();
  FORESEED_CHECK(request("/hi", 80, 3).status <= 0);
  const auto took = Steady::now() - start;
  FORESEED_CHECK(took >= 3s && took < 3100ms);
  silent.stop();
  FORESEED_CHECK(request("/hi", 81).status <= 0);
}

void timers_fire_in_order() {
  const auto loop = new_loop();
  struct Seen {
    Steady::time_point start = Steady::now();
    std::string order;
  } seen;
  const auto note = [](evutil_socket_t, short, void* out) {
    auto& at = *static_cast<Seen*>(out);
    at.order += std::to_string((Steady::now() - at.start) / 10ms) + " ";
  };
  const Owned<event> late(evtimer_new(loop.get(), note, &seen));
  const Owned<event> early(evtimer_new(loop.get(), note, &seen));
  const timeval thirty{0, 30'000};
  const timeval ten{0, 10'000};
  evtimer_add(late.get(), &thirty);
  evtimer_add(early.get(), &ten);
  event_base_dispatch(loop.get());
  FORESEED_CHECK(seen.order == "1 3 ");
}

void woken_by_another_thread() {
  evthread_use_pthreads();
  const auto loop = new_loop();
  bool ran = false;
  const auto run = [](evutil_socket_t, short, void* out) { *static_cast<bool*>(out) = true; };
  const Owned<event> signalled(event_new(loop.get(), -1, EV_PERSIST, run, &ran));
  const timeval hour{3600, 0};
  event_add(signalled.get(), &hour);
  const auto start = Steady::now();
  std::thread other([&] {
    std::this_thread::sleep_for(20ms);
    event_active(signalled.get(), EV_READ, 0);
    event_base_loopexit(loop.get(), nullptr);
  });
  event_base_dispatch(loop.get());
  other.join();
  FORESEED_CHECK(ran && Steady::now() - start < 30ms);
}

void a_pair_of_buffers() {
  const auto loop = new_loop();
  evutil_socket_t ends[2];
  FORESEED_CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  for (const evutil_socket_t end : ends) evutil_make_socket_nonblocking(end);
  const Owned<bufferevent> one(bufferevent_socket_new(loop.get(), ends[0], BEV_OPT_CLOSE_ON_FREE));
  const Owned<bufferevent> other(bufferevent_socket_new(loop.get(), ends[1], BEV_OPT_CLOSE_ON_FREE));
  const std::string text(200'000, 'x');
  std::size_t read = 0;
  const auto on_read = [](bufferevent* buffer, void* out) {
    auto& total = *static_cast<std::size_t*>(out);
    evbuffer* const input = bufferevent_get_input(buffer);
    total += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (total == 200'000) event_base_loopbreak(bufferevent_get_base(buffer));
  };
  bufferevent_setcb(other.get(), on_read, nullptr, nullptr, &read);
  bufferevent_enable(other.get(), EV_READ);
  bufferevent_write(one.get(), text.data(), text.size());
  event_base_dispatch(loop.get());
  FORESEED_CHECK(read == text.size());
}

TEST(Libevent, http_server_and_clients) { holds_and_repeats(http_both_ways); }
TEST(Libevent, a_timeout_is_virtual_time) { holds_and_repeats(no_answer); }
TEST(Libevent, timers_fire_in_order) { holds_and_repeats(timers_fire_in_order); }
TEST(Libevent, a_loop_is_woken_by_another_thread) { holds_and_repeats(woken_by_another_thread); }
TEST(Libevent, a_pair_of_buffers) { holds_and_repeats(a_pair_of_buffers); }

}  // namespace
}  // namespace foreseed::testing
