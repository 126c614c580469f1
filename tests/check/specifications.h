#pragma once
// Sequential specifications, and histories of them on files.

#include <foreseed/history.h>

#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace foreseed::testing {

/// A register with compare-and-set. `nil` before the first write.
struct CasRegister {
  static constexpr int nil = -1;
  enum class Kind : std::uint8_t { read, write, cas };
  struct Call {
    Kind kind = Kind::read;
    int value = 0;
    int expected = 0;
  };
  using Return = int;  ///< read: the value; cas: whether it was set; write: any

  int value = nil;

  bool apply(const Call& call, const Return* returned) {
    switch (call.kind) {
      case Kind::read: return returned == nullptr || *returned == value;
      case Kind::write: value = call.value; return true;
      case Kind::cas: {
        const bool set = value == call.expected;
        if (set) value = call.value;
        return returned == nullptr || (*returned != 0) == set;
      }
    }
    return false;
  }
  bool operator==(const CasRegister&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    const std::string result = returned == nullptr ? "" : std::to_string(*returned);
    switch (call.kind) {
      case Kind::read: return "read " + result;
      case Kind::write: return "write " + std::to_string(call.value);
      case Kind::cas: return "cas " + std::to_string(call.expected) + " to " + std::to_string(call.value) + ": " + result;
    }
    return {};
  }
};

/// A queue, first in, first out. pop returns `empty` where there is nothing.
struct Queue {
  static constexpr int empty = -1;
  struct Call {
    bool push = false;
    int value = 0;
  };
  using Return = int;  ///< pop: what was popped; push: any

  std::deque<int> values;

  bool apply(const Call& call, const Return* returned) {
    if (call.push) {
      values.push_back(call.value);
      return true;
    }
    const int first = values.empty() ? empty : values.front();
    if (!values.empty()) values.pop_front();
    return returned == nullptr || *returned == first;
  }
  bool operator==(const Queue&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    if (call.push) return "push " + std::to_string(call.value);
    return returned == nullptr ? "pop" : *returned == empty ? "pop: empty" : "pop: " + std::to_string(*returned);
  }
};

/// One key of a map from strings to strings.
struct KeyValue {
  enum class Kind : std::uint8_t { get, put, append };
  struct Call {
    Kind kind = Kind::get;
    std::string key;
    std::string value;
  };
  using Return = std::string;  ///< get: the value; others: any

  std::string value;

  static const std::string& key(const Call& call) { return call.key; }
  bool apply(const Call& call, const Return* returned) {
    switch (call.kind) {
      case Kind::get: return returned == nullptr || *returned == value;
      case Kind::put: value = call.value; return true;
      case Kind::append: value += call.value; return true;
    }
    return false;
  }
  bool operator==(const KeyValue&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    switch (call.kind) {
      case Kind::get: return "get " + call.key + (returned != nullptr ? ": \"" + *returned + "\"" : "");
      case Kind::put: return "put " + call.key + " \"" + call.value + "\"";
      case Kind::append: return "append " + call.key + " \"" + call.value + "\"";
    }
    return {};
  }
};

/// The same without parts: all keys are one object.
struct WholeMap {
  using Call = KeyValue::Call;
  using Return = KeyValue::Return;
  std::map<std::string, KeyValue> keys;
  bool apply(const Call& call, const Return* returned) { return keys[call.key].apply(call, returned); }
  bool operator==(const WholeMap&) const = default;
  static std::string text(const Call& call, const Return* returned) { return KeyValue::text(call, returned); }
};

/// A Jepsen log of a compare-and-set register: "INFO  jepsen.util - 3	:invoke	:cas	[1 4]".
inline void read_history(const std::string& file, History<CasRegister>& history) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::map<int, History<CasRegister>::Record*> open;
  std::string info, source, dash, type, what;
  int process = 0;
  while (in >> info >> source >> dash >> process >> type >> what) {
    std::string rest;
    std::getline(in, rest);
    int first = CasRegister::nil;
    int second = 0;
    std::istringstream numbers(rest.substr(rest.find_first_not_of("\t [")));
    numbers >> first >> second;
    if (rest.find("nil") != std::string::npos) first = CasRegister::nil;
    if (type == ":invoke") {
      using enum CasRegister::Kind;
      open[process] = what == ":read"    ? history.call({read})
                      : what == ":write" ? history.call({write, first})
                                         : history.call({cas, second, first});
    } else if (type == ":ok") {
      history.ret(open.at(process), what == ":read" ? first : 1);
    } else if (type == ":fail" && what == ":cas") {
      history.ret(open.at(process), 0);
    }  // else ":info": nobody knows whether it happened
  }
}

/// The text between quotes after `name`, "" where it is nil.
inline std::string quoted(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name);
  if (at == std::string::npos || line.compare(at + name.size(), 3, "nil") == 0) return {};
  const std::size_t begin = line.find('"', at) + 1;
  return line.substr(begin, line.find('"', begin) - begin);
}

/// {:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}
template <typename Spec>
void read_key_value_history(const std::string& file, History<Spec>& history) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::map<int, typename History<Spec>::Record*> open;
  for (std::string line; std::getline(in, line);) {
    const int process = std::stoi(line.substr(line.find(":process ") + 9));
    const std::string value = quoted(line, ":value ");
    using enum KeyValue::Kind;
    if (line.find(":type :invoke") != std::string::npos) {
      const auto kind = line.find(":f :get") != std::string::npos ? get : line.find(":f :put") != std::string::npos ? put : append;
      open[process] = history.call({kind, quoted(line, ":key "), value});
    } else {
      history.ret(open.at(process), value);
    }
  }
}

}  // namespace foreseed::testing
