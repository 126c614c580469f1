#pragma once
// Sockets of the Unix domain by name. Both ends are on one host, so there is no link between them: what is sent has arrived.
// Source of behaviour: unix(7), and Linux where programs can tell.
//
// As in socket.h and datagram.h, each function is a socket call of the running task.

#include <string>

#include "net/datagram.h"
#include "net/socket.h"

namespace foreseed::net {

/// What a program puts into sun_path.
struct LocalName {
  std::string text;            ///< a path; or from a '\0' on, an abstract name; or empty: none
  const void* file = nullptr;  ///< what a path leads to, told apart by its address
  long error = 0;              ///< why it leads nowhere, as a negative errno value
};

/// Binds to a name whose file, if it has one, was just made; to an abstract name of its own if there is none.
long bind_local(Socket& socket, const LocalName& name);
long bind_local(DatagramSocket& socket, const LocalName& name);
long connect_local(Socket& socket, const LocalName& name);
/// A null name undoes an earlier one.
long connect_local(DatagramSocket& socket, const LocalName* name);
/// `to` is null for a connected socket.
long send_local(DatagramSocket& socket, const void* data, std::size_t size, int flags, const LocalName* to);
/// socketpair(2) of datagram sockets.
long open_datagram_pair(int descriptors[2], bool nonblocking);

/// The last descriptor is gone: so is what is bound to its name, but not the file.
void unbind_local(const io::Description& socket);

void local_begin_run();

}  // namespace foreseed::net
