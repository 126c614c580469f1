#pragma once
// The state of a search as bytes: for another process, or for a checkpoint. Fixed widths, the machine's byte order.

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace foreseed::explore {

/// What was to be read is not what was written.
struct ArchiveError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Writer {
 public:
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void put(std::string_view text) {
    put(std::uint64_t{text.size()});
    out_.append(text);
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(std::uint64_t{values.size()});
    for (const T& value : values) put(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void get(T& value) {
    std::memcpy(&value, bytes(sizeof(T)).data(), sizeof(T));
  }
  void get(std::string& text) { text = bytes(get<std::uint64_t>()); }
  template <typename T>
  void get(std::vector<T>& values) {
    const auto count = get<std::uint64_t>();
    if (count > in_.size()) throw ArchiveError("it ends too soon");
    values.resize(count);
    for (T& value : values) get(value);
  }
  template <typename T>
  T get() {
    T value;
    get(value);
    return value;
  }
  bool at_end() const { return in_.empty(); }

 private:
  std::string_view bytes(std::uint64_t count) {
    if (count > in_.size()) throw ArchiveError("it ends too soon");
    const std::string_view result = in_.substr(0, count);
    in_.remove_prefix(count);
    return result;
  }

  std::string_view in_;
};

}  // namespace foreseed::explore
