#pragma once
// The hosts of one world and the links between them: names, addresses, latency.
//
// Host 0 is "client", where the scenario's body runs; others are made when they are first named. Host i has the address
// 10.0.0.(i+1), beside 127.0.0.1. State lives as long as a run; memory is used again by the next. Simulator code only.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/world.h"
#include "net/link.h"

namespace foreseed {
void net_install();
}

namespace foreseed::net {

struct Socket;
struct DatagramSocket;

inline constexpr std::uint32_t loopback = 0x7f000001;
inline constexpr std::uint32_t first_address = 0x0a000001;

struct Machine {
  std::string name;
  bool unknown = false;                  ///< its name cannot be resolved now
  bool down = false;                     ///< crashed and not up again: what is sent to it is lost
  std::function<void()>* main = nullptr; ///< what runs there, on the run's heap
  std::uint32_t main_task = 0;           ///< its first task, of its present life
  std::uint32_t address = 0;             ///< IPv4, host byte order
  std::uint16_t next_port = 32768;       ///< ephemeral ports, in order
  std::vector<Socket*> bound;            ///< sockets that own a TCP port
  std::vector<DatagramSocket*> bound_datagrams;  ///< sockets that own a UDP port, in the order of bind()
};

/// What SOL_SOCKET's options were set to.
struct SocketOptions {
  bool reuse_address = false;
  bool reuse_port = false;
  bool keep_alive = false;
  bool broadcast = false;
  bool linger_on = false;
  int linger_s = 0;
  std::uint64_t receive_timeout_ns = 0;  ///< 0 = none
  std::uint64_t send_timeout_ns = 0;     ///< 0 = none
  bool shares_port() const { return reuse_address || reuse_port; }
};

class Network {
 public:
  static Network& get() { return instance_; }

  void begin_run();
  void drop_clocks();

  std::uint32_t machine_index(std::string_view name);  ///< made if new
  Machine& machine(std::uint32_t index);
  Machine& here() { return machine(World::get().current().host); }
  std::uint32_t machine_count() const { return count_; }

  /// The index of the host that `address` reaches from host `from`; -1 if there is none.
  std::int64_t route(std::uint32_t from, std::uint32_t address);
  /// The address of a name as host `from` sees it; 0 if it is not known.
  std::uint32_t resolve(std::uint32_t from, std::string_view name);

  /// The same of all names, as /etc/hosts tells it.
  std::string hosts_file();

  /// The way from one host to another (or to itself).
  Link& link(std::uint32_t from, std::uint32_t to);

  /// Power is lost: its sockets are gone, and those at the other ends hear nothing. Up again, it knows nothing of them.
  void crash(std::uint32_t host);
  void start(std::uint32_t host) {
    machine(host).down = false;
    binding_changed();
  }
  /// Connections between two hosts break on both sides.
  void reset_connections(std::uint32_t one, std::uint32_t other);
  /// The first of two hosts forgets its connections with the other.
  void forget_connections(std::uint32_t host, std::uint32_t other);

  /// Counts what changes where datagrams go: bindings, connections, hosts that go down and come up.
  std::uint64_t bindings() const { return bindings_; }
  void binding_changed() { ++bindings_; }

  /// A socket without a past; lives until the end of the run.
  Socket& new_socket(std::uint32_t host);

 private:
  static Network instance_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::uint32_t count_ = 0;
  std::unordered_map<std::string_view, std::uint32_t> names_;  ///< of the machines in use; looked up only
  std::unordered_map<std::uint64_t, Link> links_;  ///< looked up only, never walked
  struct Known {
    std::uint64_t key = 0;
    std::uint64_t run = 0;  ///< that it was of
    Link* link = nullptr;
  };
  Known known_[256];       ///< of those asked for lately, each has its place
  std::uint64_t run_ = 0;
  std::uint64_t bindings_ = 1;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::size_t sockets_used_ = 0;
};

}  // namespace foreseed::net
