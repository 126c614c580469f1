#include "campaign/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "explore/archive.h"
#include "trace/trace.h"

namespace foreseed {

namespace {

constexpr std::string_view heading = "foreseed checkpoint 1\n";

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

class File {
 public:
  File(const std::string& path, int flags) : file_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (file_ >= 0) close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool write_all(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = write(file_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool sync() const { return fsync(file_) == 0; }
  bool is_open() const { return file_ >= 0; }

 private:
  int file_;
};

void refuse(const std::string& path, const std::string& why) {
  throw UnreadableError(fmt::format("{}: {}", path, why));
}

void compare(const std::string& path, const SearchIdentity& wanted, const SearchIdentity& found) {
  if (wanted.size() != found.size()) refuse(path, "a checkpoint of another version of foreseed");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == found[i]) continue;
    refuse(path, fmt::format("a checkpoint of another search: its {} is '{}', not '{}'", found[i].first, found[i].second, wanted[i].second));
  }
}

}  // namespace

void write_checkpoint(const std::string& path, const SearchIdentity& identity, const std::string& state) {
  explore::Writer body;
  body.put(std::uint64_t{identity.size()});
  for (const auto& [name, value] : identity) {
    body.put(name);
    body.put(value);
  }
  body.put(state);
  const std::string text = body.take();
  explore::Writer front;
  front.put(std::uint64_t{text.size()});
  front.put(hash_of(text));
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!directory.empty()) std::filesystem::create_directories(directory, ignored);
  const std::string beside = path + ".new";
  const File file(beside, O_WRONLY | O_CREAT | O_TRUNC);
  const bool written = file.is_open() && file.write_all(heading) && file.write_all(front.take()) && file.write_all(text) &&
                       file.sync() && std::rename(beside.c_str(), path.c_str()) == 0;
  if (!written) throw std::runtime_error(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
  static_cast<void>(File(directory.empty() ? "." : directory.string(), O_RDONLY | O_DIRECTORY).sync());
}

std::string read_checkpoint(const std::string& path, const SearchIdentity& identity) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (std::filesystem::exists(path)) refuse(path, "cannot be read");
    return "";
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!text.starts_with(heading)) refuse(path, "no checkpoint, or one of another version of foreseed");
  try {
    const std::string_view rest = std::string_view(text).substr(heading.size());
    explore::Reader front(rest);
    const auto size = front.get<std::uint64_t>();
    const auto hash = front.get<std::uint64_t>();
    const std::string_view body = rest.substr(16);
    if (body.size() != size || hash_of(body) != hash) refuse(path, "a damaged checkpoint");
    explore::Reader in(body);
    SearchIdentity found(in.get<std::uint64_t>());
    for (auto& [name, value] : found) {
      in.get(name);
      in.get(value);
    }
    compare(path, identity, found);
    std::string state;
    in.get(state);
    return state;
  } catch (const explore::ArchiveError& error) {
    throw UnreadableError(fmt::format("{}: a damaged checkpoint: {}", path, error.what()));
  }
}

}  // namespace foreseed
