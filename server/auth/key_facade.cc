#include "server/auth/key_facade.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/auth/store_restoration.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr std::string_view kRotated = "keys.rotated";
constexpr std::string_view kCalledBack = "keys.called_back";
constexpr std::string_view kRewrapped = "keys.rewrapped";
constexpr std::string_view kRestorationAsked = "keys.restoration_asked";

}  // namespace

// Behind the change, where it is not too late: a transaction that is refused leaves nothing.
absl::Status KeyFacade::RefuseUnlessPermitted(storage::Repositories& in,
                                              const UserId& actor) const {
  if (parts_.check != nullptr) return parts_.check(in, actor);
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kRoleRequired,
                 "nobody may change the keys of this server");
}

KeyRecord KeyFacade::Record(const CallInfo& call, std::string_view event, const std::string& actor,
                            const std::string& target) const {
  return [this, &call, event, actor, target](storage::Repositories& in,
                                             const KeyChange& change) -> absl::Status {
    TESSERA_RETURN_IF_ERROR(RefuseUnlessPermitted(in, UserId(actor)));
    const bool own = target.empty() && !change.insert.empty();
    return parts_.audit.AppendIn(in, call, {event, actor, own ? change.insert[0].kid : target});
  };
}

absl::StatusOr<StoredKeySet> KeyFacade::List(const CallInfo& call) const {
  TESSERA_ASSIGN_OR_RETURN(StoredKeySet set, ReadKeySet(parts_.store, call.deadline));
  for (storage::StoredKey& key : set.keys) key.sealed.clear();
  return set;
}

absl::StatusOr<storage::StoredKey> KeyFacade::Rotate(const CallInfo& call,
                                                     const std::string& actor) const {
  TESSERA_ASSIGN_OR_RETURN(
      storage::StoredKey key,
      parts_.changes.Publish(call.deadline, Record(call, kRotated, actor, "")));
  parts_.log.Warning(kRotated, {{"kid", key.kid}, {"actor", actor}, {"peer", call.peer}});
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  parts_.rotator.Turn().IgnoreError();  // its thread goes on with it
  const absl::StatusOr<StoredKeySet> now = ReadKeySet(parts_.store, call.deadline);
  if (!now.ok()) return key;  // it is published, whatever it is by now
  for (const storage::StoredKey& row : now->keys) {
    if (row.kid == key.kid) key = row;
  }
  return key;
}

absl::Status KeyFacade::Revoke(const CallInfo& call, const std::string& actor,
                               const std::string& kid) const {
  TESSERA_RETURN_IF_ERROR(
      parts_.changes.Revoke(kid, call.deadline, Record(call, kCalledBack, actor, kid)).status());
  parts_.log.Warning(kCalledBack, {{"kid", kid}, {"actor", actor}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<KeyChanges::Rewrapped> KeyFacade::Rewrap(const CallInfo& call,
                                                        const std::string& actor) const {
  absl::StatusOr<KeyChanges::Rewrapped> done =
      parts_.changes.Rewrap(call.deadline, Record(call, kRewrapped, actor, sealer_.first_id()));
  if (absl::IsFailedPrecondition(done.status())) {
    parts_.log.Error("keys.rewrap_failed", {{"cause", std::string(done.status().message())}});
    return Refusal(absl::StatusCode::kFailedPrecondition, reason::kKeysUnavailable,
                   "a key cannot be opened with the master keys of this server");
  }
  TESSERA_RETURN_IF_ERROR(done.status());
  parts_.log.Warning(kRewrapped, {{"master_key", done->master_key_id},
                                  {"count", absl::StrCat(done->count)},
                                  {"actor", actor},
                                  {"peer", call.peer}});
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return done;
}

absl::StatusOr<int64_t> KeyFacade::MarkRestored(const CallInfo& call,
                                                const std::string& actor) const {
  parts_.log.Warning(kRestorationAsked, {{"actor", actor}, {"peer", call.peer}});
  absl::StatusOr<int64_t> ended =
      MarkStoreRestored({parts_.store, sealer_, parts_.changes.policy(), parts_.clock, parts_.log,
                         Record(call, kRestorationAsked, actor, "")},
                        call.deadline);
  // What failed on its way may have replaced the keys.
  const absl::Status caught_up = parts_.feed.CatchUp(call.deadline);
  TESSERA_RETURN_IF_ERROR(ended.status());
  TESSERA_RETURN_IF_ERROR(caught_up);
  return ended;
}

}  // namespace tessera::server
