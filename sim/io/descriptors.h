#pragma once
// The descriptors of a run.
//
// Virtual descriptors stand above the host's real files, lowest free number first, so that select() works on the first
// 896. They are numbered over the whole world, not per host: the scenario may then stop a server that runs on another
// host. Simulator code only.

#include <memory>
#include <utility>
#include <vector>

#include "io/description.h"
#include "kernel/hidden.h"

namespace foreseed::io {

inline constexpr int first_descriptor = 128;
inline constexpr int last_descriptor = 65'535;

inline bool is_virtual(int descriptor) { return descriptor >= first_descriptor && descriptor <= last_descriptor; }

/// Makes a description that lives until the end of the run.
template <typename T, typename... Arguments>
T& make(Arguments&&... arguments);

namespace detail {
FORESEED_HIDDEN extern std::vector<Description*> table;  ///< [i] is descriptor first_descriptor + i; null = free
FORESEED_HIDDEN extern std::vector<std::unique_ptr<Description>> owned;
}  // namespace detail

/// What `descriptor` stands for; null if it is none of this world.
inline Description* find(int descriptor) {
  const auto index = static_cast<std::size_t>(descriptor - first_descriptor);
  return is_virtual(descriptor) && index < detail::table.size() ? detail::table[index] : nullptr;
}

/// A descriptor for `description`, at least `at_least`; -EMFILE if there is none left.
int open(Description& description, int at_least = first_descriptor);
long close(int descriptor);
/// The same, but never a scheduling point.
long close_now(int descriptor);
long duplicate(int descriptor, int at_least);
/// dup2(2): `to` is closed first.
long duplicate_to(int from, int to);

/// How many descriptors of a host are open; and how many may be, beyond which open() gives -EMFILE.
std::uint32_t open_count(std::uint32_t host);
void set_limit(std::uint32_t host, std::uint32_t count);
inline constexpr std::uint32_t no_limit = ~std::uint32_t{0};

/// poll(2) over virtual descriptors; the deadline is in virtual time.
long poll(pollfd* entries, std::size_t count, std::uint64_t deadline_ns);

/// Closes all descriptors of a host, as the end of its processes does.
void close_all(std::uint32_t host);

void install(World& world);

template <typename T, typename... Arguments>
T& make(Arguments&&... arguments) {
  auto made = std::make_unique<T>(std::forward<Arguments>(arguments)...);
  T& result = *made;
  detail::owned.push_back(std::move(made));
  return result;
}

}  // namespace foreseed::io
