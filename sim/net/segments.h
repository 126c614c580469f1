#pragma once
// TCP's segments on their way between two sockets. Those of one connection never overtake each other: where one is lost,
// those behind it wait until it was sent again (RFC 6298: after 200 ms at first, then each time twice as long).

#include <cstdint>

#include "net/socket.h"

namespace foreseed::net {

/// The running task sends it from the host of `from` to its peer.
void send_to_peer(Socket& from, Segment::Kind kind, std::uint32_t size = 0);

/// The first segment of a connection, to a host that has its remote address; sent again where it is lost.
void send_syn(Socket& client, std::uint32_t host);
/// The same where no host has it: nobody ever answers.
void give_up_connecting(Socket& client);

/// The connection is gone, for the reason `error`.
void reset_arrived(Socket& socket, int error);

}  // namespace foreseed::net
