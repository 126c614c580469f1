#pragma once

#include <rapidcheck.h>

#include <string>
#include <vector>

namespace properties {

/// Bytes of every kind: printable, control, NUL, high, pieces of UTF-8, and now and then a great many.
inline rc::Gen<std::string> bytes() {
  const auto byte = rc::gen::oneOf(rc::gen::inRange(0, 256), rc::gen::inRange(32, 127), rc::gen::element(0, 9, 10, 13, 127, 0xc2, 0xa0, 0xe2, 0x80, 0xef, 0xbb, 0xbf));
  const auto few = rc::gen::map(rc::gen::container<std::vector<int>>(byte), [](const std::vector<int>& v) { return std::string(v.begin(), v.end()); });
  const auto many = rc::gen::map(byte, [](int b) { return std::string(1 << 20, static_cast<char>(b)); });
  return rc::gen::oneOf(few, few, few, many);
}

}  // namespace properties
