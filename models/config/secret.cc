#include "config/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace config {
namespace {

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

ConfigError about(const std::string& path, const std::string& what) { return {"secret file " + path + ": " + what}; }

std::string reason(int code) { return std::generic_category().message(code); }

}  // namespace

std::variant<Secret, ConfigError> Secret::from_bytes(std::string_view bytes) {
  if (bytes.size() < secret_bytes_min || bytes.size() > secret_bytes_max) {
    return ConfigError{"secret: " + std::to_string(bytes.size()) + " bytes, must be in [" +
                       std::to_string(secret_bytes_min) + ", " + std::to_string(secret_bytes_max) + "]"};
  }
  return Secret(bytes);
}

std::variant<Secret, ConfigError> Secret::from_file(const std::string& path) {
  if (path.find('\0') != std::string::npos) return ConfigError{"secret file: its name holds a NUL"};
  const File file(path);
  struct stat status {};
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) return about(path, reason(errno));
  if (!S_ISREG(status.st_mode)) return about(path, "is no regular file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return about(path, "is open to others than its owner; chmod 600 it");
  std::array<char, secret_bytes_max + 1> bytes;
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(file.fd(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return about(path, reason(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  auto secret = from_bytes({bytes.data(), size});
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (auto* error = std::get_if<ConfigError>(&secret)) {
    return about(path,
                 size > secret_bytes_max ? "more than " + std::to_string(secret_bytes_max) + " bytes" : error->message);
  }
  return secret;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

void Secret::wipe() noexcept { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

}  // namespace config
