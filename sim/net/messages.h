#pragma once
// Messages between hosts, for the record. In executions that are not recorded each of these does nothing, and a message's
// number is 0.

#include <cstdint>

#include "kernel/world.h"

namespace foreseed::net {

/// The record of a message; null where there is none. Valid until the next is sent.
inline Message* recorded_message(std::uint32_t number) {
  return __builtin_expect(number != 0, 0) ? &World::get().recorded()->messages[number - 1] : nullptr;
}

/// A message sets out; `by_task`: the running task sends it. Returns its number.
std::uint32_t record_sent(const char* what, std::uint32_t from_host, std::uint32_t to_host, std::size_t bytes, bool by_task);

inline std::uint32_t message_sent(const char* what, std::uint32_t from_host, std::uint32_t to_host, std::size_t bytes,
                                  bool by_task) {
  return __builtin_expect(World::get().recording(), 0) ? record_sent(what, from_host, to_host, bytes, by_task) : 0;
}

inline void message_lost(std::uint32_t number) {
  if (Message* const message = recorded_message(number); message != nullptr) ++message->losses;
}

/// It has arrived at the socket with that number.
inline void message_arrived(std::uint32_t number, std::uint32_t object) {
  Message* const message = recorded_message(number);
  if (message == nullptr) return;
  message->arrived = true;
  message->arrived_ns = World::get().now();
  message->arrived_step = World::get().step();
  message->object = object;
}

}  // namespace foreseed::net
