// Names and addresses: the world's own, never the host's.

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ifaddrs.h>
#include <iterator>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "intercept/real.h"
#include "net/network.h"

using namespace foreseed;

namespace {

/// The port of a service name or number; one of getaddrinfo's errors, which are negative, if it is neither.
int port_of(const char* service, int flags) {
  if (service == nullptr) return 0;
  unsigned number = 0;
  const char* const end = service + std::strlen(service);
  const auto [rest, error] = std::from_chars(service, end, number);
  if (error == std::errc() && rest == end && number <= 65535) return static_cast<int>(number);
  if ((flags & AI_NUMERICSERV) != 0) return EAI_NONAME;
  if (std::strcmp(service, "http") == 0) return 80;
  if (std::strcmp(service, "https") == 0) return 443;
  return EAI_SERVICE;
}

/// The address of a node as the running task's host sees it; false if it is not known.
bool address_of(const char* node, int flags, std::uint32_t& address) {
  if (node == nullptr) {
    address = (flags & AI_PASSIVE) != 0 ? 0 : net::loopback;
    return true;
  }
  in_addr numeric;
  if (inet_pton(AF_INET, node, &numeric) == 1) {
    address = ntohl(numeric.s_addr);
    return true;
  }
  if ((flags & AI_NUMERICHOST) != 0) return false;
  World& world = World::get();
  world.point(Op::resolve);
  address = net::Network::get().resolve(world.current().host, node);
  world.event(Op::resolve, 0, address != 0, false);
  return address != 0;
}

struct Answer {
  addrinfo info;
  sockaddr_in address;
};

/// One kind of socket that an address is good for, in the order in which glibc lists them.
struct Transport {
  int type;
  int protocol;
};
constexpr Transport transports[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_RAW, 0}};

bool wants(const addrinfo& hints, const Transport& transport) {
  if (hints.ai_socktype != 0 && hints.ai_socktype != transport.type) return false;
  return hints.ai_protocol == 0 || transport.protocol == 0 || hints.ai_protocol == transport.protocol;
}

/// What AF_INET6 gets for a node of a world that has IPv4 addresses only.
int no_ipv6_answer(const char* node, int flags) {
  in_addr numeric;
  if (node == nullptr || inet_pton(AF_INET, node, &numeric) == 1) return EAI_ADDRFAMILY;
  const Entry entry;
  std::uint32_t address = 0;
  return address_of(node, flags, address) ? EAI_NODATA : EAI_NONAME;
}

}  // namespace

FORESEED_EXPORT int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** out) {
  if (!simulated_code()) return REAL(getaddrinfo)(node, service, hints, out);
  const addrinfo wanted = hints != nullptr ? *hints : addrinfo{};
  if (node == nullptr && service == nullptr) return EAI_NONAME;
  if (wanted.ai_family == AF_INET6) return no_ipv6_answer(node, wanted.ai_flags);
  if (wanted.ai_family != AF_UNSPEC && wanted.ai_family != AF_INET) return EAI_FAMILY;
  if (std::none_of(std::begin(transports), std::end(transports), [&](const auto& one) { return wants(wanted, one); })) {
    return EAI_SOCKTYPE;
  }
  const int port = port_of(service, wanted.ai_flags);
  if (port < 0) return port;
  std::uint32_t host = 0;
  {
    const Entry entry;
    if (!address_of(node, wanted.ai_flags, host)) return EAI_NONAME;
  }
  // The answers are the program's memory, from its own heap.
  addrinfo* first = nullptr;
  addrinfo** next = &first;
  for (const Transport& transport : transports) {
    if (!wants(wanted, transport)) continue;
    auto* const answer = static_cast<Answer*>(std::calloc(1, sizeof(Answer)));
    if (answer == nullptr) return freeaddrinfo(first), EAI_MEMORY;
    answer->address.sin_family = AF_INET;
    answer->address.sin_addr.s_addr = htonl(host);
    answer->address.sin_port = htons(static_cast<std::uint16_t>(port));
    answer->info.ai_flags = wanted.ai_flags;
    answer->info.ai_family = AF_INET;
    answer->info.ai_socktype = transport.type;
    answer->info.ai_protocol = transport.protocol != 0 ? transport.protocol : wanted.ai_protocol;
    answer->info.ai_addrlen = sizeof answer->address;
    answer->info.ai_addr = reinterpret_cast<sockaddr*>(&answer->address);
    *next = &answer->info;
    next = &answer->info.ai_next;
    if (wanted.ai_socktype != 0 || wanted.ai_protocol != 0) break;
  }
  if ((wanted.ai_flags & AI_CANONNAME) != 0 && node != nullptr) first->ai_canonname = strdup(node);
  *out = first;
  return 0;
}

FORESEED_EXPORT void freeaddrinfo(addrinfo* list) noexcept {
  if (!simulated_code()) return REAL(freeaddrinfo)(list);
  while (list != nullptr) {
    addrinfo* const next = list->ai_next;
    std::free(list->ai_canonname);
    std::free(list);
    list = next;
  }
}

FORESEED_EXPORT int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                                socklen_t service_size, int flags) {
  if (!simulated_code()) return REAL(getnameinfo)(address, size, host, host_size, service, service_size, flags);
  // The real one asks nobody where it may answer in numbers.
  return REAL(getnameinfo)(address, size, host, host_size, service, service_size,
                           flags | NI_NUMERICHOST | NI_NUMERICSERV);
}

FORESEED_EXPORT int gethostname(char* name, size_t size) noexcept {
  if (!simulated_code()) return REAL(gethostname)(name, size);
  const Entry entry;
  const std::string& own = net::Network::get().here().name;
  if (own.size() >= size) return errno = ENAMETOOLONG, -1;
  std::memcpy(name, own.c_str(), own.size() + 1);
  return 0;
}

FORESEED_EXPORT int uname(utsname* out) noexcept {
  const int result = REAL(uname)(out);
  if (result == 0 && simulated_code()) return gethostname(out->nodename, sizeof out->nodename);
  return result;
}

namespace {
struct Interface {
  ifaddrs entry;
  sockaddr_in address;
  sockaddr_in mask;
  char name[8];
};
}  // namespace

FORESEED_EXPORT int getifaddrs(ifaddrs** out) noexcept {
  if (!simulated_code()) return REAL(getifaddrs)(out);
  std::uint32_t own;
  {
    const Entry entry;
    own = net::Network::get().here().address;
  }
  auto* const list = static_cast<Interface*>(std::calloc(2, sizeof(Interface)));
  if (list == nullptr) return errno = ENOMEM, -1;
  for (int i = 0; i < 2; ++i) {
    Interface& one = list[i];
    std::strcpy(one.name, i == 0 ? "lo" : "eth0");
    one.address.sin_family = one.mask.sin_family = AF_INET;
    one.address.sin_addr.s_addr = htonl(i == 0 ? net::loopback : own);
    one.mask.sin_addr.s_addr = htonl(i == 0 ? 0xff000000 : 0xffffff00);
    one.entry.ifa_name = one.name;
    one.entry.ifa_flags = static_cast<unsigned>(i == 0 ? IFF_UP | IFF_RUNNING | IFF_LOOPBACK : IFF_UP | IFF_RUNNING);
    one.entry.ifa_addr = reinterpret_cast<sockaddr*>(&one.address);
    one.entry.ifa_netmask = reinterpret_cast<sockaddr*>(&one.mask);
    one.entry.ifa_next = i == 0 ? &list[1].entry : nullptr;
  }
  *out = &list[0].entry;
  return 0;
}

FORESEED_EXPORT void freeifaddrs(ifaddrs* list) noexcept {
  if (!simulated_code()) return REAL(freeifaddrs)(list);
  std::free(list);
}

// A resolver configuration to read again: the world has none.
#undef res_init
FORESEED_EXPORT int __res_init() noexcept {
  if (!simulated_code()) return REAL(__res_init)();
  return 0;
}
