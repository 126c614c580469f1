#pragma once
// What an object is called in every process of one program: addresses of the heap and of stacks are the same in all of
// them, those in modules differ by where the loader put the module.

#include <cstdint>

namespace foreseed::explore {

/// Equal for equal objects of executions with the same prefix of choices, in whatever process. For modules that are loaded
/// when it is first called.
std::uint64_t object_name(const void* object);

}  // namespace foreseed::explore
