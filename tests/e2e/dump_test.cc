// What the database holds after a run that made everything that lets somebody in: nothing of it in
// a form that can be used. The dump is of all tables, each with rows of the run, on SQLite also of
// the files as they lie there; the server's log, and the statements that MariaDB was told, are held
// to the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tessera/token/base64url.h"
#include "tests/e2e/assertion.h"
#include "tests/e2e/authenticator.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/seen_secrets.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPassword[] = "first password of ada";
constexpr char kSecondPassword[] = "second password of ada";
constexpr char kThirdPassword[] = "third password of ada";
constexpr char kRegistered[] = "password of one who registers";
constexpr char kCreated[] = "password of one who is created";
constexpr char kGuess[] = "a guess at adas password";
constexpr char kDevice[] = "device-of-ada-0123456789";

// The rows of each table, as one text.
using Tables = std::map<std::string, std::string>;

// Empty when the server has stopped, or as soon as it has done what they are a note of: times and
// the ids of replicas, groups and roles, nothing that was made from a secret.
const std::set<std::string>& MayBeEmpty() {
  static const auto* const tables =
      new std::set<std::string>{"group_role_losses", "leases", "replicas"};
  return *tables;
}

Tables TablesOfSqlite(const std::string& path) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  const auto rows = [&](const std::string& query) {
    std::string text;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << query;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const void* const bytes = sqlite3_column_blob(statement, i);
        const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, i));
        if (bytes != nullptr) text.append(static_cast<const char*>(bytes), size);
        text.push_back('\t');
      }
      text.push_back('\n');
    }
    sqlite3_finalize(statement);
    return text;
  };
  Tables tables;
  const std::string names = rows("SELECT name FROM sqlite_master WHERE type = 'table'");
  for (const absl::string_view line : absl::StrSplit(names, '\n', absl::SkipEmpty())) {
    const std::string name(line.substr(0, line.size() - 1));
    tables[name] = rows(absl::StrCat("SELECT * FROM ", name));
  }
  sqlite3_close(database);
  return tables;
}

Tables TablesOfMariaDb(const MariaDbDatabase& database) {
  Tables tables;
  const std::string names = database.Sql("SHOW TABLES");
  for (const absl::string_view name : absl::StrSplit(names, '\n', absl::SkipEmpty())) {
    tables[std::string(name)] = database.Sql(absl::StrCat("SELECT * FROM `", name, "`"));
  }
  return tables;
}

class Dump : public ::testing::TestWithParam<TestEngine> {
 protected:
  void SetUp() override {
    if (GetParam() == TestEngine::kMariaDb) {
      mariadb_.emplace();
      database_.emplace(*mariadb_);
      mariadb_->Sql(
          absl::StrCat("SET GLOBAL general_log_file = '", GeneralLogFile(), "', general_log = ON"));
    }
    Tesserad::Options options;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    options.environment = {"TESSERA_KEYS_PUBLISH_AHEAD=0s", "TESSERA_COOKIES_ENABLED=true",
                           "TESSERA_COOKIES_ALLOWED_ORIGINS=https://app.example.test",
                           "TESSERA_REGISTRATION_ENABLED=true"};
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    auth_ = server_->Auth();
    users_ = server_->Users();
    for (const char* password :
         {kPassword, kSecondPassword, kThirdPassword, kRegistered, kCreated, kGuess}) {
      seen_.AddGuessable(absl::StrCat("\"", password, "\""), password);
    }
    seen_.AddGuessable("the administrator's password", Tesserad::kAdminPassword);
    const std::string master = server_->installation().folder.Read("master.key");
    seen_.Add("the master key", std::string(absl::StripAsciiWhitespace(
                                    absl::string_view(master).substr(master.find(':') + 1))));
    if (database_.has_value()) seen_.Add("the database's password", database_->password());
  }

  std::string GeneralLogFile() const { return mariadb_->folder() + "/general"; }
  SharedClock& clock() { return server_->clock(); }
  std::unique_ptr<grpc::ClientContext> AsAdmin() {
    const v1::TokenGrant grant = server_->LoginAdmin();
    See("the administrator's", grant);
    return ContextWith({grant.access_token()});
  }
  void See(const std::string& whose, const v1::TokenGrant& grant) {
    seen_.Add(whose + " access token", grant.access_token());
    // The part that proves it.
    seen_.Add(whose + " access token's signature",
              grant.access_token().substr(grant.access_token().rfind('.') + 1));
    if (!grant.refresh_token().empty()) {
      seen_.Add(whose + " refresh token", grant.refresh_token());
    }
    if (!grant.device_proof().empty()) seen_.Add(whose + " device proof", grant.device_proof());
  }
  v1::LoginResponse Login(const std::string& name, const std::string& password) {
    v1::LoginRequest request;
    request.set_username(name);
    request.set_password(password);
    request.set_device_id(kDevice);
    v1::LoginResponse response;
    const grpc::Status status = auth_->Login(ContextWith({}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (response.has_grant()) See(name + "'s", response.grant());
    return response;
  }
  static void Require(const grpc::Status& status) {
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // The steps, each on what the ones before it left.
  void UseSessions();
  void UseServices();
  void UsePasswords();
  void UseSecondFactor();
  void UseImports();
  void UseRegistration();
  void UseDirectory();
  // Of what would be gone by now.
  void UseWhatDoesNotLast();

  // All that lies in the store; the server has stopped. Every table has rows.
  std::string WhatIsStored() {
    const std::filesystem::path folder = std::filesystem::path(server_->command()[2]).parent_path();
    const Tables tables =
        database_.has_value() ? TablesOfMariaDb(*database_) : TablesOfSqlite(folder / "tessera.db");
    EXPECT_GE(tables.size(), 30u) << "all tables are there";
    std::string all;
    for (const auto& [name, rows] : tables) {
      EXPECT_TRUE(!rows.empty() || MayBeEmpty().count(name) == 1)
          << name << " is empty: the run makes nothing that would be seen there";
      all += rows;
    }
    if (database_.has_value()) return all;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().filename().string().rfind("tessera.db", 0) == 0) {
        all += ReadFile(file.path());
      }
    }
    return all;
  }

  std::optional<MariaDb> mariadb_;  // of its own: it writes down what it is told
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::unique_ptr<v1::UserService::Stub> users_;
  SeenSecrets seen_;
  std::string ada_, grace_;
};

INSTANTIATE_TEST_SUITE_P(On, Dump, ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

void Dump::UseSessions() {
  ada_ = server_->AddUser("ada", kPassword);
  seen_.Add("ada's device id", kDevice);
  const v1::TokenGrant grant = Login("ada", kPassword).grant();
  v1::RenewTokenRequest renew;
  renew.set_refresh_token(grant.refresh_token());
  renew.set_device_id(kDevice);
  v1::RenewTokenResponse renewed;
  Require(auth_->RenewToken(ContextWith({}).get(), renew, &renewed));
  See("ada's renewed", renewed.grant());
  v1::LoginRequest guess;
  guess.set_username("ada");
  guess.set_password(kGuess);
  v1::LoginResponse none;
  EXPECT_FALSE(auth_->Login(ContextWith({}).get(), guess, &none).ok());
  EXPECT_TRUE(Revoke(*auth_, renewed.grant().access_token()).ok());
  // In cookies.
  v1::LoginRequest page;
  page.set_username("ada");
  page.set_password(kPassword);
  page.set_set_cookies(true);
  v1::LoginResponse response;
  const auto context = ContextWith({});
  context->AddMetadata("origin", "https://app.example.test");
  context->AddMetadata("x-grpc-web", "1");
  Require(auth_->Login(context.get(), page, &response));
  const auto [begin, end] = context->GetServerInitialMetadata().equal_range("set-cookie");
  for (auto field = begin; field != end; ++field) {
    const std::string text(field->second.data(), field->second.size());
    const size_t from = text.find('=') + 1;
    seen_.Add("a cookie", text.substr(from, text.find(';') - from));
  }
}

void Dump::UseServices() {
  const Tesserad::Service service = server_->AddService({"mail", {}, {"tessera", "billing"}});
  seen_.Add("a service's secret", service.secret);
  v1::RotateServiceAccountSecretRequest rotate;
  rotate.set_service_account_id(service.id);
  rotate.mutable_keep_old_for()->set_seconds(3600);
  v1::RotateServiceAccountSecretResponse rotated;
  Require(users_->RotateServiceAccountSecret(AsAdmin().get(), rotate, &rotated));
  seen_.Add("a service's second secret", rotated.secret());
  v1::IssueTokenRequest issue;
  issue.set_secret(rotated.secret());
  v1::IssueTokenResponse issued;
  Require(auth_->IssueToken(ContextWith({}).get(), issue, &issued));
  seen_.Add("a service's token", issued.access_token());

  const SigningKey key = SigningKey::Generate(Algorithm::kEs256).value();
  v1::UpdateServiceAccountRequest update;
  update.mutable_service_account()->set_id(service.id);
  update.mutable_service_account()->set_public_jwks_json(JwkSetOf(key));
  update.mutable_service_account()->add_served_audiences("orders");
  for (const char* path : {"public_jwks_json", "served_audiences"}) {
    update.mutable_update_mask()->add_paths(path);
  }
  v1::UpdateServiceAccountResponse updated;
  Require(users_->UpdateServiceAccount(AsAdmin().get(), update, &updated));
  v1::IssueTokenRequest by_key;
  by_key.set_assertion(AssertionOf(service.id, key, clock().Now()));
  seen_.Add("an assertion", by_key.assertion());
  Require(auth_->IssueToken(ContextWith({}).get(), by_key, &issued));
  seen_.Add("a service's token by its key", issued.access_token());

  const v1::TokenGrant subject = server_->Login("ada", kPassword, "orders");
  See("ada's orders", subject);
  v1::ExchangeTokenRequest exchange;
  exchange.set_subject_token(subject.access_token());
  exchange.set_audience("billing");
  v1::ExchangeTokenResponse exchanged;
  Require(auth_->ExchangeToken(ContextWith({issued.access_token()}).get(), exchange, &exchanged));
  seen_.Add("an exchanged token", exchanged.access_token());
}

// Ends with kThirdPassword.
void Dump::UsePasswords() {
  v1::ChangePasswordRequest change;
  change.set_old_password(kPassword);
  change.set_new_password(kSecondPassword);
  v1::ChangePasswordResponse changed;
  const std::string token = Login("ada", kPassword).grant().access_token();
  Require(users_->ChangePassword(ContextWith({token}).get(), change, &changed));
  seen_.Add("the device proof of another password", changed.device_proof());
  // One reset that is used, and one that is not.
  v1::ResetPasswordRequest reset;
  reset.set_user_id(ada_);
  v1::ResetPasswordResponse given;
  Require(users_->ResetPassword(AsAdmin().get(), reset, &given));
  seen_.Add("a reset token", given.reset_token());
  v1::CompletePasswordResetRequest complete;
  complete.set_reset_token(given.reset_token());
  complete.set_new_password(kThirdPassword);
  v1::CompletePasswordResetResponse completed;
  Require(users_->CompletePasswordReset(ContextWith({}).get(), complete, &completed));
  Require(users_->ResetPassword(AsAdmin().get(), reset, &given));
  seen_.Add("an unused reset token", given.reset_token());
}

void Dump::UseSecondFactor() {
  v1::EnrollTotpResponse enrolled;
  const std::string token = Login("ada", kThirdPassword).grant().access_token();
  v1::EnrollTotpRequest enroll;
  enroll.set_password(kThirdPassword);
  Require(users_->EnrollTotp(ContextWith({token}).get(), enroll, &enrolled));
  seen_.Add("the second factor's secret", enrolled.secret());
  seen_.Add("the second factor's URI", enrolled.otpauth_uri());
  v1::ConfirmTotpRequest confirm;
  confirm.set_totp_code(AuthenticatorCode(enrolled.secret(), clock().Now()));
  v1::ConfirmTotpResponse confirmed;
  Require(users_->ConfirmTotp(ContextWith({token}).get(), confirm, &confirmed));
  seen_.Add("the device proof of a confirmed factor", confirmed.device_proof());
  ASSERT_EQ(confirmed.recovery_codes_size(), 10);
  for (const std::string& code : confirmed.recovery_codes()) {
    seen_.AddGuessable("a recovery code", code);
    std::string without_dash = code;
    without_dash.erase(without_dash.find('-'), 1);
    seen_.AddGuessable("a recovery code without its dash", without_dash);
  }
  clock().Advance(absl::Minutes(1));  // each step's code is good once
  for (const bool by_recovery_code : {false, true}) {
    const v1::LoginChallenge challenge = Login("ada", kThirdPassword).challenge();
    seen_.Add("a challenge", challenge.challenge_token());
    v1::CompleteLoginRequest complete;
    complete.set_challenge_token(challenge.challenge_token());
    if (by_recovery_code) {
      complete.set_recovery_code(confirmed.recovery_codes(0));
    } else {
      complete.set_totp_code(AuthenticatorCode(enrolled.secret(), clock().Now()));
    }
    v1::CompleteLoginResponse completed;
    Require(auth_->CompleteLogin(ContextWith({}).get(), complete, &completed));
    See("ada's strong", completed.grant());
  }
  seen_.Add("an open challenge", Login("ada", kThirdPassword).challenge().challenge_token());
}

// A hash that another system made lets whoever has it guess fast: it is not kept as it was. One of
// Argon2id is what would be made here.
void Dump::UseImports() {
  // Of "U*U", a published test vector; of the administrator's password, by Python's hashlib.
  const std::string bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  const std::string pbkdf2_digest = "HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";
  const std::string pbkdf2 = "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$" + pbkdf2_digest;
  v1::ImportUsersRequest import;
  for (const auto& [name, hash] : {std::pair("grace", bcrypt), std::pair("edsger", pbkdf2)}) {
    v1::ImportedUser& user = *import.add_users();
    user.mutable_user()->set_username(name);
    user.set_password_hash(hash);
  }
  v1::ImportUsersResponse imported;
  Require(users_->ImportUsers(AsAdmin().get(), import, &imported));
  ASSERT_EQ(imported.results_size(), 2);
  for (const auto& result : imported.results()) {
    ASSERT_NE(result.user_id(), "") << result.message();
  }
  grace_ = imported.results(0).user_id();
  seen_.Add("an imported hash", bcrypt);
  seen_.Add("an imported hash's digest", bcrypt.substr(bcrypt.size() - 31));
  seen_.Add("an imported hash of PBKDF2", pbkdf2);
  seen_.Add("the digest of PBKDF2", pbkdf2_digest);
  seen_.Add("the digest of PBKDF2, in base64url",
            absl::StrReplaceAll(pbkdf2_digest, {{"+", "-"}, {"/", "_"}}));
}

// A request with an id is kept, so that it is answered alike when it comes again.
void Dump::UseRegistration() {
  v1::RegisterUserRequest registration;
  registration.mutable_user()->set_username("barbara");
  registration.set_password(kRegistered);
  registration.set_request_id("5d6b1f0e-registration");
  v1::RegisterUserResponse registered, again;
  Require(users_->RegisterUser(ContextWith({}).get(), registration, &registered));
  Require(users_->RegisterUser(ContextWith({}).get(), registration, &again));
  ASSERT_EQ(again.user().id(), registered.user().id()) << "the request was not kept";
  v1::CreateUserRequest creation;
  creation.mutable_user()->set_username("alan");
  creation.mutable_user()->set_email("alan@example.test");
  creation.set_password(kCreated);
  creation.set_request_id("5d6b1f0e-creation");
  v1::CreateUserResponse created;
  Require(users_->CreateUser(AsAdmin().get(), creation, &created));
  // A second factor that is not confirmed.
  v1::EnrollTotpRequest enroll;
  enroll.set_password(kRegistered);
  v1::EnrollTotpResponse enrolled;
  const std::string token = Login("barbara", kRegistered).grant().access_token();
  Require(users_->EnrollTotp(ContextWith({token}).get(), enroll, &enrolled));
  seen_.Add("an unconfirmed factor's secret", enrolled.secret());
}

// No secrets: the tables around them.
void Dump::UseDirectory() {
  server_->AddRole("reader", {"orders"});
  v1::CreateGroupRequest group;
  group.mutable_group()->set_name("staff");
  v1::CreateGroupResponse made;
  Require(users_->CreateGroup(AsAdmin().get(), group, &made));
  v1::GrantRoleRequest grant;
  grant.set_role("reader");
  grant.set_group("staff");
  v1::GrantRoleResponse granted;
  Require(users_->GrantRole(AsAdmin().get(), grant, &granted));
  v1::AddGroupMemberRequest member;
  member.set_group("staff");
  member.set_user_id(ada_);
  v1::AddGroupMemberResponse added;
  Require(users_->AddGroupMember(AsAdmin().get(), member, &added));
  v1::CreateServiceAccountRequest service;
  service.mutable_service_account()->set_name("by-certificate");
  service.mutable_service_account()->add_roles("reader");
  service.mutable_service_account()->add_certificate_names("mail.example");
  service.set_without_secret(true);
  v1::CreateServiceAccountResponse account;
  Require(users_->CreateServiceAccount(AsAdmin().get(), service, &account));
}

void Dump::UseWhatDoesNotLast() {
  const SigningKey key = SigningKey::Generate(Algorithm::kEs256).value();
  const Tesserad::Service service = server_->AddService({"late", {}, {"tessera"}});
  seen_.Add("a late service's secret", service.secret);
  v1::UpdateServiceAccountRequest update;
  update.mutable_service_account()->set_id(service.id);
  update.mutable_service_account()->set_public_jwks_json(JwkSetOf(key));
  update.mutable_update_mask()->add_paths("public_jwks_json");
  v1::UpdateServiceAccountResponse updated;
  Require(users_->UpdateServiceAccount(AsAdmin().get(), update, &updated));
  v1::IssueTokenRequest issue;
  issue.set_assertion(AssertionOf(service.id, key, clock().Now()));
  seen_.Add("a late assertion", issue.assertion());
  v1::IssueTokenResponse issued;
  Require(auth_->IssueToken(ContextWith({}).get(), issue, &issued));
  seen_.Add("a late service's token", issued.access_token());
  v1::ResetPasswordRequest reset;
  reset.set_user_id(grace_);
  v1::ResetPasswordResponse given;
  Require(users_->ResetPassword(AsAdmin().get(), reset, &given));
  seen_.Add("a late reset token", given.reset_token());
  v1::LoginRequest guess;
  guess.set_username("barbara");
  guess.set_password(kGuess);
  v1::LoginResponse none;
  EXPECT_FALSE(auth_->Login(ContextWith({}).get(), guess, &none).ok());
}

TEST_P(Dump, HoldsNothingThatLetsAnybodyIn) {
  ASSERT_NO_FATAL_FAILURE(UseSessions());
  ASSERT_NO_FATAL_FAILURE(UseServices());
  ASSERT_NO_FATAL_FAILURE(UsePasswords());
  ASSERT_NO_FATAL_FAILURE(UseSecondFactor());
  ASSERT_NO_FATAL_FAILURE(UseImports());
  ASSERT_NO_FATAL_FAILURE(UseRegistration());
  ASSERT_NO_FATAL_FAILURE(UseDirectory());
  ASSERT_NO_FATAL_FAILURE(UseWhatDoesNotLast());
  const std::string log = server_->program().Output();
  server_->Stop();
  const std::string stored = WhatIsStored();
  ASSERT_THAT(stored, HasSubstr(ada_)) << "all tables are there";
  ASSERT_GT(seen_.size(), 500u);
  EXPECT_THAT(seen_.FoundIn(stored), IsEmpty());
  EXPECT_THAT(seen_.FoundIn(log), IsEmpty());
  if (!mariadb_.has_value()) return;
  const std::string told = ReadFile(GeneralLogFile());
  ASSERT_THAT(told, HasSubstr(ada_)) << "the general log is on";
  EXPECT_THAT(seen_.FoundIn(told), IsEmpty());
}

TEST(SeenSecrets, AreFoundInEveryForm) {
  SeenSecrets seen;
  const std::string bytes("\x01\x02\xfe\xff\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0", 14);
  const std::string secret = "tss_" + Base64UrlEncode(bytes);
  seen.Add("it", secret);
  seen.AddGuessable("a password", "correct horse");
  for (const std::string& text :
       {secret, secret.substr(4), absl::BytesToHexString(secret), absl::BytesToHexString(bytes),
        bytes, absl::Base64Escape(secret), absl::Base64Escape("a" + secret + "b"),
        absl::Base64Escape("ab" + bytes + "cd"), absl::WebSafeBase64Escape("a" + bytes + "c"),
        std::string("CORRECT") + "correct horse",
        // MD5 and SHA-256 of the password, by other programs.
        std::string("3cb4e732631f47e6eb961f34554b7cde"),
        std::string("4104D36F8DA2C254349F85836793EBE029E0C957063A34C91C2E9203187B5631")}) {
    EXPECT_FALSE(seen.FoundIn("before " + text + " after").empty()) << text;
  }
  EXPECT_THAT(seen.FoundIn("before and after"), IsEmpty());
}

}  // namespace
}  // namespace tessera::testing
