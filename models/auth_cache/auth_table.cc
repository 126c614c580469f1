#include "auth_cache/auth_table.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace auth_cache {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::invalid_argument(std::string("auth cache config: ") + what);
}

/// By the token's hash: spread without a random number, and the same for the same token.
Duration jittered(Duration ttl, std::uint32_t percent, const TokenHash& hash) {
  const std::int64_t draw = hash[0] * 256 + hash[1];
  return ttl - ttl / 100 * percent / 65536 * draw;
}

}  // namespace

std::optional<TokenHash> hash_of(std::string_view token) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // once: OpenSSL looks for it under its locks
  TokenHash hash;
  unsigned int size = 0;
  if (EVP_Digest(token.data(), token.size(), hash.data(), &size, sha256, nullptr) != 1) return std::nullopt;
  return size == hash.size() ? std::optional(hash) : std::nullopt;
}

void validate(const Config& config) {
  using namespace std::chrono_literals;
  require(config.ttl >= 1ms && config.ttl <= 24h, "ttl must be in [1 ms, 24 h]");
  require(config.negative_ttl >= 1ms && config.negative_ttl <= config.ttl, "negative_ttl must be in [1 ms, ttl]");
  require(config.jitter_percent <= 90, "jitter_percent must be in [0, 90]");
  require(config.leeway >= 0s && config.leeway <= 300s, "leeway must be in [0, 300] s");
  require(config.entries_max >= 1 && config.entries_max <= 10'000'000, "entries_max must be in [1, 10000000]");
  require(config.negative_max >= 1 && config.negative_max <= 10'000'000, "negative_max must be in [1, 10000000]");
  require(config.loads_max >= 1 && config.loads_max <= 10'000, "loads_max must be in [1, 10000]");
  require(config.revocations_max >= 1 && config.revocations_max <= 1'000'000,
          "revocations_max must be in [1, 1000000]");
}

Decision decide(const Claims& claims, const Scopes& required, std::chrono::seconds leeway, WallTime w) {
  // Leeway is moved to the side of `w`, which is near the present: a date at the clock's end cannot overflow.
  if (w - leeway >= claims.expires_at) return Error::unauthenticated;
  if (claims.not_before && w + leeway < *claims.not_before) return Error::unauthenticated;
  if (!std::includes(claims.scopes.begin(), claims.scopes.end(), required.begin(), required.end())) {
    return Error::forbidden;
  }
  return claims;
}

std::optional<Decision> AuthTable::find(const TokenHash& hash, const Scopes& required, MonoTime t, WallTime w) {
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return std::nullopt;
  const List::iterator entry = found->second;
  if (t >= entry->ends) {
    erase(entry);
    return std::nullopt;
  }
  List& list = list_of(*entry);
  list.splice(list.begin(), list, entry);
  if (!entry->claims) return Error::unauthenticated;
  return decide(*entry->claims, required, config_.leeway, w);
}

std::uint64_t AuthTable::begin_load() {
  ++loads_;
  return epoch_;
}

bool AuthTable::end_load(const TokenHash& hash, const Answer& answer, std::uint64_t epoch, MonoTime asked_at) {
  const bool good = !revoked_since(hash, answer, epoch);
  if (--loads_ == 0) {  // nothing is left that they could concern
    tokens_revoked_.clear();
    subjects_revoked_.clear();
  }
  if (!good || std::holds_alternative<Error>(answer)) return good;
  if (const auto known = by_hash_.find(hash); known != by_hash_.end()) erase(known->second);
  const Claims* claims = std::get_if<Claims>(&answer);
  const Duration ttl = claims != nullptr ? config_.ttl : config_.negative_ttl;
  insert({hash, claims != nullptr ? std::optional(*claims) : std::nullopt,
          common::later(asked_at, jittered(ttl, config_.jitter_percent, hash))});
  return true;
}

bool AuthTable::revoked_since(const TokenHash& hash, const Answer& answer, std::uint64_t epoch) const {
  if (all_revoked_ > epoch) return true;
  const auto token = tokens_revoked_.find(hash);
  if (token != tokens_revoked_.end() && token->second > epoch) return true;
  const Claims* claims = std::get_if<Claims>(&answer);
  if (claims == nullptr) return false;
  const auto subject = subjects_revoked_.find(claims->subject);
  return subject != subjects_revoked_.end() && subject->second > epoch;
}

template <class Revoked>
void AuthTable::remember(std::map<Revoked, std::uint64_t>& revoked, const Revoked& what) {
  ++epoch_;
  if (loads_ == 0) return;
  if (tokens_revoked_.size() + subjects_revoked_.size() >= config_.revocations_max) {
    all_revoked_ = epoch_;  // too many to tell apart: every load that runs is void
    tokens_revoked_.clear();
    subjects_revoked_.clear();
    return;
  }
  revoked[what] = epoch_;
}

void AuthTable::revoke_token(const TokenHash& hash) {
  remember(tokens_revoked_, hash);
  if (const auto known = by_hash_.find(hash); known != by_hash_.end()) erase(known->second);
}

void AuthTable::revoke_subject(const std::string& subject) {
  remember(subjects_revoked_, subject);
  const auto known = by_subject_.find(subject);
  if (known == by_subject_.end()) return;
  const std::set<TokenHash> hashes = known->second;
  for (const TokenHash& hash : hashes) erase(by_hash_.at(hash));
}

void AuthTable::revoke_all() {
  all_revoked_ = ++epoch_;
  positive_.clear();
  negative_.clear();
  by_hash_.clear();
  by_subject_.clear();
}

void AuthTable::erase(List::iterator entry) {
  by_hash_.erase(entry->hash);
  if (entry->claims) {
    const auto subject = by_subject_.find(entry->claims->subject);
    subject->second.erase(entry->hash);
    if (subject->second.empty()) by_subject_.erase(subject);
  }
  list_of(*entry).erase(entry);
}

void AuthTable::insert(Entry entry) {
  List& list = list_of(entry);
  const std::size_t max = entry.claims ? config_.entries_max : config_.negative_max;
  if (list.size() >= max) erase(std::prev(list.end()));
  list.push_front(std::move(entry));
  by_hash_[list.front().hash] = list.begin();
  if (list.front().claims) by_subject_[list.front().claims->subject].insert(list.front().hash);
}

}  // namespace auth_cache
