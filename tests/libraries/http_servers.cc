// GNU libmicrohttpd and POCO: HTTP servers with their own ways to wait for sockets, asked by POCO's client.

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/ThreadPool.h>
#include <foreseed/scenario.h>
#include <microhttpd.h>

#include <istream>
#include <iterator>
#include <string>

namespace {

std::string asked(std::uint16_t port) {
  Poco::Net::HTTPClientSession session("127.0.0.1", port);
  Poco::Net::HTTPRequest request(Poco::Net::HTTPRequest::HTTP_GET, "/");
  Poco::Net::HTTPResponse response;
  session.sendRequest(request);
  return {std::istreambuf_iterator<char>(session.receiveResponse(response)), {}};
}

MHD_Result says_hello(void*, MHD_Connection* connection, const char*, const char*, const char*, const char*, std::size_t*, void**) {
  static char hello[] = "hello";
  MHD_Response* const response = MHD_create_response_from_buffer(5, hello, MHD_RESPMEM_PERSISTENT);
  const MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
  MHD_destroy_response(response);
  return queued;
}

void serve_with_microhttpd(unsigned flags) {
  MHD_Daemon* const daemon = MHD_start_daemon(flags, 8888, nullptr, nullptr, says_hello, nullptr, MHD_OPTION_END);
  FORESEED_CHECK(daemon != nullptr);
  FORESEED_CHECK(asked(8888) == "hello");
  MHD_stop_daemon(daemon);
}

struct Hello : Poco::Net::HTTPRequestHandler {
  void handleRequest(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse& response) override { response.send() << "hello"; }
};
struct Hellos : Poco::Net::HTTPRequestHandlerFactory {
  Poco::Net::HTTPRequestHandler* createRequestHandler(const Poco::Net::HTTPServerRequest&) override { return new Hello; }
};

}  // namespace

FORESEED_SCENARIO(microhttpd_poll, "one thread that polls") { serve_with_microhttpd(MHD_USE_POLL_INTERNAL_THREAD); }
FORESEED_SCENARIO(microhttpd_epoll, "one thread and epoll") { serve_with_microhttpd(MHD_USE_EPOLL_INTERNAL_THREAD); }
FORESEED_SCENARIO(microhttpd_threads, "a thread for each connection") {
  serve_with_microhttpd(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD);
}

FORESEED_SCENARIO(poco_server, "a pool of threads") {
  Poco::ThreadPool pool(2, 4);
  const Poco::Net::ServerSocket socket(9000);
  Poco::Net::HTTPServer server(new Hellos, pool, socket, new Poco::Net::HTTPServerParams);
  server.start();
  FORESEED_CHECK(asked(9000) == "hello");
  server.stopAll(true);
  pool.joinAll();
}
