#include "tests/drills/database_user.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kCallLimit = absl::Seconds(2);
constexpr int kTries = 3;
constexpr char kPassword[] = "a password for the database";

}  // namespace

DatabaseUser::DatabaseUser(Tesserad& server, std::string name)
    : name_(std::move(name)), calls_(server.NewChannel(), kCallLimit) {
  server.AddUser(name_, kPassword);
  admin_ = server.LoginAdmin().access_token();
  refresh_ = server.Login(name_, kPassword).refresh_token();
  to_revoke_ = server.Login(name_, kPassword).access_token();
}

std::vector<DatabaseUser::Named> DatabaseUser::CallAll() {
  v1::TokenGrant opened, renewed;
  std::string id;
  const std::string name = absl::StrCat(name_, "-", users_++);
  const auto at_once = std::launch::async;
  auto login = std::async(at_once, [&] { return calls_.Login(name_, kPassword, "", opened); });
  auto renewal = std::async(at_once, [&] { return calls_.Renew(refresh_, renewed); });
  auto user = std::async(at_once, [&] { return calls_.CreateUser(admin_, name, kPassword, id); });
  auto revocation = std::async(at_once, [&] { return calls_.Revoke(to_revoke_); });
  std::vector<Named> all = {{"Login", login.get()},
                            {"RenewToken", renewal.get()},
                            {"CreateUser", user.get()},
                            {"RevokeToken", revocation.get()}};
  if (all[0].answer.done()) to_revoke_ = opened.access_token();
  if (all[1].answer.done()) refresh_ = renewed.refresh_token();
  return all;
}

void DatabaseUser::ExpectIsUnavailable(const Named& each) {
  SCOPED_TRACE(each.name + ": " + each.answer.Text());
  EXPECT_EQ(each.answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  const std::string reason = each.answer.reason();
  EXPECT_TRUE(reason == "STORAGE_UNAVAILABLE" || reason == "OUTCOME_UNKNOWN") << reason;
  EXPECT_TRUE(RetryDelayOf(each.answer.status).has_value());
}

// A late answer may be this machine's own fault, but not over and over.
std::vector<DatabaseUser::Named> DatabaseUser::CallAllInTime() {
  std::vector<Named> all = CallAll();
  const auto late = [](const Named& each) {
    return each.answer.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  };
  for (int tries = 1; tries < kTries && std::any_of(all.begin(), all.end(), late); ++tries) {
    all = CallAll();
  }
  return all;
}

void DatabaseUser::ExpectUnavailable() {
  for (const Named& each : CallAllInTime()) ExpectIsUnavailable(each);
}

int DatabaseUser::ExpectDoneOrUnavailable() {
  int refused = 0;
  for (const Named& each : CallAllInTime()) {
    if (each.answer.done()) continue;
    ++refused;
    ExpectIsUnavailable(each);
  }
  return refused;
}

void DatabaseUser::ExpectServedSoon() {
  v1::TokenGrant grant;
  Answer answer = AskUntilClear([&] { return calls_.Renew(refresh_, grant); });
  ASSERT_TRUE(answer.done()) << "RenewToken: " << answer.Text();
  refresh_ = grant.refresh_token();
  answer = AskUntilClear([&] { return calls_.Revoke(to_revoke_); });
  EXPECT_TRUE(answer.done()) << "RevokeToken: " << answer.Text();
  v1::ValidateTokenResponse known;
  EXPECT_TRUE(calls_.Validate(to_revoke_, known).done());
  EXPECT_EQ(known.reason(), v1::ERROR_REASON_TOKEN_REVOKED);
  answer = AskUntilClear([&] { return calls_.Login(name_, kPassword, "", grant); });
  EXPECT_TRUE(answer.done()) << "Login: " << answer.Text();
  to_revoke_ = grant.access_token();
  std::string id;
  const std::string name = absl::StrCat(name_, "-", users_++);
  answer = AskUntilClear([&] { return calls_.CreateUser(admin_, name, kPassword, id); });
  EXPECT_TRUE(answer.done()) << "CreateUser: " << answer.Text();
}

}  // namespace tessera::testing
