// ZeroMQ: its own threads for input and output, lock-free pipes between them, and a protocol over TCP.

#include <foreseed/scenario.h>
#include <zmq.h>

#include <string_view>
#include <thread>

namespace {

void request_and_reply(const char* where) {
  void* const context = zmq_ctx_new();
  void* const replies = zmq_socket(context, ZMQ_REP);
  FORESEED_CHECK(zmq_bind(replies, where) == 0);
  std::thread asks([&] {
    void* const requests = zmq_socket(context, ZMQ_REQ);
    FORESEED_CHECK(zmq_connect(requests, where) == 0);
    char answer[8];
    FORESEED_CHECK(zmq_send(requests, "hello", 5, 0) == 5 && zmq_recv(requests, answer, sizeof answer, 0) == 2);
    zmq_close(requests);
  });
  char request[8];
  FORESEED_CHECK(zmq_recv(replies, request, sizeof request, 0) == 5 && std::string_view(request, 5) == "hello");
  zmq_send(replies, "ok", 2, 0);
  asks.join();
  zmq_close(replies);
  FORESEED_CHECK(zmq_ctx_term(context) == 0);
}

}  // namespace

FORESEED_SCENARIO(zmq_inproc, "a request and its reply between threads") { request_and_reply("inproc://here"); }
FORESEED_SCENARIO(zmq_tcp, "a request and its reply over TCP") { request_and_reply("tcp://127.0.0.1:5555"); }
