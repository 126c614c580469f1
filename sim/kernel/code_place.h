#pragma once
// Code addresses as what they are in every process that has loaded the same modules. Host code.

#include <cstdint>
#include <string>
#include <string_view>

namespace foreseed {

struct CodePlace {
  std::string module;        ///< file name, "" = the program itself
  std::uint64_t offset = 0;  ///< from where the module is loaded
};

/// Of an address in no module: offset 0.
CodePlace code_place(std::uintptr_t address);
/// 0 if no such module is loaded.
std::uintptr_t code_address(std::string_view module, std::uint64_t offset);

}  // namespace foreseed
