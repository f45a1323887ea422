// Two replicas on one MariaDB: what is done at one holds at the other, and at a guard of each.
#include "tests/e2e/replicas.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/time/clock.h"
#include "tessera/caller/reason.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

TEST_F(Replicas, RenewalsWithOneTokenAtBothMakeOneStep) {
  constexpr size_t kCallers = 64;
  const v1::TokenGrant first = LoginAlice();
  const auto generation = [&] {
    return std::stoi(
        database_.Sql("SELECT generation FROM sessions WHERE id = '" + first.session_id() + "'"));
  };
  const int before = generation();
  std::vector<Renewal> renewals(kCallers);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kCallers; ++i) {
    threads.emplace_back(
        [&, i] { renewals[i] = Renew(i % 2 == 0 ? *auth_a_ : *auth_b_, first.refresh_token()); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Renewal& renewal : renewals) {
    EXPECT_EQ(renewal.reason, "");
    EXPECT_EQ(renewal.grant.refresh_token(), renewals[0].grant.refresh_token());
    EXPECT_EQ(renewal.grant.session_id(), first.session_id());
    EXPECT_EQ(Verdict(*auth_b_, renewal.grant.access_token()), "ACTIVE");
  }
  EXPECT_EQ(generation(), before + 1);
  EXPECT_EQ(Renew(*auth_b_, renewals[0].grant.refresh_token()).reason, "");
  EXPECT_EQ(generation(), before + 2);
}

TEST_F(Replicas, ReuseSeenAtOneEndsTheSessionAtTheOther) {
  const v1::TokenGrant first = LoginAlice();
  const Renewal second = Renew(*auth_a_, first.refresh_token());
  const Renewal third = Renew(*auth_b_, second.grant.refresh_token());
  ASSERT_EQ(third.reason, "");
  EXPECT_EQ(Renew(*auth_b_, first.refresh_token()).reason, "REFRESH_REUSED");
  EXPECT_EQ(Renew(*auth_a_, third.grant.refresh_token()).reason, "SESSION_ENDED");
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", third.grant.access_token()));
}

enum class Way { kRevokeToken, kRevokeRefreshToken, kLogout, kDisable, kChangePassword, kDelete };

class RevocationAtOne : public Replicas, public ::testing::WithParamInterface<Way> {
 protected:
  // Ends `grant` of alice at the first replica.
  grpc::Status End(const v1::TokenGrant& grant) {
    switch (GetParam()) {
      case Way::kRevokeToken:
        return Revoke(*auth_a_, grant.access_token());
      case Way::kRevokeRefreshToken:
        return Revoke(*auth_a_, grant.refresh_token());
      case Way::kLogout:
        return Logout(*auth_a_, grant.refresh_token());
      case Way::kDisable:
        return Disable();
      case Way::kDelete:
        return Delete();
      case Way::kChangePassword:
        break;
    }
    return ChangePassword();
  }

  grpc::Status Disable() {
    v1::UpdateUserRequest request;
    request.mutable_user()->set_id(alice_);
    request.mutable_user()->set_state(v1::USER_STATE_DISABLED);
    request.mutable_update_mask()->add_paths("state");
    v1::UpdateUserResponse response;
    return a_.Users()->UpdateUser(AsAdmin().get(), request, &response);
  }
  grpc::Status Delete() {
    v1::DeleteUserRequest request;
    request.set_user_id(alice_);
    v1::DeleteUserResponse response;
    return a_.Users()->DeleteUser(AsAdmin().get(), request, &response);
  }
  grpc::Status ChangePassword() {
    v1::ChangePasswordRequest request;
    request.set_old_password(kPassword);
    request.set_new_password("another password");
    v1::ChangePasswordResponse response;
    const std::string token = a_.Login("alice", kPassword).access_token();
    return a_.Users()->ChangePassword(ContextWith({token}).get(), request, &response);
  }
  std::unique_ptr<grpc::ClientContext> AsAdmin() {
    return ContextWith({a_.LoginAdmin().access_token()});
  }
};

std::string NameOf(const ::testing::TestParamInfo<Way>& way) {
  const char* const names[] = {"RevokeToken", "RevokeRefreshToken", "Logout",
                               "Disable",     "ChangePassword",     "Delete"};
  return names[static_cast<size_t>(way.param)];
}

INSTANTIATE_TEST_SUITE_P(Ways, RevocationAtOne,
                         ::testing::Values(Way::kRevokeToken, Way::kRevokeRefreshToken,
                                           Way::kLogout, Way::kDisable, Way::kChangePassword,
                                           Way::kDelete),
                         NameOf);

// A stream that alice has open at a guarded service.
class OpenWatch {
 public:
  OpenWatch(GuardedOrders& orders, const std::string& token)
      : stub_(orders.Stub()),
        context_(LongContextWith(token)),
        stream_(stub_->WatchOrders(context_.get(), {})) {
    pb::WatchOrdersResponse first;
    EXPECT_TRUE(stream_->Read(&first));
  }
  // Waits for the end; the reason of it.
  std::string End() {
    pb::WatchOrdersResponse next;
    EXPECT_FALSE(stream_->Read(&next));
    const grpc::Status status = stream_->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    return ReasonOf(status);
  }

 private:
  static std::unique_ptr<grpc::ClientContext> LongContextWith(const std::string& token) {
    auto context = ContextWith({token});
    context->set_deadline(absl::ToChronoTime(absl::Now() + 5 * kSoon));
    return context;
  }

  std::unique_ptr<pb::OrderService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<pb::WatchOrdersResponse>> stream_;
};

TEST_P(RevocationAtOne, IsRefusedAtTheOtherAndAtGuardsOfBothAndCutsStreams) {
  a_.AddUser("bob", "bobs password");
  const std::string kept = a_.Login("bob", "bobs password", "orders").access_token();
  const v1::TokenGrant grant = LoginAlice();
  const std::string& token = grant.access_token();
  ExpectAllSay("ACTIVE", {token, kept});
  OpenWatch at_a(OrdersAtA(), token), at_b(OrdersAtB(), token), keeps(OrdersAtB(), kept);

  const grpc::Status ended = End(grant);
  ASSERT_TRUE(ended.ok()) << ended.error_message();
  EXPECT_EQ(Verdict(*auth_a_, token), "TOKEN_REVOKED") << "where it was done, before the answer";
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", token));
  EXPECT_EQ(at_a.End(), "TOKEN_REVOKED");
  EXPECT_EQ(at_b.End(), "TOKEN_REVOKED");
  ExpectAllSay("ACTIVE", {kept});
  // Only the one token goes by itself; the session goes with everything else.
  const std::string renewed = Renew(*auth_b_, grant.refresh_token()).reason;
  EXPECT_EQ(renewed, GetParam() == Way::kRevokeToken ? "" : "SESSION_ENDED");
}

TEST_F(Replicas, EachVerifiesWhatTheOtherSigned) {
  const std::string by_a = a_.Login("alice", kPassword, "orders").access_token();
  const std::string by_b = b_.Login("alice", kPassword, "orders").access_token();
  ExpectAllSay("ACTIVE", {by_a, by_b});
}

}  // namespace
}  // namespace tessera::testing
