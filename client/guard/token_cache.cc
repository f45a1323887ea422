#include "tessera/guard/token_cache.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace tessera::guard {
namespace {

// List and index nodes, control blocks, the allocator's own.
constexpr size_t kEntryOverhead = 512;

size_t BytesOf(const std::vector<std::string>& texts) {
  size_t bytes = texts.size() * sizeof(std::string);
  for (const std::string& text : texts) bytes += text.size();
  return bytes;
}

// A node of a map, beside what it holds.
constexpr size_t kNodeOverhead = 64;

size_t BytesOfChain(const Claims& claims) {
  size_t bytes = 0;
  for (const Actor& actor : claims.actors) bytes += sizeof(actor) + actor.subject.size();
  for (const TokenId& parent : claims.parent_tokens) bytes += sizeof(parent) + parent.str().size();
  for (const auto& [name, text] : claims.extra) bytes += kNodeOverhead + name.size() + text.size();
  return bytes;
}

size_t BytesOf(const Claims& claims) {
  return sizeof(claims) + claims.issuer.size() + claims.subject.size() + claims.audience.size() +
         claims.client_id.size() + claims.token_id.str().size() + claims.session_id.str().size() +
         claims.acr.size() + claims.device_hash.size() + claims.certificate.size() +
         BytesOf(claims.roles) + BytesOf(claims.groups) + BytesOf(claims.scopes) +
         BytesOf(claims.amr) + BytesOfChain(claims);
}

// The claims are held twice: verified token and principal.
size_t BytesOf(std::string_view token, const KnownToken& known) {
  return token.size() + 2 * BytesOf(known.token.claims()) + kEntryOverhead;
}

}  // namespace

size_t TokenCache::Hash::operator()(std::string_view token) const {
  return absl::HashOf(absl::string_view(token.data(), token.size()));
}

TokenCache::TokenCache(size_t bytes) : shard_bytes_(bytes / kShards) {}

TokenCache::Shard& TokenCache::ShardOf(std::string_view token) {
  // A token's tail is its signature: as good as random.
  const std::string_view tail = token.substr(token.size() - std::min<size_t>(token.size(), 8));
  return shards_[Hash()(tail) % kShards];
}

TokenCache::Line& TokenCache::LineOf(Shard& shard, const Entry& entry) {
  return entry.on_the_way.empty() ? shard.idle : shard.on_the_way;
}

TokenCache::Entry* TokenCache::Touch(Shard& shard, std::string_view token) {
  const auto found = shard.index.find(token);
  if (found == shard.index.end()) return nullptr;
  auto& entries = LineOf(shard, *found->second).entries;
  entries.splice(entries.begin(), entries, found->second);
  return &*found->second;
}

TokenCache::Entry& TokenCache::Insert(Shard& shard, std::string_view token,
                                      const std::shared_ptr<const KnownToken>& known) {
  shard.idle.entries.emplace_front();
  Entry& entry = shard.idle.entries.front();
  entry.text = Secret::CopyOf(token);
  entry.known = known;
  entry.bytes = BytesOf(token, *known);
  shard.idle.bytes += entry.bytes;
  shard.index.emplace(entry.text.Reveal(), shard.idle.entries.begin());
  return entry;
}

TokenCache::Entry& TokenCache::Set(Shard& shard, std::string_view token,
                                   const std::shared_ptr<const KnownToken>& known) {
  Entry* const entry = Touch(shard, token);
  if (entry == nullptr) return Insert(shard, token, known);
  entry->known = known;
  return *entry;
}

void TokenCache::Erase(Shard& shard, std::list<Entry>::iterator entry) {
  Line& line = LineOf(shard, *entry);
  line.bytes -= entry->bytes;
  shard.index.erase(entry->text.Reveal());
  line.entries.erase(entry);
}

void TokenCache::Shrink(Shard& shard, Line& line, size_t bytes) {
  while (line.bytes > bytes) Erase(shard, std::prev(line.entries.end()));
}

void TokenCache::MoveFirst(Line& from, Line& to) {
  const size_t bytes = from.entries.front().bytes;
  to.entries.splice(to.entries.begin(), from.entries, from.entries.begin());
  from.bytes -= bytes;
  to.bytes += bytes;
}

std::shared_ptr<const KnownToken> TokenCache::Find(std::string_view token) {
  Shard& shard = ShardOf(token);
  MutexLock lock(shard.mu);
  const Entry* entry = Touch(shard, token);
  ++(entry == nullptr ? shard.misses : shard.hits);
  return entry == nullptr ? nullptr : entry->known;
}

void TokenCache::Keep(std::string_view token, const std::shared_ptr<const KnownToken>& known) {
  Shard& shard = ShardOf(token);
  MutexLock lock(shard.mu);
  Set(shard, token, known);
  Shrink(shard, shard.idle, shard_bytes_);
}

void TokenCache::Admit(std::string_view token, const std::shared_ptr<const KnownToken>& known,
                       const void* method) {
  Shard& shard = ShardOf(token);
  MutexLock lock(shard.mu);
  Entry& entry = Set(shard, token, known);
  if (entry.on_the_way.empty()) MoveFirst(shard.idle, shard.on_the_way);
  const auto same = std::find_if(entry.on_the_way.begin(), entry.on_the_way.end(),
                                 [&](const auto& one) { return one.first == method; });
  if (same != entry.on_the_way.end()) {
    ++same->second;
  } else {
    entry.on_the_way.emplace_back(method, 1);
  }
  Shrink(shard, shard.on_the_way, kOnTheWayBytes / kShards);
}

std::shared_ptr<const KnownToken> TokenCache::TakeAdmitted(std::string_view token,
                                                           const void* method) {
  Shard& shard = ShardOf(token);
  MutexLock lock(shard.mu);
  Entry* entry = Touch(shard, token);
  if (entry == nullptr) return nullptr;
  const auto same = std::find_if(entry->on_the_way.begin(), entry->on_the_way.end(),
                                 [&](const auto& one) { return one.first == method; });
  if (same == entry->on_the_way.end()) return nullptr;
  std::shared_ptr<const KnownToken> known = entry->known;
  if (--same->second == 0) entry->on_the_way.erase(same);
  if (entry->on_the_way.empty()) MoveFirst(shard.on_the_way, shard.idle);
  Shrink(shard, shard.idle, shard_bytes_);
  return known;
}

void TokenCache::Forget(std::string_view token) {
  Shard& shard = ShardOf(token);
  MutexLock lock(shard.mu);
  const auto found = shard.index.find(token);
  if (found == shard.index.end() || !found->second->on_the_way.empty()) return;
  Erase(shard, found->second);
}

TokenCache::Totals TokenCache::totals() const {
  Totals totals;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    totals.tokens += shard.index.size();
    totals.bytes += shard.idle.bytes + shard.on_the_way.bytes;
    totals.hits += shard.hits;
    totals.misses += shard.misses;
  }
  return totals;
}

}  // namespace tessera::guard
