// What the database can write down of us: its general and slow logs hold nothing that lets anybody
// in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/calls.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kFirstPassword[] = "first password of alice";
constexpr char kSecondPassword[] = "second password of alice";
constexpr char kWrongPassword[] = "a guess at alice's password";

class GeneralLog : public ::testing::Test {
 protected:
  GeneralLog() : database_(server_) {}

  void SetUp() override {
    server_.Sql(absl::StrCat("SET GLOBAL general_log_file = '", LogFile("general"),
                             "', general_log = ON,", " slow_query_log_file = '", LogFile("slow"),
                             "', slow_query_log = ON, long_query_time = 0"));
    Tesserad::Options options;
    options.installation = std::make_shared<Installation>(database_);
    tesserad_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(tesserad_->Start());
  }

  std::string LogFile(const std::string& name) const { return server_.folder() + "/" + name; }

  void Note(const v1::TokenGrant& grant) {
    secrets_.push_back(grant.access_token());
    // The part that proves it.
    secrets_.push_back(grant.access_token().substr(grant.access_token().rfind('.') + 1));
    secrets_.push_back(grant.refresh_token());
    secrets_.push_back(grant.refresh_token().substr(std::string("tsr_").size()));
  }

  MariaDb server_;
  MariaDbDatabase database_;
  std::unique_ptr<Tesserad> tesserad_;
  std::vector<std::string> secrets_{kFirstPassword, kSecondPassword, kWrongPassword,
                                    Tesserad::kAdminPassword};
};

TEST_F(GeneralLog, HoldsNoPasswordNoTokenAndNoKey) {
  const auto auth = tesserad_->Auth();
  tesserad_->AddUser("alice", kFirstPassword, {"tessera.guard"});
  const v1::TokenGrant first = tesserad_->Login("alice", kFirstPassword);
  Note(first);
  v1::LoginRequest guess;
  guess.set_username("alice");
  guess.set_password(kWrongPassword);
  v1::LoginResponse none;
  EXPECT_FALSE(auth->Login(ContextWith({}).get(), guess, &none).ok());
  const Renewal second = Renew(*auth, first.refresh_token());
  Note(second.grant);
  EXPECT_EQ(Verdict(*auth, second.grant.access_token()), "ACTIVE");
  v1::ChangePasswordRequest change;
  change.set_old_password(kFirstPassword);
  change.set_new_password(kSecondPassword);
  v1::ChangePasswordResponse changed;
  EXPECT_TRUE(
      tesserad_->Users()
          ->ChangePassword(ContextWith({second.grant.access_token()}).get(), change, &changed)
          .ok());
  const v1::TokenGrant third = tesserad_->Login("alice", kSecondPassword);
  Note(third);
  EXPECT_TRUE(Revoke(*auth, third.access_token()).ok());
  EXPECT_TRUE(Logout(*auth, third.refresh_token()).ok());
  const Tesserad::Service service = tesserad_->AddService({"billing", {}, {"tessera"}});
  secrets_.push_back(service.secret);
  secrets_.push_back(service.secret.substr(service.secret.size() - 43));
  v1::IssueTokenRequest issue;
  issue.set_secret(service.secret);
  v1::IssueTokenResponse issued;
  EXPECT_TRUE(auth->IssueToken(ContextWith({}).get(), issue, &issued).ok());
  secrets_.push_back(issued.access_token());
  v1::RotateServiceAccountSecretRequest rotate;
  rotate.set_service_account_id(service.id);
  v1::RotateServiceAccountSecretResponse rotated;
  EXPECT_TRUE(tesserad_->Users()
                  ->RotateServiceAccountSecret(
                      ContextWith({tesserad_->LoginAdmin().access_token()}).get(), rotate, &rotated)
                  .ok());
  secrets_.push_back(rotated.secret());
  secrets_.push_back(database_.password());
  const std::string master = tesserad_->installation().folder.Read("master.key");
  secrets_.push_back(master.substr(master.find(':') + 1, master.find('\n') - master.find(':') - 1));
  tesserad_->Stop();

  for (const char* name : {"general", "slow"}) {
    const std::string log = ReadFile(LogFile(name));
    ASSERT_THAT(log, HasSubstr("alice")) << "it was on";
    for (const std::string& secret : secrets_) {
      EXPECT_EQ(log.find(secret), std::string::npos) << name << " log holds " << secret;
    }
  }
}

}  // namespace
}  // namespace tessera::testing
