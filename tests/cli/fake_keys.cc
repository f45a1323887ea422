// FakeTesserad's methods on keys.
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

namespace {

void Describe(KeyState state, SigningKeyInfo* key) {
  key->set_kid(state == KEY_STATE_ACTIVE ? "old-key" : "new-key");
  key->set_purpose(KEY_PURPOSE_SIGN);
  key->set_algorithm("ES256");
  key->set_state(state);
  key->mutable_create_time()->set_seconds(1'800'000'000);
  key->set_master_key_id("m1");
}

}  // namespace

grpc::Status FakeTesserad::ListSigningKeys(grpc::ServerContext* context,
                                           const ListSigningKeysRequest*,
                                           ListSigningKeysResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "ListSigningKeys");
  if (!admission.ok()) return admission;
  Describe(KEY_STATE_ACTIVE, response->add_keys());
  Describe(KEY_STATE_PENDING, response->add_keys());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RotateSigningKey(grpc::ServerContext* context,
                                            const RotateSigningKeyRequest*,
                                            RotateSigningKeyResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "RotateSigningKey");
  if (!admission.ok()) return admission;
  Describe(KEY_STATE_PENDING, response->mutable_key());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RevokeSigningKey(grpc::ServerContext* context,
                                            const RevokeSigningKeyRequest* request,
                                            RevokeSigningKeyResponse*) {
  MutexLock lock(mu_);
  return Admit(context, "RevokeSigningKey " + request->kid());
}

grpc::Status FakeTesserad::RewrapKeys(grpc::ServerContext* context, const RewrapKeysRequest*,
                                      RewrapKeysResponse* response) {
  MutexLock lock(mu_);
  response->set_master_key_id("m2");
  response->set_rewrapped_count(3);
  return Admit(context, "RewrapKeys");
}

grpc::Status FakeTesserad::MarkStoreRestored(grpc::ServerContext* context,
                                             const MarkStoreRestoredRequest*,
                                             MarkStoreRestoredResponse* response) {
  MutexLock lock(mu_);
  response->set_ended_sessions(7);
  return Admit(context, "MarkStoreRestored");
}

}  // namespace tessera::testing
