#include "fault/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

namespace foreseed {

namespace {
constexpr std::array<std::string_view, 18> kinds = {
    "partition", "slow",  "loss",         "duplicate", "reorder", "corrupt", "refuse",     "clog",       "dribble",
    "flap",      "flap_random", "reset",  "unknown_name", "crash", "kill",   "pause",      "step_clock", "drift_clock"};
}

std::string_view to_string(FaultKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kinds.size() ? kinds[index] : "?";
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
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (value.get_ref<const std::string&>() == kinds[i]) return static_cast<FaultKind>(i);
    }
  }
  wrong(place, fmt::format("must be one of {}", fmt::join(kinds, ", ")));
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
    else if (name == "number") fault.number = static_cast<std::int64_t>(read_number(member, where));
    else if (name == "one_way" && member.is_boolean()) fault.one_way = member.get<bool>();
    else if (name == "one_way") wrong(where, "must be true or false");
    else if (name == "host" || name == "hosts") fault.hosts = read_hosts(member, where);
    else if (name == "between") {
      if (!member.is_array() || member.empty() || member.size() > 2) wrong(where, "must be a list of one or two sides");
      fault.hosts = read_hosts(member[0], where + "[0]");
      if (member.size() == 2) fault.others = read_hosts(member[1], where + "[1]");
    } else {
      wrong(where, "is not known; a fault has kind, at, until, host or between, share, amount, period, number, one_way");
    }
  }
  if ((fault.kind == FaultKind::reset || fault.kind == FaultKind::step_clock) && !value.contains("until")) {
    fault.until = fault.at;
  }
  if (const std::string error = check(fault); !error.empty()) wrong(place, error);
  return fault;
}

}  // namespace

bool is_of_links(FaultKind kind) { return kind <= FaultKind::reset; }

std::string check(const Fault& fault) {
  if (fault.at.count() < 0) return "\"at\" must not be negative";
  if (fault.until < fault.at) return "\"until\" must not be before \"at\"";
  if (fault.hosts.empty()) return is_of_links(fault.kind) ? "\"between\" is missing" : "\"host\" is missing";
  if (!(fault.share >= 0 && fault.share <= 1)) return "\"share\" must lie in [0, 1]";
  switch (fault.kind) {
    case FaultKind::slow:
      if (fault.amount.count() <= 0) return "\"amount\", how much slower, must be positive";
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
    plan.faults.push_back(read_fault(fault, fmt::format("{}: faults[{}]", origin, plan.faults.size())));
  }
  return plan;
}

std::vector<FaultKind> kinds_from_list(std::string_view list) {
  std::vector<FaultKind> result;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const auto known = std::find(kinds.begin(), kinds.end(), name);
    if (known == kinds.end()) {
      wrong("--faults", fmt::format("\"{}\" is no kind of fault and no file that ends in .json; there are {}", name,
                                    fmt::join(kinds, ", ")));
    }
    result.push_back(static_cast<FaultKind>(known - kinds.begin()));
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
    faults.push_back(std::move(out));
  }
  return json{{"faults", std::move(faults)}}.dump(2);
}

}  // namespace fault
}  // namespace foreseed
