#include "fault/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

namespace foreseed {

namespace {

struct Kind {
  std::string_view name;
  bool of_links = false;
  bool instant = false;
  bool at_points = false;
};

// In the order of FaultKind.
constexpr Kind kinds[] = {
    {"partition", true},
    {"slow", true},
    {"loss", true},
    {"duplicate", true},
    {"reorder", true},
    {"corrupt", true},
    {"refuse", true},
    {"clog", true},
    {"dribble", true},
    {"flap", true},
    {"flap_random", true},
    {"reset", true, true},
    {"unknown_name"},
    {"crash", false, false, true},
    {"kill", false, false, true},
    {"pause", false, false, true},
    {"step_clock", false, true},
    {"drift_clock"},
    {"half_open", true, true},
    {"truncate", true},
    {"stall", false, false, true},
    {"slow_cpu", false, false, false},
    {"disk_full"},
    {"disk_error"},
    {"no_memory"},
    {"no_descriptors"},
    {"fail"},
};
static_assert(std::size(kinds) == static_cast<std::size_t>(FaultKind::fail) + 1);

const Kind& of(FaultKind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::string names_of_kinds() {
  std::string names;
  for (const Kind& kind : kinds) (names += names.empty() ? "" : ", ") += kind.name;
  return names;
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  return static_cast<std::size_t>(kind) < std::size(kinds) ? of(kind).name : "?";
}

namespace fault {

using nlohmann::json;

namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr Unit units[] = {{"ns", 1},
                          {"us", 1'000},
                          {"ms", 1'000'000},
                          {"s", 1'000'000'000},
                          {"min", 60'000'000'000},
                          {"h", 3'600'000'000'000},
                          {"d", 86'400'000'000'000}};

[[noreturn]] void wrong(const std::string& place, const std::string& what) { throw PlanError(place + ": " + what); }

/// "250ms", "-1.5s", "365d".
nanoseconds read_duration(const json& value, const std::string& place) {
  const char* const form = "must be a duration such as \"250ms\" or \"1.5s\" (ns us ms s min h d)";
  if (!value.is_string()) wrong(place, form);
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& known : units) {
    if (error != std::errc() || unit != known.name) continue;
    const double ns = number * static_cast<double>(known.ns);
    if (!(std::abs(ns) < 9.2e18)) wrong(place, "is longer than 292 years");
    return nanoseconds(std::llround(ns));
  }
  wrong(place, form);
}

double read_number(const json& value, const std::string& place) {
  if (!value.is_number()) wrong(place, "must be a number");
  return value.get<double>();
}

std::int64_t read_whole(const json& value, const std::string& place) {
  const double number = read_number(value, place);
  if (!(std::abs(number) < 9e15) || number != std::floor(number)) wrong(place, "must be a whole number below 9e15");
  return static_cast<std::int64_t>(number);
}

std::vector<std::string> read_hosts(const json& value, const std::string& place) {
  std::vector<std::string> hosts;
  if (value.is_string()) {
    hosts.push_back(value.get<std::string>());
  } else if (value.is_array()) {
    for (const json& host : value) {
      if (!host.is_string()) wrong(place, "must be the name of a host, or a list of names");
      hosts.push_back(host.get<std::string>());
    }
  } else {
    wrong(place, "must be the name of a host, or a list of names");
  }
  return hosts;
}

FaultKind read_kind(const json& value, const std::string& place) {
  if (value.is_string()) {
    for (std::size_t i = 0; i < std::size(kinds); ++i) {
      if (value.get_ref<const std::string&>() == kinds[i].name) return static_cast<FaultKind>(i);
    }
  }
  wrong(place, "must be one of " + names_of_kinds());
}

Fault read_fault(const json& value, const std::string& place) {
  if (!value.is_object()) wrong(place, "must be an object");
  Fault fault;
  if (!value.contains("kind")) wrong(place, "has no \"kind\"");
  fault.kind = read_kind(value["kind"], place + ".kind");
  for (const auto& [name, member] : value.items()) {
    const std::string where = place + "." + name;
    if (name == "kind") continue;
    if (name == "at") fault.at = read_duration(member, where);
    else if (name == "until") fault.until = read_duration(member, where);
    else if (name == "amount") fault.amount = read_duration(member, where);
    else if (name == "period") fault.period = read_duration(member, where);
    else if (name == "share") fault.share = read_number(member, where);
    else if (name == "number") fault.number = read_whole(member, where);
    else if (name == "point" && member.is_string()) fault.point = member.get<std::string>();
    else if (name == "point") wrong(where, "must be the name of a FORESEED_POINT");
    else if (name == "one_way" && member.is_boolean()) fault.one_way = member.get<bool>();
    else if (name == "one_way") wrong(where, "must be true or false");
    else if (name == "host" || name == "hosts") fault.hosts = read_hosts(member, where);
    else if (name == "between") {
      if (!member.is_array() || member.empty() || member.size() > 2) wrong(where, "must be a list of one or two sides");
      fault.hosts = read_hosts(member[0], where + "[0]");
      if (member.size() == 2) fault.others = read_hosts(member[1], where + "[1]");
    } else {
      wrong(where, "is not known; a fault has kind, at, until, host or between, share, amount, period, number, point, one_way");
    }
  }
  if (of(fault.kind).instant && !value.contains("until")) fault.until = fault.at;
  if (fault.kind == FaultKind::truncate) fault.one_way = true;
  if (const std::string error = check(fault); !error.empty()) wrong(place, error);
  return fault;
}

}  // namespace

bool is_of_links(FaultKind kind) { return of(kind).of_links; }
bool strikes_at_points(FaultKind kind) { return of(kind).at_points; }
bool is_instant(FaultKind kind) { return of(kind).instant; }

std::string check(const Fault& fault) {
  if (fault.at.count() < 0) return "\"at\" must not be negative";
  if (fault.until < fault.at) return "\"until\" must not be before \"at\"";
  if (fault.hosts.empty()) return is_of_links(fault.kind) ? "\"between\" is missing" : "\"host\" is missing";
  if (!(fault.share >= 0 && fault.share <= 1)) return "\"share\" must lie in [0, 1]";
  if (!fault.point.empty() && fault.kind != FaultKind::fail && !strikes_at_points(fault.kind)) {
    return "\"point\" is for crash, kill, pause, stall and fail";
  }
  switch (fault.kind) {
    case FaultKind::slow:
    case FaultKind::slow_cpu:
    case FaultKind::stall:
      if (fault.amount.count() <= 0) return "\"amount\", how much slower, must be positive";
      break;
    case FaultKind::crash:
    case FaultKind::kill:
    case FaultKind::pause:
    case FaultKind::truncate:
    case FaultKind::disk_full:
    case FaultKind::no_memory:
    case FaultKind::no_descriptors:
      if (fault.number < 0) return "\"number\" must not be negative";
      break;
    case FaultKind::flap:
    case FaultKind::flap_random:
      if (fault.amount.count() <= 0 || fault.period.count() <= 0) {
        return "\"amount\", the time down, and \"period\", the time up, must be positive";
      }
      break;
    case FaultKind::clog:
    case FaultKind::dribble:
      if (fault.number <= 0 || fault.number > std::numeric_limits<std::uint32_t>::max()) {
        return "\"number\", of bytes, must be positive";
      }
      break;
    case FaultKind::drift_clock:
      if (std::abs(fault.number) > 500'000) return "\"number\" of parts per million must lie in [-500000, 500000]";
      break;
    default: break;
  }
  return {};
}

namespace {

/// The line on which the `index`-th object of the plan's list begins. The text is known to be JSON, and a plan.
std::size_t line_of(std::string_view text, std::size_t index) {
  std::size_t line = 1;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth == 3 && index-- == 0) return line;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return line;
}

}  // namespace

FaultPlan from_json(std::string_view text, const std::string& origin) {
  if (text.size() > plan_size_max) wrong(origin, "is larger than 1 MiB");
  json document;
  try {
    int depth = 0;
    document = json::parse(text, [&](int level, json::parse_event_t, json&) {
      depth = level;
      if (level > 8) throw PlanError(origin + ": is nested too deeply");
      return true;
    });
  } catch (const json::parse_error& error) {
    wrong(origin, error.what());
  }
  if (!document.is_object() || !document.contains("faults") || !document["faults"].is_array()) {
    wrong(origin, "must be an object with a list \"faults\"");
  }
  for (const auto& [name, member] : document.items()) {
    if (name != "faults") wrong(origin + ": " + name, "is not known");
  }
  FaultPlan plan;
  for (const json& fault : document["faults"]) {
    if (plan.faults.size() == faults_max) wrong(origin, "has more than 10,000 faults");
    const std::size_t index = plan.faults.size();
    try {
      plan.faults.push_back(read_fault(fault, fmt::format("faults[{}]", index)));
    } catch (const PlanError& error) {
      wrong(fmt::format("{}:{}", origin, line_of(text, index)), error.what());
    }
  }
  return plan;
}

std::vector<DrawnKind> kinds_from_list(std::string_view list) {
  std::vector<DrawnKind> result;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    const std::string_view name = item.substr(0, item.find(':'));
    const Kind* const known = std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) { return k.name == name; });
    if (known == std::end(kinds)) {
      wrong("--faults", fmt::format("\"{}\" is no kind of fault and no file that ends in .json; there are {}", name,
                                    names_of_kinds()));
    }
    DrawnKind drawn{static_cast<FaultKind>(known - kinds)};
    if (name.size() != item.size()) {
      const char* const end = item.data() + item.size();
      const auto parsed = std::from_chars(item.data() + name.size() + 1, end, drawn.budget);
      if (parsed.ec != std::errc() || parsed.ptr != end || drawn.budget == 0 || drawn.budget > faults_max) {
        wrong("--faults", fmt::format("\"{}\": the number of faults must lie in [1, {}]", item, faults_max));
      }
    }
    result.push_back(drawn);
  }
  return result;
}

std::string read_argument(const std::string& argument) {
  if (argument.ends_with(".json")) return json::parse(to_json(from_file(argument))).dump();
  kinds_from_list(argument);
  return argument;
}

FaultPlan from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) wrong(path, "cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return from_json(text.str(), path);
}

std::string to_json(const FaultPlan& plan) {
  const auto duration = [](nanoseconds ns) { return fmt::format("{}ns", ns.count()); };
  json faults = json::array();
  const Fault plain;
  for (const Fault& fault : plan.faults) {
    json out{{"kind", to_string(fault.kind)}, {"at", duration(fault.at)}};
    if (fault.until != plain.until) out["until"] = duration(fault.until);
    if (is_of_links(fault.kind)) {
      out["between"] = fault.others.empty() ? json::array({fault.hosts}) : json::array({fault.hosts, fault.others});
    } else {
      out["hosts"] = fault.hosts;
    }
    if (fault.one_way) out["one_way"] = true;
    if (fault.share != 1) out["share"] = fault.share;
    if (fault.amount.count() != 0) out["amount"] = duration(fault.amount);
    if (fault.period.count() != 0) out["period"] = duration(fault.period);
    if (fault.number != 0) out["number"] = fault.number;
    if (!fault.point.empty()) out["point"] = fault.point;
    faults.push_back(std::move(out));
  }
  return json{{"faults", std::move(faults)}}.dump(2);
}

}  // namespace fault
}  // namespace foreseed
