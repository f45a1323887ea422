// AuthService's methods on keys.
#include <cstdint>
#include <string>

#include "server/rpc/auth_service.h"
#include "server/rpc/key_wire.h"

namespace tessera::server {
namespace {

// For methods whose request says nothing.
absl::StatusOr<Nothing> NothingAsked() { return Nothing(); }

}  // namespace

std::string AuthService::CallerOf(const Context& context) const {
  return parts_.guard.PrincipalOf(context)->claims.subject;
}

AuthService::Reactor* AuthService::ListSigningKeys(Context* context,
                                                   const v1::ListSigningKeysRequest*,
                                                   v1::ListSigningKeysResponse* response) {
  const KeyFacade& keys = parts_.keys;
  return Run(Begin(*context), NothingAsked())
      .On(parts_.lanes.database,
          [&keys](const CallInfo& call, const Nothing&) { return keys.List(call); })
      .Answer([response](const StoredKeySet& set) { Write(set, response); });
}

AuthService::Reactor* AuthService::RotateSigningKey(Context* context,
                                                    const v1::RotateSigningKeyRequest*,
                                                    v1::RotateSigningKeyResponse* response) {
  const KeyFacade& keys = parts_.keys;
  return Run(Begin(*context), NothingAsked())
      .On(parts_.lanes.database,
          [&keys, actor = CallerOf(*context)](const CallInfo& call, const Nothing&) {
            return keys.Rotate(call, actor);
          })
      .Answer([response](const storage::StoredKey& key) { Write(key, response->mutable_key()); });
}

// On the lane that is kept moving: a key that has leaked waits for nobody.
AuthService::Reactor* AuthService::RevokeSigningKey(Context* context,
                                                    const v1::RevokeSigningKeyRequest* request,
                                                    v1::RevokeSigningKeyResponse*) {
  const KeyFacade& keys = parts_.keys;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.urgent,
          [&keys, actor = CallerOf(*context)](const CallInfo& call, const std::string& kid) {
            return keys.Revoke(call, actor, kid);
          })
      .Answer([](const Nothing&) {});
}

AuthService::Reactor* AuthService::RewrapKeys(Context* context, const v1::RewrapKeysRequest*,
                                              v1::RewrapKeysResponse* response) {
  const KeyFacade& keys = parts_.keys;
  return Run(Begin(*context), NothingAsked())
      .On(parts_.lanes.database,
          [&keys, actor = CallerOf(*context)](const CallInfo& call, const Nothing&) {
            return keys.Rewrap(call, actor);
          })
      .Answer([response](const KeyChanges::Rewrapped& done) { Write(done, response); });
}

AuthService::Reactor* AuthService::MarkStoreRestored(Context* context,
                                                     const v1::MarkStoreRestoredRequest*,
                                                     v1::MarkStoreRestoredResponse* response) {
  const KeyFacade& keys = parts_.keys;
  return Run(Begin(*context), NothingAsked())
      .On(parts_.lanes.urgent,
          [&keys, actor = CallerOf(*context)](const CallInfo& call, const Nothing&) {
            return keys.MarkRestored(call, actor);
          })
      .Answer([response](int64_t ended) { response->set_ended_sessions(ended); });
}

}  // namespace tessera::server
