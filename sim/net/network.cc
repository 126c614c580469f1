#include "net/network.h"

#include "net/datagram.h"
#include "net/local.h"
#include "net/socket.h"

namespace foreseed::net {

Network Network::instance_;

void Network::begin_run() {
  if (count_ != 0) {
    names_.clear();
    links_.clear();
  }
  count_ = 0;
  sockets_used_ = 0;
  ++run_;
  ++bindings_;
  local_begin_run();
}

void Network::drop_clocks() {
  for (std::size_t i = 0; i < sockets_used_; ++i) sockets_[i]->clock.clear();
}

Machine& Network::machine(std::uint32_t index) {
  if (count_ == 0) machine_index("client");
  return *machines_[index];
}

std::uint32_t Network::machine_index(std::string_view name) {
  if (count_ == 0 && name != "client") machine_index("client");
  if (const auto it = names_.find(name); it != names_.end()) return it->second;
  if (count_ == machines_.size()) machines_.push_back(std::make_unique<Machine>());
  Machine& machine = *machines_[count_];
  machine.name = name;
  machine.unknown = machine.down = false;
  machine.main = nullptr;
  machine.address = first_address + count_;
  machine.next_port = 32768;
  machine.bound.clear();
  machine.bound_datagrams.clear();
  names_.emplace(machine.name, count_);
  return count_++;
}

std::int64_t Network::route(std::uint32_t from, std::uint32_t address) {
  machine(from);
  if (address == 0 || address >> 24 == 127) return from;
  if (address < first_address || address - first_address >= count_) return -1;
  return address - first_address;
}

std::uint32_t Network::resolve(std::uint32_t from, std::string_view name) {
  machine(from);
  if (name == "localhost") return loopback;
  const auto it = names_.find(name);
  return it == names_.end() || machines_[it->second]->unknown ? 0 : machines_[it->second]->address;
}

std::string Network::hosts_file() {
  machine(0);  // the body's, where nobody asked for it yet
  std::string text = "127.0.0.1 localhost\n";
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Machine& machine = *machines_[i];
    const std::uint32_t a = machine.address;
    if (machine.unknown) continue;
    for (const int shift : {24, 16, 8, 0}) text += std::to_string(a >> shift & 255) + (shift == 0 ? ' ' : '.');
    text += machine.name + '\n';
  }
  return text;
}

Link& Network::link(std::uint32_t from, std::uint32_t to) {
  const std::uint64_t key = std::uint64_t{from} << 32 | to;
  Known& known = known_[key * 0x9e3779b97f4a7c15ull >> 56];
  if (known.key == key && known.run == run_) return *known.link;
  const auto [it, fresh] = links_.try_emplace(key);
  if (fresh && from == to) it->second.delay.low_ns = 10'000;
  known = {key, run_, &it->second};
  return it->second;
}

Socket& Network::new_socket(std::uint32_t host) {
  if (sockets_used_ == sockets_.size()) {
    Socket& made = *sockets_.emplace_back(std::make_unique<Socket>());
    ++sockets_used_;
    made.host = host;
    return made;
  }
  Socket& socket = *sockets_[sockets_used_++];
  const std::uint64_t generation = socket.generation + 1;
  // Buffers keep their capacity.
  std::string arrived = std::move(socket.arrived);
  std::string under_way = std::move(socket.under_way);
  arrived.clear();
  under_way.clear();
  socket.~Socket();
  new (&socket) Socket;
  socket.arrived = std::move(arrived);
  socket.under_way = std::move(under_way);
  socket.generation = generation;
  socket.host = host;
  return socket;
}

void Network::crash(std::uint32_t host) {
  Machine& machine = this->machine(host);
  machine.down = true;
  ++bindings_;
  machine.bound.clear();
  machine.bound_datagrams.clear();
  for (std::size_t i = 0; i < sockets_used_; ++i) {
    if (sockets_[i]->host == host) vanish(*sockets_[i]);
  }
  io::close_all(host);
}

void Network::reset_connections(std::uint32_t one, std::uint32_t other) {
  for (std::size_t i = 0; i < sockets_used_; ++i) {
    Socket& socket = *sockets_[i];
    if (socket.state != SocketState::connected || socket.peer == nullptr) continue;
    const std::uint32_t there = socket.peer->host;
    if ((socket.host == one && there == other) || (socket.host == other && there == one)) break_connection(socket);
  }
}

void Network::forget_connections(std::uint32_t host, std::uint32_t other) {
  for (std::size_t i = 0; i < sockets_used_; ++i) {
    Socket& socket = *sockets_[i];
    if (socket.state != SocketState::connected || socket.peer == nullptr) continue;
    if (socket.host == host && socket.peer->host == other) forget_connection(socket);
  }
}

}  // namespace foreseed::net

void foreseed::net_install() {
  RunHooks hooks;
  hooks.begin = [] { net::Network::get().begin_run(); };
  hooks.drop_clocks = [] { net::Network::get().drop_clocks(); };
  hooks.end = [] {
    net::datagrams_end_run();
    Recording* const recording = World::get().recorded();
    if (__builtin_expect(recording == nullptr, 1)) return;
    net::Network& network = net::Network::get();
    network.machine(0);  // the body's, where nobody asked for it yet
    for (std::uint32_t i = 0; i < network.machine_count(); ++i) recording->hosts.push_back(network.machine(i).name);
  };
  World::get().add_hooks(hooks);
  World::get().fetch_for_message = net::fetch_for_message;
}
