// A trace from JSON. Nothing in it is trusted: size, depth, counts, strings, types and every index are checked.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "trace/trace.h"

namespace foreseed {

namespace {

using nlohmann::json;

constexpr std::size_t file_bytes_max = std::size_t{256} << 20;
constexpr int depth_max = 16;
constexpr std::size_t items_max = 20'000'000;
constexpr std::size_t string_bytes_max = 64 * 1024;

/// Reads values and knows where in the document it is.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw UnreadableError(fmt::format("{}: {} at {}; is it a whole trace written by foreseed?", name_, what, where));
  }

  const json& member(const json& object, const char* key) const {
    const auto it = object.find(key);
    if (it == object.end()) fail(fmt::format("/{}", key), "a member is missing");
    return *it;
  }

  std::uint64_t number(const json& value, std::uint64_t max, const std::string& where) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) {
      fail(where, fmt::format("expected a whole number up to {}", max));
    }
    return value.get<std::uint64_t>();
  }

  std::uint64_t wide(const json& value, const std::string& where) const {
    std::uint64_t result = 0;
    if (!value.is_string()) fail(where, "expected a 64-bit number as a string");
    const auto& text = value.get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
    if (error != std::errc() || end != text.data() + text.size()) fail(where, "expected a 64-bit number as a string");
    return result;
  }

  std::string text(const json& value, const std::string& where) const {
    if (!value.is_string()) fail(where, "expected a string");
    const auto& result = value.get_ref<const std::string&>();
    if (result.size() > string_bytes_max) fail(where, "a string is longer than 64 KiB");
    return result;
  }

  bool boolean(const json& value, const std::string& where) const {
    if (!value.is_boolean()) fail(where, "expected true or false");
    return value.get<bool>();
  }

  const json& array(const json& value, const std::string& where, std::size_t size = 0) const {
    if (!value.is_array()) fail(where, "expected an array");
    if (value.size() > items_max) fail(where, "an array has more than 20,000,000 items");
    if (size != 0 && value.size() != size) fail(where, fmt::format("expected {} items", size));
    return value;
  }

  std::vector<std::string> texts(const json& document, const char* key) const {
    std::vector<std::string> result;
    for (const json& item : array(member(document, key), fmt::format("/{}", key))) {
      result.push_back(text(item, fmt::format("/{}/{}", key, result.size())));
    }
    return result;
  }

 private:
  const std::string& name_;
};

/// Brackets nested too deep would overflow the parser's stack.
void check_depth(std::string_view text, const Reader& reader) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) reader.fail(fmt::format("byte {}", i), "brackets are nested deeper than 16 levels");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

template <typename Enum>
Enum by_name(const std::string& name, int count, const Reader& reader, const std::string& where) {
  for (int i = 0; i < count; ++i) {
    if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  reader.fail(where, "an unknown name");
}

std::vector<Choice> read_choices(const json& document, const Reader& reader) {
  std::vector<Choice> choices;
  for (const json& item : reader.array(reader.member(document, "choices"), "/choices")) {
    const std::string where = fmt::format("/choices/{}", choices.size());
    reader.array(item, where, 5);
    Choice choice;
    choice.kind = by_name<ChoiceKind>(reader.text(item[0], where + "/0"), choice_kinds, reader, where + "/0");
    choice.value = static_cast<std::uint32_t>(reader.number(item[1], 0xffff'ffff, where + "/1"));
    choice.bound = static_cast<std::uint32_t>(reader.number(item[2], 0xffff'ffff, where + "/2"));
    choice.site = static_cast<std::uint32_t>(reader.number(item[3], 0xffff'ffff, where + "/3"));
    choice.task = static_cast<std::uint16_t>(reader.number(item[4], 0xffff, where + "/4"));
    choices.push_back(choice);
  }
  return choices;
}

void read_stacks(const json& document, const Reader& reader, Trace& trace) {
  for (const json& item : reader.array(reader.member(document, "frames"), "/frames")) {
    const std::string where = fmt::format("/frames/{}", trace.frames.size());
    reader.array(item, where, 6);
    Frame frame;
    frame.module = reader.text(item[0], where + "/0");
    frame.offset = reader.wide(item[1], where + "/1");
    frame.function = reader.text(item[2], where + "/2");
    frame.file = reader.text(item[3], where + "/3");
    frame.line = static_cast<std::uint32_t>(reader.number(item[4], 0xffff'ffff, where + "/4"));
    frame.user = reader.boolean(item[5], where + "/5");
    trace.frames.push_back(std::move(frame));
  }
  for (const json& item : reader.array(reader.member(document, "stacks"), "/stacks")) {
    const std::string where = fmt::format("/stacks/{}", trace.stacks.size());
    std::vector<std::uint32_t> stack;
    for (const json& index : reader.array(item, where)) {
      if (trace.frames.empty()) reader.fail(where, "a stack without frames");
      stack.push_back(static_cast<std::uint32_t>(reader.number(index, trace.frames.size() - 1, where)));
    }
    trace.stacks.push_back(std::move(stack));
  }
  if (trace.stacks.empty() || trace.texts.empty() || trace.objects.empty()) {
    reader.fail("/stacks", "a table is empty");
  }
}

void read_events(const json& document, const Reader& reader, Trace& trace) {
  for (const json& item : reader.array(reader.member(document, "events"), "/events")) {
    const std::string where = fmt::format("/events/{}", trace.events.size());
    reader.array(item, where, 8);
    if (trace.tasks.empty()) reader.fail("/tasks", "events without tasks");
    Event event;
    event.time_ns = reader.wide(item[0], where + "/0");
    event.step = static_cast<std::uint32_t>(reader.number(item[1], 0xffff'ffff, where + "/1"));
    event.task = static_cast<std::uint16_t>(reader.number(item[2], trace.tasks.size() - 1, where + "/2"));
    event.op = by_name<Op>(reader.text(item[3], where + "/3"), static_cast<int>(Op::count_), reader, where + "/3");
    event.object = static_cast<std::uint32_t>(reader.number(item[4], trace.objects.size() - 1, where + "/4"));
    if (!item[5].is_number_integer() || item[5].get<std::int64_t>() != item[5].get<std::int32_t>()) {
      reader.fail(where + "/5", "expected a 32-bit number");
    }
    event.result = item[5].get<std::int32_t>();
    event.stack = static_cast<std::uint32_t>(reader.number(item[6], trace.stacks.size() - 1, where + "/6"));
    event.text = static_cast<std::uint32_t>(reader.number(item[7], trace.texts.size() - 1, where + "/7"));
    trace.events.push_back(event);
  }
}

void read_finding(const json& value, const Reader& reader, Trace& trace) {
  if (value.is_null()) return;
  if (!value.is_object()) reader.fail("/finding", "expected an object or null");
  trace.failed = true;
  TraceFinding& finding = trace.finding;
  if (!from_string(reader.text(reader.member(value, "kind"), "/finding/kind"), finding.kind)) {
    reader.fail("/finding/kind", "an unknown kind of finding");
  }
  finding.message = reader.text(reader.member(value, "message"), "/finding/message");
  finding.time_ns = reader.wide(reader.member(value, "time_ns"), "/finding/time_ns");
  finding.step = static_cast<std::uint32_t>(reader.number(reader.member(value, "step"), 0xffff'ffff, "/finding/step"));
  finding.details = reader.text(reader.member(value, "details"), "/finding/details");
  for (const json& item : reader.array(reader.member(value, "places"), "/finding/places")) {
    const std::string where = fmt::format("/finding/places/{}", finding.places.size());
    if (!item.is_object() || trace.tasks.empty()) reader.fail(where, "expected an object that names a task");
    TracePlace place;
    place.task = static_cast<std::uint16_t>(reader.number(reader.member(item, "task"), trace.tasks.size() - 1, where));
    place.role = reader.text(reader.member(item, "role"), where);
    place.stack = static_cast<std::uint32_t>(reader.number(reader.member(item, "stack"), trace.stacks.size() - 1, where));
    finding.places.push_back(std::move(place));
  }
}

std::vector<std::uint32_t> read_numbers(const json& document, const char* key, std::uint32_t max, const Reader& reader) {
  std::vector<std::uint32_t> numbers;
  const std::string where = fmt::format("/{}", key);
  for (const json& item : reader.array(reader.member(document, key), where)) {
    numbers.push_back(static_cast<std::uint32_t>(reader.number(item, max, where)));
  }
  return numbers;
}

void read_waits(const json& document, const Reader& reader, Trace& trace) {
  for (const json& item : reader.array(reader.member(document, "waits"), "/waits")) {
    const std::string where = fmt::format("/waits/{}", trace.waits.size());
    reader.array(item, where, 6);
    if (trace.tasks.empty()) reader.fail("/tasks", "waits without tasks");
    Wait wait;
    wait.time_ns = reader.wide(item[0], where + "/0");
    wait.step = static_cast<std::uint32_t>(reader.number(item[1], 0xffff'ffff, where + "/1"));
    wait.task = static_cast<std::uint16_t>(reader.number(item[2], trace.tasks.size() - 1, where + "/2"));
    wait.op = by_name<Op>(reader.text(item[3], where + "/3"), static_cast<int>(Op::count_), reader, where + "/3");
    const std::size_t others = wait.op == Op::thread_join ? trace.tasks.size() : trace.objects.size();
    wait.object = static_cast<std::uint32_t>(reader.number(item[4], others - 1, where + "/4"));
    wait.stack = static_cast<std::uint32_t>(reader.number(item[5], trace.stacks.size() - 1, where + "/5"));
    trace.waits.push_back(wait);
  }
}

void read_orders(const json& document, const Reader& reader, Trace& trace) {
  for (const json& item : reader.array(reader.member(document, "orders"), "/orders")) {
    const std::string where = fmt::format("/orders/{}", trace.orders.size());
    reader.array(item, where, 2);
    Order order;
    order.to = static_cast<std::uint32_t>(reader.number(item[1], 0xffff'ffff, where + "/1"));
    if (!trace.orders.empty() && order.to < trace.orders.back().to) reader.fail(where, "orders are not sorted");
    order.from = static_cast<std::uint32_t>(reader.number(item[0], order.to, where + "/0"));
    trace.orders.push_back(order);
  }
}

void read_messages(const json& document, const Reader& reader, Trace& trace) {
  for (const json& item : reader.array(reader.member(document, "messages"), "/messages")) {
    const std::string where = fmt::format("/messages/{}", trace.messages.size());
    reader.array(item, where, 12);
    if (trace.hosts.empty() || trace.tasks.empty()) reader.fail("/hosts", "messages without hosts or tasks");
    const auto number = [&](std::size_t i, std::uint64_t max) {
      return reader.number(item[i], max, fmt::format("{}/{}", where, i));
    };
    Message message;
    message.sent_ns = reader.wide(item[0], where + "/0");
    message.sent_step = static_cast<std::uint32_t>(number(1, 0xffff'ffff));
    if (!item[2].is_null()) message.task = static_cast<std::uint16_t>(number(2, trace.tasks.size() - 1));
    message.from_host = static_cast<std::uint16_t>(number(3, trace.hosts.size() - 1));
    message.to_host = static_cast<std::uint16_t>(number(4, trace.hosts.size() - 1));
    message.what = reader.text(item[5], where + "/5");
    message.bytes = static_cast<std::uint32_t>(number(6, 0xffff'ffff));
    message.losses = static_cast<std::uint32_t>(number(7, 0xffff'ffff));
    message.marks = static_cast<std::uint8_t>(number(8, 7));
    message.arrived = !item[9].is_null();
    if (message.arrived) message.arrived_ns = reader.wide(item[9], where + "/9");
    message.arrived_step = static_cast<std::uint32_t>(number(10, 0xffff'ffff));
    message.object = static_cast<std::uint32_t>(number(11, trace.objects.size() - 1));
    trace.messages.push_back(std::move(message));
  }
}

/// What is shown beside the events. Traces of before it was recorded have none of it.
void read_context(const json& document, const Reader& reader, Trace& trace) {
  if (!document.contains("hosts")) return;
  trace.hosts = reader.texts(document, "hosts");
  if (trace.hosts.empty()) reader.fail("/hosts", "the table is empty");
  for (const std::uint32_t host :
       read_numbers(document, "task_hosts", static_cast<std::uint32_t>(trace.hosts.size() - 1), reader)) {
    trace.task_hosts.push_back(static_cast<std::uint16_t>(host));
  }
  if (trace.task_hosts.size() != trace.tasks.size()) reader.fail("/task_hosts", "not one host for each task");
  trace.choice_steps = read_numbers(document, "choice_steps", 0xffff'ffff, reader);
  read_waits(document, reader, trace);
  read_orders(document, reader, trace);
  read_messages(document, reader, trace);
}

void read_racy_sites(const json& document, const Reader& reader, Trace& trace) {
  if (!document.contains("racy_sites")) return;
  trace.races = Races::explore;
  trace.racy_sites = read_numbers(document, "racy_sites", static_cast<std::uint32_t>(trace.stacks.size() - 1), reader);
  for (const std::uint32_t stack : trace.racy_sites) {
    if (trace.stacks[stack].empty()) reader.fail("/racy_sites", "a site without an address");
  }
}

void check_format(const json& document, const Reader& reader, const std::string& name) {
  if (!document.is_object() || document.value("format", json()) != "foreseed-trace") {
    throw UnreadableError(fmt::format("{}: this is no foreseed trace; name a file that foreseed wrote", name));
  }
  const std::uint64_t version = reader.number(reader.member(document, "version"), 0xffff'ffff, "/version");
  if (version > Trace::format_version) {
    throw UnreadableError(fmt::format("{}: written by a newer foreseed (trace version {}, this one reads up to {}); "
                                      "use that one to read it",
                                      name, version, Trace::format_version));
  }
}

}  // namespace

Trace from_json(std::string_view text, const std::string& name) {
  const Reader reader(name);
  if (text.size() > file_bytes_max) reader.fail("its end", "it is larger than 256 MiB");
  check_depth(text, reader);
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    throw UnreadableError(fmt::format("{}: not JSON, or cut short ({}); is it a whole trace?", name, error.what()));
  }
  check_format(document, reader, name);
  Trace trace;
  trace.program = reader.text(reader.member(document, "program"), "/program");
  trace.build_id = reader.text(reader.member(document, "build_id"), "/build_id");
  trace.scenario = reader.text(reader.member(document, "scenario"), "/scenario");
  trace.seed = reader.wide(reader.member(document, "seed"), "/seed");
  trace.steps_per_instant_max = static_cast<std::uint32_t>(
      reader.number(reader.member(document, "steps_per_instant_max"), 0xffff'ffff, "/steps_per_instant_max"));
  trace.fingerprint = reader.wide(reader.member(document, "fingerprint"), "/fingerprint");
  trace.virtual_ns = reader.wide(reader.member(document, "virtual_ns"), "/virtual_ns");
  trace.steps = static_cast<std::uint32_t>(reader.number(reader.member(document, "steps"), 0xffff'ffff, "/steps"));
  trace.truncated = reader.boolean(reader.member(document, "truncated"), "/truncated");
  if (document.contains("faults")) trace.faults = reader.text(document["faults"], "/faults");
  if (document.contains("memory") && !from_string(reader.text(document["memory"], "/memory"), trace.memory)) {
    reader.fail("/memory", "an unknown memory model");
  }
  if (document.contains("timeouts")) {
    trace.timeouts = static_cast<std::uint32_t>(reader.number(document["timeouts"], 0xffff'ffff, "/timeouts"));
  }
  if (document.contains("races") && !from_string(reader.text(document["races"], "/races"), trace.races)) {
    reader.fail("/races", "neither stop, explore nor off");
  }
  if (document.contains("strategy")) trace.strategy = reader.text(document["strategy"], "/strategy");
  trace.tasks = reader.texts(document, "tasks");
  trace.objects = reader.texts(document, "objects");
  trace.texts = reader.texts(document, "texts");
  trace.choices = read_choices(document, reader);
  read_stacks(document, reader, trace);
  read_events(document, reader, trace);
  read_finding(reader.member(document, "finding"), reader, trace);
  read_context(document, reader, trace);
  read_racy_sites(document, reader, trace);
  return trace;
}

Trace read_json_file(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  struct stat status {};
  if (file == nullptr || fstat(fileno(file), &status) != 0 || S_ISDIR(status.st_mode)) {
    const int error = file == nullptr ? errno : EISDIR;
    if (file != nullptr) std::fclose(file);
    throw UnreadableError(fmt::format("{}: cannot be read: {}", path, std::strerror(error)));
  }
  if (static_cast<std::uint64_t>(status.st_size) > file_bytes_max) {
    std::fclose(file);
    throw UnreadableError(fmt::format("{}: larger than 256 MiB, which no trace is", path));
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return from_json(text, path);
}

}  // namespace foreseed
