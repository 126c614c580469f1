// libuv: a loop over epoll and eventfd, a pool of threads, and system calls that it makes by number.

#include <foreseed/scenario.h>
#include <uv.h>

#include <cstdlib>
#include <cstring>

namespace {

void allocate(uv_handle_t*, std::size_t size, uv_buf_t* buffer) {
  *buffer = uv_buf_init(static_cast<char*>(std::malloc(size)), static_cast<unsigned>(size));
}

struct Echo {
  uv_loop_t loop;
  uv_tcp_t server;
  uv_tcp_t accepted;
  uv_tcp_t client;
  std::size_t echoed = 0;
};

void close(uv_tcp_t& handle) { uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr); }

}  // namespace

FORESEED_SCENARIO(uv_timers_and_work, "three seconds pass and three pieces of work are done") {
  struct State {
    int fired = 0;
    int done = 0;
  } state;
  uv_loop_t loop;
  FORESEED_CHECK(uv_loop_init(&loop) == 0);
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  timer.data = &state;
  const auto fire = [](uv_timer_t* handle) {
    if (++static_cast<State*>(handle->data)->fired == 3) uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
  };
  uv_timer_start(&timer, fire, 1000, 1000);
  uv_work_t work[3];
  for (uv_work_t& piece : work) {
    piece.data = &state;
    uv_queue_work(&loop, &piece, [](uv_work_t*) {}, [](uv_work_t* ended, int) { ++static_cast<State*>(ended->data)->done; });
  }
  const std::uint64_t before = uv_hrtime();
  uv_run(&loop, UV_RUN_DEFAULT);
  FORESEED_CHECK(state.fired == 3 && state.done == 3 && uv_hrtime() - before >= 3'000'000'000);
  FORESEED_CHECK(uv_loop_close(&loop) == 0);
  uv_library_shutdown();
}

FORESEED_SCENARIO(uv_echo, "what is sent comes back") {
  Echo echo;
  FORESEED_CHECK(uv_loop_init(&echo.loop) == 0);
  for (uv_tcp_t* handle : {&echo.server, &echo.accepted, &echo.client}) {
    uv_tcp_init(&echo.loop, handle);
    handle->data = &echo;
  }
  sockaddr_in address;
  uv_ip4_addr("127.0.0.1", 7000, &address);
  FORESEED_CHECK(uv_tcp_bind(&echo.server, reinterpret_cast<sockaddr*>(&address), 0) == 0);
  const auto serve = [](uv_stream_t* server, int) {
    auto* const accepted = reinterpret_cast<uv_stream_t*>(&static_cast<Echo*>(server->data)->accepted);
    uv_accept(server, accepted);
    uv_read_start(accepted, allocate, [](uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
      uv_buf_t answer = uv_buf_init(buffer->base, n > 0 ? static_cast<unsigned>(n) : 0);
      if (n > 0) uv_try_write(stream, &answer, 1);
      std::free(buffer->base);
      if (n < 0) close(static_cast<Echo*>(stream->data)->accepted);
    });
  };
  FORESEED_CHECK(uv_listen(reinterpret_cast<uv_stream_t*>(&echo.server), 16, serve) == 0);
  uv_connect_t request;
  uv_tcp_connect(&request, &echo.client, reinterpret_cast<sockaddr*>(&address), [](uv_connect_t* connected, int status) {
    FORESEED_CHECK(status == 0);
    char hello[] = "hello";
    const uv_buf_t buffer = uv_buf_init(hello, 5);
    FORESEED_CHECK(uv_try_write(connected->handle, &buffer, 1) == 5);
    uv_read_start(connected->handle, allocate, [](uv_stream_t* stream, ssize_t n, const uv_buf_t* got) {
      Echo& all = *static_cast<Echo*>(stream->data);
      if (n > 0) all.echoed += static_cast<std::size_t>(n);
      std::free(got->base);
      if (all.echoed == 5) close(all.client), close(all.server);
    });
  });
  uv_run(&echo.loop, UV_RUN_DEFAULT);
  FORESEED_CHECK(echo.echoed == 5 && uv_loop_close(&echo.loop) == 0);
}
