#pragma once
// Checkpoints of searches: a file with a heading, the length and a hash of what follows, what the search is of, and its
// state. Written beside its place and then moved there, so that there is always a whole one. Host code.

#include <string>
#include <utility>
#include <vector>

namespace foreseed {

/// What makes two searches the same one: names and values, told where they differ.
using SearchIdentity = std::vector<std::pair<std::string, std::string>>;

/// Throws std::runtime_error where it cannot be written.
void write_checkpoint(const std::string& path, const SearchIdentity& identity, const std::string& state);

/// The state, "" if there is no such file. Throws UnreadableError.
std::string read_checkpoint(const std::string& path, const SearchIdentity& identity);

}  // namespace foreseed
