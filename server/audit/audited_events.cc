#include "server/audit/audited_events.h"

#include <algorithm>
#include <unordered_map>

#include "server/auth/named_texts.h"
#include "server/auth/token_issuer.h"

namespace tessera::server {
namespace {

constexpr std::string_view kPeer = "peer";
constexpr std::string_view kReason = "reason";
constexpr std::string_view kCause = "cause";
constexpr std::string_view kCounter = "counter";  // why there were too many attempts

const AuditedEvent* FindAudited(std::string_view name) {
  static const auto& by_name = *new std::unordered_map<std::string_view, const AuditedEvent*>([] {
    std::unordered_map<std::string_view, const AuditedEvent*> map;
    for (const AuditedEvent& event : AuditedEvents()) map.emplace(event.name, &event);
    return map;
  }());
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

std::string Clean(std::string_view text, size_t most) {
  std::string clean(text.substr(0, most));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

void Place(const CallInfo& call, storage::AuditEvent& event) {
  event.source = Clean(call.source.empty() ? call.peer : call.source, storage::kMaxAuditText);
  event.correlation_id = Clean(call.correlation_id, storage::kMaxAuditText);
}

std::string_view FieldOf(const LogEvent& event, std::string_view name) {
  for (const auto& [key, value] : event.fields) {
    if (key == name) return value;
  }
  return {};
}

// Where nobody is named: whom the table says. That is nobody where the caller has proven nothing:
// what a stranger tries with a user's name is not the user's doing.
std::string_view ActorOf(const LogEvent& event, const AuditedEvent& audited) {
  const std::string_view named = FieldOf(event, "actor");
  return named.empty() ? FieldOf(event, audited.actor) : named;
}

}  // namespace

const std::vector<AuditedEvent>& AuditedEvents() {
  static const auto& events = *new std::vector<AuditedEvent>{
      {"audit.pruned_early", true, "", ""},
      {"audit.register_forged", false, "", "replica"},
      {"audit.went_back", false, "", "replica"},
      {"bootstrap.administrator_made", true, "", "user"},
      {"bootstrap.role_made", true, "", "role"},
      {"call.refused", false, "", "method"},
      {"guard.refused", false, "", "method"},
      {"keys.activated", true, "", "kid"},
      {"keys.created", true, "", "kid"},
      {"keys.published", true, "", "kid"},
      {"keys.removed", true, "", "kid"},
      {"keys.retiring", true, "", "kid"},
      {"keys.revoked", true, "", "kid"},
      {"keys.unopened", false, "", "kid"},
      {"login.admitted", true, "user", "user"},
      {"login.challenged", true, "user", "user"},
      {"login.refused", false, "", "user"},
      {"login.unreadable_hash", false, "", "user"},
      {"password.change_refused", false, "user", "user"},
      {"password.reset_refused", false, "", "user"},
      {"refresh_token.refused", false, "", "token"},
      {"renewal.foreign_access_token", false, "user", "session"},
      {"renewal.grace_replay", true, "user", "session"},
      {"renewal.refused", false, "user", "session"},
      {"renewal.reuse", false, "user", "session"},
      {"renewal.store_went_back", false, "user", "session"},
      {"server.ready", true, "", ""},
      {"server.stopped", true, "", ""},
      {"service_token.issued", true, "service", "service"},
      {"service_token.refused", false, "", "service"},
      {"session.access_renewed", true, "user", "session"},
      {"session.ended", true, "", "session"},
      {"session.refused", false, "actor", "session"},
      {"session.renewed", true, "user", "session"},
      {"store.keys_replaced", true, "", ""},
      {"store.restored", true, "", ""},
      {"tessera.throttle", false, "", "user"},
      {"token.exchanged", true, "service", "user"},
      {"token.revoked", true, "user", "token_id"},
      {"token_exchange.refused", false, "service", "service"},
      {"totp.refused", false, "user", "user"},
  };
  return events;
}

std::optional<storage::AuditEvent> DecisionOf(const LogEvent& event, const CallInfo* call,
                                              absl::Time now) {
  const AuditedEvent* audited = FindAudited(event.name);
  if (audited == nullptr) return std::nullopt;
  storage::AuditEvent decision;
  decision.at = RowTime(now);
  decision.event = std::string(event.name);
  decision.done = audited->done;
  decision.actor = Clean(ActorOf(event, *audited), storage::kMaxAuditName);
  decision.target = Clean(FieldOf(event, audited->target), storage::kMaxAuditName);
  if (call != nullptr) Place(*call, decision);
  NamedTexts details;
  for (const auto& [key, value] : event.fields) {
    if (key == kPeer) {
      if (call == nullptr) decision.source = Clean(value, storage::kMaxAuditText);
    } else if (key == kReason || ((key == kCause || key == kCounter) && decision.reason.empty())) {
      decision.reason = Clean(value, storage::kMaxAuditText);
    } else if (key != "actor" && key != audited->actor && key != audited->target) {
      details[std::string(key)] = Clean(value, kMaxTextValueBytes);
    }
  }
  decision.details = EncodeNamedTexts(details);
  return decision;
}

storage::AuditEvent EventOf(const AuditEntry& entry, const CallInfo& call, absl::Time now) {
  storage::AuditEvent event;
  event.at = RowTime(now);
  event.event = Clean(entry.event, storage::kMaxAuditText);
  event.actor = Clean(entry.actor, storage::kMaxAuditName);
  event.target = Clean(entry.target, storage::kMaxAuditName);
  event.done = entry.done;
  event.reason = Clean(entry.reason, storage::kMaxAuditText);
  Place(call, event);
  NamedTexts details;
  for (const auto& [key, value] : entry.details) {
    details[std::string(key)] = Clean(value, kMaxTextValueBytes);
  }
  event.details = EncodeNamedTexts(details);
  return event;
}

}  // namespace tessera::server
