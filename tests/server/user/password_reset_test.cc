#include "server/user/password_reset.h"

#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/token_issuer.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

constexpr char kNewPassword[] = "another long password";

class PasswordResetTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    ada_ = Add("ada");
    resets_.emplace(
        absl::Hours(1), PasswordPolicy(),
        PasswordResets::Parts{*store_, *keys_, *hasher_, *throttle_, *feed_, audit_, clock_, log_});
  }

  IssuedReset Issue(const UserId& user) {
    auto issued = resets_->Issue(call_, admin_, user);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? *std::move(issued) : IssuedReset();
  }
  // Up to the point where the new password is hashed.
  absl::StatusOr<CheckedReset> Prepare(const Secret& token, const std::string& password) {
    auto screened = resets_->Screen(call_, {token, Secret::CopyOf(password)});
    if (!screened.ok()) return screened.status();
    auto checked = resets_->Check(call_, *std::move(screened));
    if (!checked.ok()) return checked.status();
    return resets_->Hash(call_, *std::move(checked));
  }
  absl::Status Complete(const Secret& token, const std::string& password = kNewPassword) {
    auto prepared = Prepare(token, password);
    if (!prepared.ok()) return prepared.status();
    return resets_->Store(call_, *prepared);
  }
  std::string Reason(const absl::Status& status) { return ReasonOf(status); }

  storage::User ada_;
  std::optional<PasswordResets> resets_;
};

TEST_F(PasswordResetTest, TheTokenSetsAPasswordAndEndsWhatTheUserHeld) {
  const auto before = Login("ada");
  ASSERT_TRUE(before.ok());
  const IssuedReset issued = Issue(ada_.id);
  EXPECT_EQ(issued.expires_at, RowTime(clock_.Now() + absl::Hours(1)));
  EXPECT_EQ(WhyInactive(before->access_token), "") << "nothing has changed yet";
  EXPECT_TRUE(Login("ada").ok());

  ASSERT_TRUE(Complete(issued.token).ok());

  EXPECT_EQ(WhyInactive(before->access_token), "TOKEN_REVOKED");
  EXPECT_EQ(Reason(auth_->Renew(call_, before->refresh_token).status()), "SESSION_ENDED");
  EXPECT_EQ(Reason(Login("ada").status()), "BAD_CREDENTIALS");
  EXPECT_TRUE(Login("ada", kNewPassword).ok());
}

TEST_F(PasswordResetTest, ItWorksOnce) {
  const IssuedReset issued = Issue(ada_.id);
  ASSERT_TRUE(Complete(issued.token).ok());
  EXPECT_EQ(Reason(Complete(issued.token, "yet another password")), "RESET_TOKEN_INVALID");
  EXPECT_TRUE(Login("ada", kNewPassword).ok());
}

TEST_F(PasswordResetTest, TwoWhoUseItAtOnceSetOnePassword) {
  const IssuedReset issued = Issue(ada_.id);
  auto first = Prepare(issued.token, "the first new password");
  auto second = Prepare(issued.token, "the second new password");
  ASSERT_TRUE(first.ok() && second.ok());
  std::atomic<int> done{0};
  const auto store = [&](const CheckedReset& reset) {
    const absl::Status stored = resets_->Store(call_, reset);
    if (stored.ok()) ++done;
    EXPECT_EQ(ReasonOf(stored), stored.ok() ? "" : "RESET_TOKEN_INVALID");
  };
  std::thread other([&] { store(*second); });
  store(*first);
  other.join();
  EXPECT_EQ(done, 1);
}

TEST_F(PasswordResetTest, ItEndsAtItsTime) {
  const IssuedReset issued = Issue(ada_.id);
  clock_.Advance(issued.expires_at - clock_.Now() - absl::Microseconds(1));
  EXPECT_TRUE(Prepare(issued.token, kNewPassword).ok());
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(Reason(Complete(issued.token)), "RESET_TOKEN_INVALID");
}

TEST_F(PasswordResetTest, ALaterOneEndsIt) {
  const IssuedReset first = Issue(ada_.id);
  const IssuedReset later = Issue(ada_.id);
  EXPECT_EQ(Reason(Complete(first.token)), "RESET_TOKEN_INVALID");
  EXPECT_TRUE(Complete(later.token).ok());
}

// Whoever finds an old token must not get in with it later.
TEST_F(PasswordResetTest, APasswordChangeAndADisableEndIt) {
  const IssuedReset before_change = Issue(ada_.id);
  auto user = users_->FindForPasswordChange(call_, ada_.id);
  ASSERT_TRUE(user.ok());
  auto changed = users_->CheckPasswordChange(
      call_, *user, {ada_.id, Secret::CopyOf(kPassword), Secret::CopyOf("a changed password")});
  ASSERT_TRUE(changed.ok()) << changed.status();
  ASSERT_TRUE(users_->StorePassword(call_, *changed).ok());
  EXPECT_EQ(Reason(Complete(before_change.token)), "RESET_TOKEN_INVALID");

  const IssuedReset before_disable = Issue(ada_.id);
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kActive).ok());
  EXPECT_EQ(Reason(Complete(before_disable.token)), "RESET_TOKEN_INVALID");
}

TEST_F(PasswordResetTest, ADisableBetweenTheTwoStepsEndsIt) {
  const IssuedReset issued = Issue(ada_.id);
  auto prepared = Prepare(issued.token, kNewPassword);
  ASSERT_TRUE(prepared.ok());
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
  EXPECT_EQ(Reason(resets_->Store(call_, *prepared)), "RESET_TOKEN_INVALID");
}

TEST_F(PasswordResetTest, ItUnlocksNothingElse) {
  ASSERT_TRUE(SetState(ada_.id, storage::UserState::kDisabled).ok());
  const IssuedReset issued = Issue(ada_.id);
  ASSERT_TRUE(Complete(issued.token).ok());
  EXPECT_EQ(Named("ada").state, storage::UserState::kDisabled);
  EXPECT_EQ(Reason(Login("ada", kNewPassword).status()), "BAD_CREDENTIALS");
}

TEST_F(PasswordResetTest, ABadNewPasswordDoesNotUseItUp) {
  const IssuedReset issued = Issue(ada_.id);
  for (const char* bad : {"short", "password1", "with\na control", "ADA"}) {
    const absl::Status refused = Complete(issued.token, bad);
    EXPECT_EQ(Reason(refused), "FIELD_INVALID") << bad;
    EXPECT_EQ(FieldOf(refused), "new_password");
  }
  EXPECT_TRUE(Complete(issued.token).ok());
}

TEST_F(PasswordResetTest, ForgedTokensReachNoStore) {
  const std::string token(Issue(ada_.id).token.Reveal());
  std::string other_user = token;
  other_user.replace(4, 26, Named("admin").id.str().substr(4));
  std::string other_end = token;
  other_end.back() = other_end.back() == 'A' ? 'B' : 'A';
  std::string secret = token;
  secret.replace(0, 4, "tss_");
  for (const std::string& forged : {std::string(), std::string("tsp_"), token + "A",
                                    token.substr(1), other_user, other_end, secret}) {
    EXPECT_EQ(Reason(resets_->Screen(call_, {Secret::CopyOf(forged), Secret()}).status()),
              "RESET_TOKEN_INVALID")
        << forged;
  }
}

// A stolen token of an administrator must not do without the old password.
TEST_F(PasswordResetTest, NobodyResetsTheirOwn) {
  EXPECT_EQ(Reason(resets_->Issue(call_, admin_, admin_).status()), "FIELD_INVALID");
}

TEST_F(PasswordResetTest, OnlyAnAdministratorGivesOneOut) {
  const storage::User grace = Add("grace");
  EXPECT_EQ(Reason(resets_->Issue(call_, ada_.id, grace.id).status()), "ROLE_REQUIRED");
  EXPECT_EQ(Reason(resets_->Issue(call_, admin_, UserId("usr_none")).status()), "USER_NOT_FOUND");
}

TEST_F(PasswordResetTest, ADeletedUsersTokenIsVoid) {
  const IssuedReset issued = Issue(ada_.id);
  ASSERT_TRUE(users_->Delete(call_, admin_, ada_.id, "").ok());
  EXPECT_EQ(Reason(Complete(issued.token)), "RESET_TOKEN_INVALID");
}

TEST_F(PasswordResetTest, WhatIsStoredAndLoggedIsNotTheToken) {
  const IssuedReset issued = Issue(ada_.id);
  ASSERT_TRUE(Complete(issued.token).ok());
  EXPECT_EQ(log_.Text().find(std::string(issued.token.Reveal()).substr(30)), std::string::npos);
  EXPECT_EQ(log_.Text().find(kNewPassword), std::string::npos);
}

// Somebody who tries many must come from many places.
TEST_F(PasswordResetTest, AttemptsAreCountedBySource) {
  const IssuedReset issued = Issue(ada_.id);
  ASSERT_TRUE(Complete(issued.token).ok());
  std::string last;
  for (int i = 0; i < 1000 && last != "THROTTLED"; ++i) last = Reason(Complete(issued.token));
  EXPECT_EQ(last, "THROTTLED");
  call_.peer = call_.source = "198.51.100.9";
  EXPECT_EQ(Reason(Complete(issued.token)), "RESET_TOKEN_INVALID");
}

}  // namespace
}  // namespace tessera::server
