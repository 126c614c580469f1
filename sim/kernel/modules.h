#pragma once
// Which loaded modules belong to the host (the simulator, what only it uses, and libc) and which are the program under
// test with its libraries.

#include <string_view>

namespace foreseed {

/// The file name of a module as the loader names it; "" stands for the main executable.
inline std::string_view module_file(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Whether a module of that file name is the host's: its memory is not put back between runs, and its allocations never
/// come from a run's heap.
inline bool is_host_module(std::string_view file) {
  using namespace std::string_view_literals;
  constexpr std::string_view host[] = {"libforeseed."sv, "libboost_fiber."sv, "libboost_context."sv,
#ifndef FORESEED_OWN_SQLITE
                                       "libsqlite3."sv,
#endif
                                       "libdw."sv, "libelf."sv, "libdw-"sv, "libelf-"sv, "libbz2."sv, "liblzma."sv,
                                       "libc."sv, "ld-linux-"sv, "linux-vdso."sv, "libgcc_s."sv, "libm."sv,
                                       "libdl."sv, "libpthread."sv, "libboost_filesystem."sv, "liblsan."sv,
                                       "libasan."sv, "libubsan."sv};
  for (const std::string_view prefix : host) {
    if (file.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace foreseed
