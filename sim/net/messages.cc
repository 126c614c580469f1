#include "net/messages.h"

namespace foreseed::net {

std::uint32_t record_sent(const char* what, std::uint32_t from_host, std::uint32_t to_host, std::size_t bytes, bool by_task) {
  World& world = World::get();
  Message message;
  message.sent_ns = world.now();
  message.sent_step = world.step() + 1;
  message.task = by_task ? static_cast<std::uint16_t>(world.current().id) : Message::no_task;
  message.from_host = static_cast<std::uint16_t>(from_host);
  message.to_host = static_cast<std::uint16_t>(to_host);
  message.what = what;
  message.bytes = static_cast<std::uint32_t>(bytes);
  auto& messages = world.recorded()->messages;
  messages.push_back(std::move(message));
  return static_cast<std::uint32_t>(messages.size());
}

}  // namespace foreseed::net
