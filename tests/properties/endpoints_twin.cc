// The known-bad twin of the property of endpoints: services as one writes them at first.

#include "properties/endpoints.h"

namespace properties {

namespace {

/// Believes that what arrives is a JSON object with the right fields.
class TrustingService {
 public:
  TrustingService(const char* name, int port)
      : host_(name, [this, port] {
          const auto believe = [](const httplib::Request& request, httplib::Response& response) {
            const auto body = nlohmann::json::parse(request.body);
            response.status = body.at("item").get<std::string>().empty() ? 400 : 201;
          };
          server_.Post("/orders", believe);
          server_.Post("/validate", believe);
          server_.listen("0.0.0.0", port);
        }) {
    while (!server_.is_running()) std::this_thread::sleep_for(1ms);
  }
  void stop() {
    server_.stop();
    host_.join();
  }

 private:
  httplib::Server server_;
  foreseed::Host host_;
};

struct TrustingTown {
  void stop() {
    oms.stop();
    iam.stop();
  }
  TrustingService iam{"iam", 8081};
  TrustingService oms{"oms", 8080};
};

}  // namespace

FORESEED_PROPERTY(endpoints, "believes what arrives", (up_to(5, bad_requests())), const std::vector<BadRequest>& requests) {
  check_endpoints<TrustingTown>(requests);
}

}  // namespace properties
