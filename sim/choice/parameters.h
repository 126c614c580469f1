#pragma once
// Which data choices are a property's (foreseed/property.h): first the seed and the size that its generator starts from,
// then, again and again, which simpler value is to be taken.
//
// So a record holds the way to the parameters, and cutting or editing it always leaves parameters of some kind. The
// property asks, the minimiser answers.

#include <cstdint>

#include "choice/choice.h"

namespace foreseed {

/// Part of the site of such a choice.
inline constexpr std::uint32_t site_parameter = 1u << 17;

/// The question for a simpler value is bounded by 2^32; answers of 1 .. simpler_max take the n-th that there is, all others
/// are no. Of those that are drawn one in 65,536 is a yes, which leads to a value as good as any.
inline constexpr std::uint32_t simpler_max = 0xffff;

inline bool is_parameter(const Choice& choice) {
  return choice.kind == ChoiceKind::data && (choice.site & site_parameter) != 0;
}

}  // namespace foreseed
