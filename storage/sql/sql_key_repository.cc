#include "storage/sql/sql_key_repository.h"

#include "absl/strings/escaping.h"

namespace tessera::storage::sql {
namespace {

// A state that this program does not know is trusted for nothing.
KeyState StateFrom(int64_t number) {
  switch (number) {
    case static_cast<int64_t>(KeyState::kPending):
      return KeyState::kPending;
    case static_cast<int64_t>(KeyState::kActive):
      return KeyState::kActive;
    case static_cast<int64_t>(KeyState::kRetiring):
      return KeyState::kRetiring;
    default:
      return KeyState::kRevoked;
  }
}

void BindChangeable(Statement& statement, const StoredKey& key) {
  statement.Bind("kid", key.kid).Bind("state", static_cast<int64_t>(key.state));
  statement.Bind("sealed", absl::BytesToHexString(key.sealed));
  statement.Bind("master_key_id", key.master_key_id).Bind("created_at", key.created_at);
  statement.Bind("activated_at", key.activated_at).Bind("retired_at", key.retired_at);
  statement.Bind("published_version", key.published_version);
  statement.Bind("verify_until", key.verify_until);
}

std::vector<StoredKey> ReadKeys(soci::session& session) {
  std::vector<StoredKey> keys;
  StoredKey row;
  int64_t use = 0;
  int64_t state = 0;
  std::string sealed;
  Statement statement(session,
                      "SELECT kid, key_use, algorithm, state, public_jwk, sealed, master_key_id,"
                      " created_at, activated_at, retired_at, published_version,"
                      " verify_until FROM signing_keys ORDER BY created_at, kid");
  statement.Into(row.kid).Into(use).Into(row.algorithm).Into(state).Into(row.public_jwk);
  statement.Into(sealed).Into(row.master_key_id).Into(row.created_at);
  statement.Into(row.activated_at).Into(row.retired_at).Into(row.published_version);
  statement.Into(row.verify_until);
  statement.Each([&] {
    row.use = static_cast<KeyUse>(use);
    row.state = StateFrom(state);
    row.sealed = absl::HexStringToBytes(sealed);
    keys.push_back(row);
  });
  return keys;
}

}  // namespace

absl::StatusOr<std::vector<StoredKey>> SqlKeyRepository::List() {
  return transaction_.Do("keys.list", ReadKeys);
}

absl::Status SqlKeyRepository::Insert(const StoredKey& key) {
  return transaction_.Do(
      "keys.insert",
      [&](soci::session& session) {
        Statement statement(
            session,
            "INSERT INTO signing_keys (kid, key_use, algorithm, state, public_jwk, sealed,"
            " master_key_id, created_at, activated_at, retired_at, published_version,"
            " verify_until) VALUES (:kid, :key_use, :algorithm, :state, :public_jwk, :sealed,"
            " :master_key_id, :created_at, :activated_at, :retired_at, :published_version,"
            " :verify_until)");
        BindChangeable(statement, key);
        statement.Bind("key_use", static_cast<int64_t>(key.use)).Bind("algorithm", key.algorithm);
        statement.Bind("public_jwk", key.public_jwk).Run();
      },
      {.primary = absl::AlreadyExistsError("a key with this id is there already")});
}

absl::StatusOr<bool> SqlKeyRepository::Update(const StoredKey& key) {
  return transaction_.Do("keys.update", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE signing_keys SET state = :state, sealed = :sealed,"
                        " master_key_id = :master_key_id, created_at = :created_at,"
                        " activated_at = :activated_at, retired_at = :retired_at,"
                        " published_version = :published_version, verify_until = :verify_until"
                        " WHERE kid = :kid");
    BindChangeable(statement, key);
    return statement.Run() == 1;
  });
}

absl::StatusOr<bool> SqlKeyRepository::Delete(const std::string& kid) {
  return transaction_.Do("keys.delete", [&](soci::session& session) {
    return Statement(session, "DELETE FROM signing_keys WHERE kid = :kid").Bind("kid", kid).Run() ==
           1;
  });
}

absl::StatusOr<int64_t> SqlKeyRepository::Version() {
  return transaction_.Do("keys.version", [](soci::session& session) {
    int64_t version = 0;
    Statement(session, "SELECT version FROM key_set WHERE id = 1").Into(version).One();
    return version;
  });
}

absl::StatusOr<bool> SqlKeyRepository::AdvanceVersion(int64_t from) {
  return transaction_.Do("keys.advance_version", [&](soci::session& session) {
    return Statement(session,
                     "UPDATE key_set SET version = version + 1 WHERE id = 1 AND version = :from")
               .Bind("from", from)
               .Run() == 1;
  });
}

absl::StatusOr<std::string> SqlKeyRepository::StoreEpoch() {
  return transaction_.Do("store.epoch", [](soci::session& session) {
    std::string hex;
    Statement(session, "SELECT content FROM store_meta WHERE name = 'epoch'").Into(hex).One();
    return absl::HexStringToBytes(hex);
  });
}

absl::Status SqlKeyRepository::SetStoreEpoch(const std::string& epoch) {
  return transaction_.Do("store.set_epoch", [&](soci::session& session) {
    const std::string hex = absl::BytesToHexString(epoch);
    Statement change(session, "UPDATE store_meta SET content = :hex WHERE name = 'epoch'");
    if (change.Bind("hex", hex).Run() == 1) return;
    Statement(session, "INSERT INTO store_meta (name, content) VALUES ('epoch', :hex)")
        .Bind("hex", hex)
        .Run();
  });
}

}  // namespace tessera::storage::sql
