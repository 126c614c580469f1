#pragma once
// The answers of an execution, in memory that can be another process's too: where the code under test takes its process
// down, the parent still reads which choices led there.
//
// A fixed piece of address space, of which only what is written costs memory. Host code; one writer.

#include <cstddef>
#include <cstdint>
#include <span>

namespace foreseed {

struct Choice;

class ChoiceLog {
 public:
  /// More choices than an execution may have steps.
  static constexpr std::size_t capacity = std::size_t{1} << 26;

  /// Room for a log that forked processes share; null where there is none.
  static void* shared_room();
  static void release(void* room);
  /// What was written into such room.
  static std::span<const Choice> read(const void* room);

  /// Writes into `room` from now on, or, at null, into room of its own.
  void use(void* room);

  void clear();
  void push_back(const Choice& choice);
  std::size_t size() const { return area_ == nullptr ? 0 : area_->size; }
  const Choice* data() const;
  operator std::span<const Choice>() const;

 private:
  struct Area {
    std::uint64_t size;
    std::uint64_t unused;  // choices stand at a multiple of 16
  };
  static Choice* choices(Area* area);
  static void* map(int sharing);
  [[noreturn]] static void full();

  Area* area_ = nullptr;
};

}  // namespace foreseed
