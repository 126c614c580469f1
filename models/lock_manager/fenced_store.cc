#include "lock_manager/fenced_store.h"

#include <charconv>

namespace lock_manager {
namespace {

constexpr int attempts_max = 16;

std::string record_key(const std::string& key) { return "fenced/" + key; }

/// The token in decimal, a space, the value.
std::optional<FencedValue> parse(const store::Record& record) {
  if (record.version == 0) return FencedValue{};
  FencedValue result;
  const char* end = record.value.data() + record.value.size();
  const auto [rest, error] = std::from_chars(record.value.data(), end, result.token);
  if (error != std::errc() || rest == end || *rest != ' ') return std::nullopt;
  result.value.assign(rest + 1, end);
  return result;
}

}  // namespace

Result<FencedValue> FencedStore::read(const std::string& key) {
  const auto record = store_.get(record_key(key));
  if (const auto* error = std::get_if<Error>(&record)) return *error;
  auto value = parse(std::get<store::Record>(record));
  if (!value) return Error::internal;
  return std::move(*value);
}

std::optional<Error> FencedStore::write(const FencingToken& token, const std::string& value) {
  const std::string key = record_key(token.key());
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const auto read = store_.get(key);
    if (const auto* error = std::get_if<Error>(&read)) return *error;
    const store::Record& record = std::get<store::Record>(read);
    const auto present = parse(record);
    if (!present) return Error::internal;
    if (token.number() < present->token) return Error::stale_token;
    const auto written = store_.put(key, record.version, std::to_string(token.number()) + ' ' + value);
    if (std::holds_alternative<std::uint64_t>(written)) return std::nullopt;
    if (std::get<Error>(written) != Error::conflict) return std::get<Error>(written);
  }
  return Error::conflict;
}

}  // namespace lock_manager
