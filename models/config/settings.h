// Settings as text, to values: everything is parsed and judged before anything is used (catalogue S2-12).
//
// A Settings reads typed values out of KEY=value pairs, collects every complaint rather than stop at the first, and in
// the end also complains about keys that nobody asked for: a misspelt key must not pass as a default. Live<T> holds the
// configuration in force; a reload that fails leaves it as it was (S2-12), readers see one whole configuration or
// another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace config {

using Pairs = std::map<std::string, std::string>;

/// Sequential; one per reading.
class Settings {
 public:
  explicit Settings(Pairs pairs) : pairs_(std::move(pairs)) {}

  /// Each returns `fallback` where the key is not set, and where it is wrong, which is noted. Surrounding whitespace
  /// does not count (except in `text`); no other form is understood: no sign where none can be, no suffix but the ones
  /// named.
  std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t low, std::int64_t high);
  bool boolean(const std::string& key, bool fallback);  ///< true, false; not yes, on, 1
  /// A whole number and one of ns, us, ms, s, m, h.
  std::chrono::nanoseconds duration(const std::string& key, std::chrono::nanoseconds fallback,
                                    std::chrono::nanoseconds low, std::chrono::nanoseconds high);
  std::string text(const std::string& key, const std::string& fallback, std::size_t bytes_max);

  /// A rule between values, for instance "pool.size + pool.overflow must be at most pool.server_max".
  void require(bool holds, const std::string& complaint);

  /// What was wrong, each naming the key and what is allowed; values are not repeated. Empty: all is well.
  std::vector<std::string> complaints() const;

 private:
  const std::string* find(const std::string& key);
  Pairs pairs_;
  std::map<std::string, bool> asked_;
  std::vector<std::string> complaints_;
};

/// Any thread.
template <class T>
class Live {
 public:
  explicit Live(T initial) : value_(std::make_shared<const T>(std::move(initial))) {}

  std::shared_ptr<const T> get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

  /// `parse` reads a T out of the settings. Returns the complaints; where there are any nothing has changed.
  std::vector<std::string> reload(Pairs pairs, const std::function<T(Settings&)>& parse) {
    Settings settings(std::move(pairs));
    auto value = std::make_shared<const T>(parse(settings));
    auto complaints = settings.complaints();
    if (!complaints.empty()) return complaints;
    {
      std::lock_guard lock(mutex_);
      value_.swap(value);
    }
    return {};  // the old one lives as long as somebody reads it, and goes under no lock
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;  // guarded by mutex_
};

}  // namespace config
