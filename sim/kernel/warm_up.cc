// Compiled against libstdc++'s own instantiations (see CMakeLists.txt): it is their state that is warmed up.

#include "kernel/warm_up.h"

#include <chrono>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

namespace foreseed {

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
}

}  // namespace foreseed
