// Which paths are the host's own.

#include <fcntl.h>

#include <algorithm>
#include <string>

#include "files/names.h"
#include "io/descriptors.h"

namespace foreseed::files {

namespace {

using namespace std::string_view_literals;

/// These, and everything below them. docs/limits.md names them.
constexpr std::string_view host_paths[] = {
    "/etc/localtime"sv,
    "/etc/timezone"sv,
    "/usr/share/zoneinfo"sv,
    "/usr/lib/locale"sv,
    "/usr/share/locale"sv,
    "/etc/ssl"sv,
    "/usr/lib/ssl"sv,
    "/usr/local/ssl"sv,
    "/usr/share/ca-certificates"sv,
    "/etc/pki"sv,
    "/etc/crypto-policies"sv,
    "/lib/x86_64-linux-gnu"sv,
    "/usr/lib/x86_64-linux-gnu"sv,
    "/lib64"sv,
    "/usr/lib64"sv,
    "/proc/self"sv,
    "/sys"sv,
    "/etc/ld.so.cache"sv,
    "/etc/nsswitch.conf"sv,
    "/etc/host.conf"sv,
    "/etc/gai.conf"sv,
    "/etc/services"sv,
    "/etc/protocols"sv,
    "/etc/passwd"sv,
    "/etc/group"sv,
    "/etc/mime.types"sv,
};

/// An absolute path without empty parts, "." and "..".
std::string plain(std::string_view path) {
  std::string out;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      out.erase(out.empty() ? 0 : out.rfind('/'));
    } else {
      out += '/';
      out += name;
    }
  }
  return out;
}

}  // namespace

bool passes_to_host(int directory, const char* path) {
  if (path == nullptr) return false;
  if (path[0] != '/' && directory != AT_FDCWD) return !io::is_virtual(directory);
  const std::string wanted = plain(path);
  for (const std::string_view host : host_paths) {
    if (wanted.starts_with(host) && (wanted.size() == host.size() || wanted[host.size()] == '/')) return true;
  }
  return false;
}

}  // namespace foreseed::files
