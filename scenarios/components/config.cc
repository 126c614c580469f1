// Configuration: what switches authentication off, what a secret may be, and a reload that fails.

#include <fcntl.h>
#include <foreseed/scenario.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "config/environment.h"
#include "config/secret.h"
#include "config/settings.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

/// Nothing where the process must not start.
std::optional<bool> enforced(const std::string& environment) {
  const auto parsed = config::parse_environment(environment);
  if (const auto* good = std::get_if<config::Environment>(&parsed)) return good->enforce_auth;
  return std::nullopt;
}

bool is_secret(const std::string& bytes) {
  const auto secret = config::Secret::from_bytes(bytes);
  const auto* good = std::get_if<config::Secret>(&secret);
  if (good != nullptr) FORESEED_CHECK(good->bytes() == bytes);
  return good != nullptr;
}

}  // namespace

FORESEED_SCENARIO(config_environment, "only the names of the list switch authentication off, however they are written (holds)") {
  for (const char* name : {"production", "PRODUCTION", "production\n", " Production\r\n", "prod", "staging", "", "yes", "tests",
                           "production\u00a0", "\ufeffproduction", "de v"}) {
    FORESEED_CHECK(enforced(name) == true);
  }
  for (const char* name : {"dev", "DEV", "\tTesting \n", "ci\u00a0", "\ufefflocal"}) FORESEED_CHECK(enforced(name) == false);
  FORESEED_CHECK(!enforced("dev\0x"s) && !enforced("production\0"s) && !enforced("de\x7fv") && !enforced(std::string(65, 'a')));
}

FORESEED_SCENARIO(config_secret, "a secret is any 32 to 1024 bytes, as they are, from a file that is its owner's alone (holds)") {
  for (const char byte : {'a', ' ', '\0', '\xf0'}) {
    FORESEED_CHECK(!is_secret(std::string(31, byte)) && is_secret(std::string(32, byte)));
    FORESEED_CHECK(is_secret(std::string(1024, byte)) && !is_secret(std::string(1025, byte)));
  }
  const std::string bytes = "  " + std::string(40, 'k') + "  \n";
  FORESEED_CHECK(is_secret(bytes));
  const int fd = open("secret", O_WRONLY | O_CREAT, 0600);
  FORESEED_CHECK(fd >= 0 && write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const auto readable = [] { return std::holds_alternative<config::Secret>(config::Secret::from_file("secret")); };
  FORESEED_CHECK(readable());
  for (const unsigned mode : {0644U, 0640U, 0604U, 0444U}) {
    FORESEED_CHECK(fchmod(fd, mode) == 0 && !readable());
  }
  close(fd);
}

FORESEED_SCENARIO(config_reload, "readers see one whole configuration or another; a reload that fails changes nothing (holds)") {
  struct Pool {
    std::int64_t size = 1, most = 1;
  };
  config::Live<Pool> live(Pool{});
  const auto parse = [](config::Settings& settings) {
    Pool pool;
    pool.size = settings.integer("size", 1, 1, 100);
    pool.most = settings.integer("most", 1, 1, 100);
    settings.require(pool.size <= pool.most, "size must be at most most");
    return pool;
  };
  const auto look = [&] {
    const auto pool = live.get();
    FORESEED_CHECK(pool->size == pool->most && pool->size != 50);
  };
  std::thread reader([&] {
    for (int i = 0; i < 3; ++i) look();
  });
  std::thread wrong([&] {
    FORESEED_CHECK(!live.reload({{"size", "50"}, {"most", "20"}}, parse).empty());
    look();
    FORESEED_CHECK(!live.reload({{"size", "50"}, {"most", "50"}, {"sise", "3"}}, parse).empty());
    look();
    FORESEED_CHECK(!live.reload({{"size", "50"}, {"most", "50 "}, {"mosd", ""}}, parse).empty());
    look();
    FORESEED_CHECK(!live.reload({{"size", "50x"}, {"most", "50"}}, parse).empty());
    look();
  });
  FORESEED_CHECK(live.reload({{"size", "7"}, {"most", "7"}}, parse).empty());
  reader.join();
  wrong.join();
  FORESEED_CHECK(live.get()->size == 7);
}
