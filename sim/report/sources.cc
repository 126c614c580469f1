#include "report/sources.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>

namespace foreseed::report {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t lines_around = 4;
constexpr std::size_t file_bytes_max = std::size_t{8} << 20;
constexpr std::size_t line_bytes_max = 400;

bool is_source_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 14> endings = {".c",  ".cc",  ".cpp", ".cxx", ".c++", ".h",   ".hh",
                                                               ".hpp", ".hxx", ".h++", ".inl", ".ipp", ".tcc", ".inc"};
  return std::find(endings.begin(), endings.end(), path.extension().string()) != endings.end();
}

bool may_be_read(const fs::path& name) {
  std::error_code error;
  const fs::path here = fs::canonical(fs::current_path(error), error);
  const fs::path file = fs::canonical(name, error);
  if (error || !is_source_name(file) || !fs::is_regular_file(file, error)) return false;
  const fs::path relative = file.lexically_relative(here);
  return !relative.empty() && *relative.begin() != ".." && fs::file_size(file, error) <= file_bytes_max && !error;
}

/// The source below the working directory that `name` most likely means, or nothing. A trace may come from another
/// checkout ("/ci/checkout/src/a.cc"), and compilers may write paths relative to the build directory ("../../src/a.cc"):
/// the longest tail that exists, of a directory at least, is it.
fs::path found_as(const fs::path& name) {
  if (may_be_read(name)) return name;
  const fs::path relative = name.relative_path();
  for (auto from = relative.begin(); from != relative.end() && std::next(from) != relative.end(); ++from) {
    fs::path tail;
    for (auto part = from; part != relative.end(); ++part) tail /= *part;
    if (may_be_read(tail)) return tail;
  }
  return {};
}

}  // namespace

Excerpts excerpts_of(const Trace& trace) {
  std::map<std::string, std::set<std::uint32_t>> wanted;
  for (const Frame& frame : trace.frames) {
    if (frame.user && !frame.file.empty() && frame.line != 0) wanted[frame.file].insert(frame.line);
  }
  Excerpts excerpts;
  for (const auto& [name, lines] : wanted) {
    const fs::path path = found_as(name);
    if (path.empty()) continue;
    std::ifstream in(path);
    std::string text;
    for (std::uint32_t number = 1; std::getline(in, text); ++number) {
      const auto near = lines.lower_bound(number > lines_around ? number - lines_around : 1);
      if (near == lines.end()) break;
      if (*near <= number + lines_around) excerpts[name][number] = text.substr(0, line_bytes_max);
    }
  }
  return excerpts;
}

}  // namespace foreseed::report
