#pragma once
// Fault plans as JSON. The format is in api/foreseed/faults.h; unknown members, wrong types and values out of range are
// errors that name the place.

#include <stdexcept>
#include <string>
#include <string_view>

#include "api/foreseed/faults.h"

namespace foreseed::fault {

/// "plan.json:7: faults[2].until: must not be before \"at\""
struct PlanError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t plan_size_max = 1 << 20;  ///< bytes
inline constexpr std::size_t faults_max = 10'000;

/// Reads a plan; throws PlanError, in which `origin` names where the text came from.
FaultPlan from_json(std::string_view text, const std::string& origin);
FaultPlan from_file(const std::string& path);
std::string to_json(const FaultPlan& plan);

/// A kind that a plan may be drawn of, and how many faults of it there may be.
struct DrawnKind {
  FaultKind kind;
  std::uint32_t budget = 3;
};

/// "partition,crash:1": kinds to draw a plan of, for what is not JSON. Throws PlanError.
std::vector<DrawnKind> kinds_from_list(std::string_view list);

/// What --faults means: the contents of the file of that name, as compact JSON, or a list of kinds as it is. Throws
/// PlanError.
std::string read_argument(const std::string& argument);

/// What is wrong with a fault, empty if nothing is: the same rules for plans of both kinds.
std::string check(const Fault& fault);

/// Whether the kind concerns links rather than hosts.
bool is_of_links(FaultKind kind);
/// Whether it can strike at scheduling points, or at FORESEED_POINT.
bool strikes_at_points(FaultKind kind);
/// Whether it is over as soon as it began.
bool is_instant(FaultKind kind);

}  // namespace foreseed::fault
