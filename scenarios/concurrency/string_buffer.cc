// The string buffer of Flanagan and Qadeer (PLDI 2003): each call locks, and yet append() is not atomic.

#include <foreseed/scenario.h>

#include <mutex>
#include <string>

#include "together.h"

namespace {

class StringBuffer {
 public:
  explicit StringBuffer(std::string text) : text_(std::move(text)) {}

  std::size_t length() const {
    const std::lock_guard lock(mutex_);
    return text_.size();
  }
  std::string first(std::size_t count) const {
    const std::lock_guard lock(mutex_);
    FORESEED_CHECK(count <= text_.size());
    return text_.substr(0, count);
  }
  void erase_all() {
    const std::lock_guard lock(mutex_);
    text_.clear();
  }

  void append_in_two_steps(const StringBuffer& other) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = other.length();
    text_ += other.first(count);  // there may be less by now
  }
  void append(const StringBuffer& other) {
    const std::scoped_lock both(mutex_, other.mutex_);
    text_ += other.text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace

FORESEED_SCENARIO(string_buffer_broken, "what is appended grows shorter meanwhile (fails: check)") {
  StringBuffer buffer("abc");
  StringBuffer other("def");
  together([&] { buffer.append_in_two_steps(other); }, [&] { other.erase_all(); });
}

FORESEED_SCENARIO(string_buffer, "the repaired twin: both are locked (holds)") {
  StringBuffer buffer("abc");
  StringBuffer other("def");
  together([&] { buffer.append(other); }, [&] { other.erase_all(); });
  FORESEED_CHECK(buffer.length() == 3 || buffer.length() == 6);
}
