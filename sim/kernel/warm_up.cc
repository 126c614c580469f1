// Compiled against libstdc++'s own instantiations (see CMakeLists.txt): it is their state that is warmed up.

#include "kernel/warm_up.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

#include "api/foreseed/scenario.h"

namespace foreseed {

namespace {

struct Program {
  const char* name;
  void (*body)();
};
std::vector<Program>& of_the_program() {
  static auto& all = *new std::vector<Program>;
  return all;
}

}  // namespace

WarmUp::WarmUp(const char* name, void (*body)()) { of_the_program().push_back({name, body}); }

void warm_up() {
  static bool done = false;
  if (done) return;
  done = true;
  try {
    throw 0;
  } catch (int) {
  }
  std::ostringstream out;
  out << 1 << ' ' << 2u << ' ' << 3ll << ' ' << 1.5 << ' ' << std::boolalpha << true << ' ' << std::hex << 255 << ' '
      << static_cast<const void*>(&out);
  std::istringstream in("1 2 1.5 word");
  int number = 0;
  unsigned other = 0;
  double real = 0;
  std::string word;
  in >> number >> other >> real >> word;
  const std::tm time{};
  out << std::put_time(&time, "%F %T");
  for (const auto& [name, body] : of_the_program()) {
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "foreseed: the warm-up \"%s\", which runs natively before the first execution, failed: %s\n", name,
                   error.what());
      std::_Exit(2);
    }
  }
}

}  // namespace foreseed
