// Keys end to end, on SQLite and on MariaDB: revoked, shared, sealed anew, and after a restored
// backup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/base/random.h"
#include "tessera/caller/reason.h"
#include "tessera/guard/guard.h"
#include "tessera/token/base64url.h"
#include "tessera/token/jwk_set.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Engine { kSqlite, kMariaDb };

class Keys : public ::testing::TestWithParam<Engine> {
 protected:
  Keys() {
    if (GetParam() == Engine::kMariaDb) {
      database_ = std::make_unique<MariaDbDatabase>(MariaDb::Shared());
      options_.installation = std::make_shared<Installation>(*database_);
    } else {
      options_.installation = std::make_shared<Installation>();
    }
    options_.environment = {"TESSERA_KEYS_PUBLISH_AHEAD=0s"};
  }
  void Serve() {
    server_ = std::make_unique<Tesserad>(options_);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    auth_ = server_->Auth();
    server_->AddUser("alice", kPassword);
  }
  // Without a connection of ours, which would be waited for.
  void Stop() {
    auth_.reset();
    server_->Stop();
  }
  void Restart() {
    if (server_->running()) Stop();
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    auth_ = server_->Auth();
  }
  v1::TokenGrant LoginAlice() { return server_->Login("alice", kPassword, "orders"); }

  v1::SigningKeyInfo Find(v1::KeyPurpose purpose, v1::KeyState state) {
    v1::ListSigningKeysResponse response;
    const grpc::Status status =
        auth_->ListSigningKeys(AsAdmin().get(), v1::ListSigningKeysRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (const v1::SigningKeyInfo& key : response.keys()) {
      if (key.purpose() == purpose && key.state() == state) return key;
    }
    ADD_FAILURE() << "no such key";
    return {};
  }
  std::string ActiveKid(v1::KeyPurpose purpose) {
    return Find(purpose, v1::KEY_STATE_ACTIVE).kid();
  }
  std::string RevokeKey(const std::string& kid) {
    v1::RevokeSigningKeyRequest request;
    request.set_kid(kid);
    v1::RevokeSigningKeyResponse response;
    return ReasonOf(auth_->RevokeSigningKey(AsAdmin().get(), request, &response));
  }
  std::string Rotate() {
    v1::RotateSigningKeyResponse response;
    const grpc::Status status =
        auth_->RotateSigningKey(AsAdmin().get(), v1::RotateSigningKeyRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(
        Within(kSoon, [&] { return ActiveKid(v1::KEY_PURPOSE_SIGN) == response.key().kid(); }));
    return response.key().kid();
  }
  std::unique_ptr<grpc::ClientContext> AsAdmin() {
    return ContextWith({server_->LoginAdmin().access_token()});
  }

  // The database as it is; the server must not run.
  void Backup() {
    if (database_ != nullptr) return CopyTables("", "backup_");
    CopyFiles(Folder(), Folder() / "backup");
  }
  void RestoreBackup() {
    if (database_ != nullptr) return CopyTables("backup_", "");
    CopyFiles(Folder() / "backup", Folder());
  }
  void MarkRestoredByCommand() {
    std::vector<std::string> argv = server_->command();
    argv.push_back("--store-restored");
    const auto program = Program::Start(argv, server_->environment());
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->Wait(kSoon), 0) << program->Output();
    EXPECT_THAT(program->Output(), HasSubstr("a new life"));
  }

  static constexpr char kPassword[] = "alices password";
  std::unique_ptr<MariaDbDatabase> database_;
  Tesserad::Options options_;
  std::unique_ptr<Tesserad> server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;

 private:
  // SQLite's, as they are: what is not there is taken away.
  static void CopyFiles(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::create_directory(to);
    for (const char* name : {"tessera.db", "tessera.db-wal", "tessera.db-shm"}) {
      std::filesystem::remove(to / name);
      if (std::filesystem::exists(from / name)) std::filesystem::copy_file(from / name, to / name);
    }
  }
  std::filesystem::path Folder() const {
    return std::filesystem::path(server_->command().back()).parent_path();
  }
  void CopyTables(const std::string& from, const std::string& to) {
    const std::string rows = database_->Sql("SHOW TABLES");
    std::string statements = "SET FOREIGN_KEY_CHECKS = 0;";
    for (const auto table : absl::StrSplit(rows, '\n', absl::SkipEmpty())) {
      if (absl::StartsWith(table, "backup_")) continue;
      if (from.empty()) {
        absl::StrAppend(&statements, "CREATE TABLE ", to, table, " AS SELECT * FROM ", table, ";");
      } else {
        absl::StrAppend(&statements, "DELETE FROM ", table, "; INSERT INTO ", table,
                        " SELECT * FROM ", from, table, ";");
      }
    }
    database_->Sql(statements);
  }
};

TEST_P(Keys, ARevokedSigningKeyEndsItsTokensAndTheNextOneSignsAtOnce) {
  Serve();
  GuardedOrders orders(*server_, Transport::kPlaintext, Api::kCallback);
  const v1::TokenGrant grant = LoginAlice();
  EXPECT_EQ(Verdict(orders, grant.access_token()), "ACTIVE");
  EXPECT_EQ(RevokeKey(ActiveKid(v1::KEY_PURPOSE_SIGN)), "");
  EXPECT_EQ(Verdict(*auth_, grant.access_token()), "TOKEN_REVOKED");
  EXPECT_TRUE(Within(kSoon, [&] { return Verdict(orders, grant.access_token()) != "ACTIVE"; }));
  // The keys may have come before the revocation: then the key is unknown, for a moment.
  EXPECT_TRUE(
      Within(kSoon, [&] { return Verdict(orders, grant.access_token()) == "TOKEN_REVOKED"; }));
  // The session lives on with the next key.
  const Renewal renewal = Renew(*auth_, grant.refresh_token());
  EXPECT_EQ(renewal.reason, "");
  EXPECT_EQ(Verdict(*auth_, renewal.grant.access_token()), "ACTIVE");
  EXPECT_TRUE(
      Within(kSoon, [&] { return Verdict(orders, renewal.grant.access_token()) == "ACTIVE"; }));
  EXPECT_EQ(RevokeKey("nobodys"), "KEY_NOT_FOUND");
}

TEST_P(Keys, ARevokedMacKeyEndsRenewalsAndLoginsGoOn) {
  Serve();
  const v1::TokenGrant grant = LoginAlice();
  EXPECT_EQ(RevokeKey(ActiveKid(v1::KEY_PURPOSE_REFRESH)), "");
  EXPECT_EQ(Renew(*auth_, grant.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_EQ(Verdict(*auth_, grant.access_token()), "ACTIVE");
  EXPECT_EQ(Renew(*auth_, LoginAlice().refresh_token()).reason, "");
}

TEST_P(Keys, RotationByCommandKeepsOldTokens) {
  Serve();
  GuardedOrders orders(*server_, Transport::kPlaintext, Api::kCallback);
  const v1::TokenGrant before = LoginAlice();
  const std::string old = ActiveKid(v1::KEY_PURPOSE_SIGN);
  EXPECT_NE(Rotate(), old);
  const v1::TokenGrant after = LoginAlice();
  for (const std::string& token : {before.access_token(), after.access_token()}) {
    EXPECT_EQ(Verdict(*auth_, token), "ACTIVE");
    EXPECT_EQ(Verdict(orders, token), "ACTIVE");
  }
  EXPECT_EQ(Find(v1::KEY_PURPOSE_SIGN, v1::KEY_STATE_RETIRING).kid(), old);
}

TEST_P(Keys, OnlyAdministratorsTouchKeys) {
  Serve();
  const auto as_alice = [&] {
    return ContextWith({server_->Login("alice", kPassword).access_token()});
  };
  v1::ListSigningKeysResponse list;
  v1::RotateSigningKeyResponse rotated;
  v1::RevokeSigningKeyRequest revoke;
  revoke.set_kid(ActiveKid(v1::KEY_PURPOSE_SIGN));
  v1::RevokeSigningKeyResponse revoked;
  v1::RewrapKeysResponse rewrapped;
  v1::MarkStoreRestoredResponse restored;
  const std::vector<grpc::Status> answers = {
      auth_->ListSigningKeys(as_alice().get(), {}, &list),
      auth_->RotateSigningKey(as_alice().get(), {}, &rotated),
      auth_->RevokeSigningKey(as_alice().get(), revoke, &revoked),
      auth_->RewrapKeys(as_alice().get(), {}, &rewrapped),
      auth_->MarkStoreRestored(as_alice().get(), {}, &restored)};
  for (const grpc::Status& answer : answers) EXPECT_EQ(ReasonOf(answer), "ROLE_REQUIRED");
  EXPECT_EQ(ActiveKid(v1::KEY_PURPOSE_SIGN), revoke.kid());
}

// The way of a new master key: a second line, then the first, then alone.
TEST_P(Keys, AMasterKeyIsReplacedWithoutLosingAToken) {
  Serve();
  const v1::TokenGrant grant = LoginAlice();
  const TemporaryFolder& folder = options_.installation->folder;
  const std::string old = folder.Read("master.key");
  const std::string fresh = absl::StrCat("m2:", absl::Base64Escape(RandomBytes(32)), "\n");
  folder.Write("master.key", fresh + old);
  Restart();
  v1::RewrapKeysResponse done;
  ASSERT_TRUE(auth_->RewrapKeys(AsAdmin().get(), v1::RewrapKeysRequest(), &done).ok());
  EXPECT_EQ(done.master_key_id(), "m2");
  EXPECT_EQ(done.rewrapped_count(), 5) << "one for each purpose";
  folder.Write("master.key", fresh);
  Restart();
  EXPECT_EQ(Find(v1::KEY_PURPOSE_SIGN, v1::KEY_STATE_ACTIVE).master_key_id(), "m2");
  EXPECT_EQ(Verdict(*auth_, grant.access_token()), "ACTIVE");
  EXPECT_EQ(Renew(*auth_, grant.refresh_token()).reason, "");
}

TEST_P(Keys, AfterARestoredBackupNothingOldRevives) {
  Serve();
  std::vector<v1::TokenGrant> grants = {LoginAlice()};
  Stop();
  Backup();
  Restart();
  const Renewal renewed =
      Renew(*auth_, grants[0].refresh_token());  // the row's generation moves on
  ASSERT_EQ(renewed.reason, "");
  grants.push_back(renewed.grant);
  grants.push_back(LoginAlice());  // a session that the backup does not know
  ASSERT_TRUE(Revoke(*auth_, grants[2].access_token()).ok());
  Rotate();
  grants.push_back(LoginAlice());  // signed with a key that it does not know
  ASSERT_EQ(RevokeKey(ActiveKid(v1::KEY_PURPOSE_REFRESH)), "");
  grants.push_back(LoginAlice());  // minted with one
  Stop();
  RestoreBackup();
  MarkRestoredByCommand();
  Restart();
  for (const v1::TokenGrant& grant : grants) {
    // The restored store knows nothing of keys that came after the backup.
    EXPECT_THAT(Verdict(*auth_, grant.access_token()), AnyOf("TOKEN_REVOKED", "TOKEN_UNKNOWN_KEY"));
    EXPECT_THAT(Renew(*auth_, grant.refresh_token()).reason,
                AnyOf("SESSION_ENDED", "TOKEN_SIGNATURE"));
  }
  EXPECT_EQ(Renew(*auth_, grants[0].refresh_token()).reason, "SESSION_ENDED");
  EXPECT_EQ(Renew(*auth_, grants[4].refresh_token()).reason, "TOKEN_SIGNATURE");
  EXPECT_THAT(server_->program().Output(), Not(HasSubstr("renewal.reuse")));
  const v1::TokenGrant fresh = LoginAlice();
  EXPECT_EQ(Verdict(*auth_, fresh.access_token()), "ACTIVE");
  EXPECT_EQ(Renew(*auth_, fresh.refresh_token()).reason, "");
}

// Without the command, a session that has gone on since ends, and nobody is called a thief.
TEST_P(Keys, ARestoredBackupThatNobodyTellsOfEndsTheSessionsThatWentOn) {
  Serve();
  const v1::TokenGrant first = LoginAlice();
  Stop();
  Backup();
  Restart();
  const Renewal second = Renew(*auth_, first.refresh_token());
  const Renewal third = Renew(*auth_, second.grant.refresh_token());
  ASSERT_EQ(third.reason, "");
  Stop();
  RestoreBackup();
  Restart();
  EXPECT_EQ(Renew(*auth_, third.grant.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_EQ(Renew(*auth_, first.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_THAT(server_->program().Output(), HasSubstr("renewal.store_went_back"));
  EXPECT_THAT(server_->program().Output(), Not(HasSubstr("renewal.reuse")));
}

// The same while everything runs, guards included.
TEST_P(Keys, ARunningServerThatIsToldOfARestorationStartsOver) {
  Serve();
  GuardedOrders orders(*server_, Transport::kPlaintext, Api::kCallback);
  const v1::TokenGrant grant = LoginAlice();
  EXPECT_EQ(Verdict(orders, grant.access_token()), "ACTIVE");
  v1::MarkStoreRestoredResponse done;
  const grpc::Status status =
      auth_->MarkStoreRestored(AsAdmin().get(), v1::MarkStoreRestoredRequest(), &done);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_GE(done.ended_sessions(), 2);
  EXPECT_EQ(Verdict(*auth_, grant.access_token()), "TOKEN_REVOKED");
  EXPECT_EQ(Renew(*auth_, grant.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_TRUE(Within(kSoon, [&] { return Verdict(orders, grant.access_token()) != "ACTIVE"; }));
  EXPECT_TRUE(
      Within(kSoon, [&] { return Verdict(orders, LoginAlice().access_token()) == "ACTIVE"; }));
}

TEST_P(Keys, SharedKeysReachGuardsByFileAlone) {
  const std::string file = options_.installation->folder.Path("shared.json");
  options_.environment.push_back("TESSERA_KEYS_ALGORITHM=HS256");
  options_.environment.push_back("TESSERA_KEYS_HS256_FILE=" + file);
  options_.environment.push_back("TESSERA_KEYS_ACKNOWLEDGE_TIMEOUT=0s");
  Serve();
  EXPECT_EQ(ModeOf(file), 0600u);
  const auto verdict_by_file = [&](const std::string& token) {
    const auto source = KeysFromFileWithSharedKeys(file, NoLog());
    const auto verifier = *TokenVerifier::Create({Tesserad::kIssuer, "orders"});
    const auto verified = verifier.Verify(token, *source->Current(), server_->clock().Now());
    return verified.ok() ? "ACTIVE" : std::string(verified.status().message());
  };
  const std::string before = LoginAlice().access_token();
  EXPECT_EQ(verdict_by_file(before), "ACTIVE");
  const std::string kid = Rotate();
  EXPECT_EQ(ActiveKid(v1::KEY_PURPOSE_SIGN), kid);
  const std::string after = LoginAlice().access_token();
  EXPECT_EQ(verdict_by_file(before), "ACTIVE");
  EXPECT_EQ(verdict_by_file(after), "ACTIVE");
  v1::GetJwksResponse published;
  ASSERT_TRUE(auth_->GetJwks(ContextWith({}).get(), v1::GetJwksRequest(), &published).ok());
  EXPECT_THAT(published.jwks_json(), Not(HasSubstr(kid)));
  EXPECT_THAT(published.jwks_json(), Not(HasSubstr("oct")));
  EXPECT_EQ(ModeOf(file), 0600u);
}

// A token whose key is not known here may be of a newer one: it is refused only if the newest keys
// do not know it either.
TEST_P(Keys, AForgedKidIsRefusedOnceTheNewestKeysAreRead) {
  Serve();
  const std::string genuine = LoginAlice().refresh_token();
  std::string bytes = *Base64UrlDecode(genuine.substr(4));
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  const std::string forged = "tsr_" + Base64UrlEncode(bytes);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Renew(*auth_, forged).reason, "TOKEN_SIGNATURE");
  EXPECT_EQ(ReasonOf(Logout(*auth_, forged)), "TOKEN_SIGNATURE");
  EXPECT_TRUE(Revoke(*auth_, forged).ok());
  EXPECT_EQ(Renew(*auth_, genuine).reason, "");
}

INSTANTIATE_TEST_SUITE_P(Engines, Keys, ::testing::Values(Engine::kSqlite, Engine::kMariaDb),
                         [](const auto& test) {
                           return test.param == Engine::kSqlite ? "Sqlite" : "MariaDb";
                         });

// Nothing can be said of the key then: it is no refusal.
TEST(KeysAway, AnUnknownMacKeyIsUnavailableWhileTheDatabaseIsAway) {
  MariaDb mariadb;
  MariaDbDatabase database(mariadb);
  Tesserad::Options options;
  options.installation = std::make_shared<Installation>(database);
  Tesserad server(options);
  ASSERT_NO_FATAL_FAILURE(server.Start());
  const auto auth = server.Auth();
  std::string bytes = *Base64UrlDecode(server.LoginAdmin().refresh_token().substr(4));
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  const std::string forged = "tsr_" + Base64UrlEncode(bytes);
  mariadb.Stop();
  EXPECT_EQ(Renew(*auth, forged).reason, "KEYS_UNAVAILABLE");
  mariadb.Start();
  EXPECT_TRUE(Within(kSoon, [&] { return Renew(*auth, forged).reason == "TOKEN_SIGNATURE"; }));
  server.Stop();
}

}  // namespace
}  // namespace tessera::testing
