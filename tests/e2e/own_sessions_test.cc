// Whose sessions, from which device, and who ends them: against real servers, on SQLite alone and
// on MariaDB with two replicas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::SizeIs;

constexpr char kPassword[] = "a password of somebody";
constexpr char kPhone[] = "phone-0123456789abcdef";
constexpr char kLaptop[] = "laptop-0123456789abcdef";

class OwnSessions : public Servers {
 protected:
  void Start(std::vector<std::string> environment = {}) {
    ASSERT_NO_FATAL_FAILURE(StartServers(environment));
    for (const auto& server : servers_) auth_.push_back(server->Auth());
    ada_ = here().AddUser("ada", kPassword);
    grace_ = here().AddUser("grace", kPassword);
  }

  // Replica `i`; on SQLite the one that there is.
  v1::AuthService::Stub& Auth(size_t i = 0) { return *auth_[i % auth_.size()]; }

  grpc::Status TryLogin(const std::string& name, v1::TokenGrant& grant, size_t replica = 0,
                        const std::string& device = "") {
    v1::LoginRequest request;
    request.set_username(name);
    request.set_password(kPassword);
    request.set_device_id(device);
    if (!device.empty()) request.set_device_label("the " + device.substr(0, device.find('-')));
    v1::LoginResponse response;
    grpc::Status status = Auth(replica).Login(ContextWith({}).get(), request, &response);
    grant = response.grant();
    return status;
  }
  v1::TokenGrant Login(const std::string& name, const std::string& device = "") {
    v1::TokenGrant grant;
    const grpc::Status status = TryLogin(name, grant, 0, device);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return grant;
  }
  // A renewal that shows this device.
  std::string RenewFrom(const std::string& device, v1::TokenGrant& grant) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(grant.refresh_token());
    request.set_device_id(device);
    v1::RenewTokenResponse response;
    const grpc::Status status = Auth(1).RenewToken(ContextWith({}).get(), request, &response);
    if (!status.ok()) return ReasonOf(status);
    grant = response.grant();
    return "";
  }
  std::vector<v1::Session> List(const std::string& token, const std::string& user = "") {
    v1::ListSessionsRequest request;
    request.set_user_id(user);
    v1::ListSessionsResponse response;
    const grpc::Status status = Auth().ListSessions(ContextWith({token}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.sessions().begin(), response.sessions().end()};
  }
  grpc::Status RevokeSession(const std::string& token, const std::string& id, size_t replica = 0) {
    v1::RevokeSessionRequest request;
    request.set_session_id(id);
    v1::RevokeSessionResponse response;
    return Auth(replica).RevokeSession(ContextWith({token}).get(), request, &response);
  }
  grpc::Status RevokeAll(const std::string& token, bool keep_current = false,
                         const std::string& user = "") {
    v1::RevokeAllSessionsRequest request;
    request.set_keep_current(keep_current);
    request.set_user_id(user);
    v1::RevokeAllSessionsResponse response;
    return Auth().RevokeAllSessions(ContextWith({token}).get(), request, &response);
  }
  // Every replica says so of the token, soon.
  bool AllSay(const std::string& verdict, const std::string& token) {
    return Within(kSoon, [&] {
      for (const auto& auth : auth_) {
        if (Verdict(*auth, token) != verdict) return false;
      }
      return true;
    });
  }

  std::vector<std::unique_ptr<v1::AuthService::Stub>> auth_;
  std::string ada_;
  std::string grace_;
};

INSTANTIATE_TEST_SUITE_P(On, OwnSessions, BothEngines(), EngineName);

TEST_P(OwnSessions, AListShowsDeviceAddressTimesAndWhichOneAsks) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant phone = Login("ada", kPhone);
  v1::TokenGrant plain = Login("ada");
  Login("grace");
  ASSERT_EQ(RenewFrom("", plain), "");
  const std::vector<v1::Session> sessions = List(plain.access_token());
  ASSERT_THAT(sessions, SizeIs(2));
  const bool plain_first = sessions[0].id() == plain.session_id();
  const v1::Session& own = sessions[plain_first ? 0 : 1];
  const v1::Session& other = sessions[plain_first ? 1 : 0];
  EXPECT_TRUE(own.current());
  EXPECT_FALSE(own.device_bound());
  EXPECT_EQ(own.user_id(), ada_);
  EXPECT_EQ(own.address(), "127.0.0.1");
  EXPECT_EQ(own.audience(), "tessera");
  EXPECT_GE(own.last_used_time().seconds(), own.create_time().seconds());
  EXPECT_GT(own.expire_time().seconds(), own.last_used_time().seconds());
  EXPECT_EQ(other.id(), phone.session_id());
  EXPECT_FALSE(other.current());
  EXPECT_TRUE(other.device_bound());
  EXPECT_EQ(other.device_label(), "the phone");
  EXPECT_FALSE(other.certificate_bound());
}

// The attack: the refresh token is copied from the device, the device's id is not.
TEST_P(OwnSessions, ARefreshTokenStolenFromItsDeviceRenewsNowhereElseAndHurtsNobody) {
  ASSERT_NO_FATAL_FAILURE(Start());
  v1::TokenGrant grant = Login("ada", kPhone);
  v1::TokenGrant stolen = grant;
  EXPECT_EQ(RenewFrom("", stolen), "DEVICE_MISMATCH");
  EXPECT_EQ(RenewFrom(kLaptop, stolen), "DEVICE_MISMATCH");
  EXPECT_EQ(RenewFrom(kPhone, grant), "") << "the device goes on";
}

// The thief was faster to copy than the device to renew: within the grace the same token from
// another device is no lost answer.
TEST_P(OwnSessions, TheTokenBeforeFromAnotherDeviceIsAReuseAlsoWithinTheGrace) {
  ASSERT_NO_FATAL_FAILURE(Start());
  v1::TokenGrant grant = Login("ada", kPhone);
  v1::TokenGrant stolen = grant;
  ASSERT_EQ(RenewFrom(kPhone, grant), "");
  v1::TokenGrant retried = stolen;
  EXPECT_EQ(RenewFrom(kPhone, retried), "") << "the device itself may ask again";
  EXPECT_EQ(RenewFrom(kLaptop, stolen), "REFRESH_REUSED");
  EXPECT_EQ(RenewFrom(kPhone, grant), "SESSION_ENDED");
}

TEST_P(OwnSessions, AnEndedSessionIsRefusedEverywhere) {
  ASSERT_NO_FATAL_FAILURE(Start());
  v1::TokenGrant lost = Login("ada", kPhone);
  const v1::TokenGrant own = Login("ada", kLaptop);
  ASSERT_TRUE(RevokeSession(own.access_token(), lost.session_id()).ok());
  EXPECT_EQ(Verdict(Auth(0), lost.access_token()), "TOKEN_REVOKED");
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", lost.access_token()));
  EXPECT_EQ(RenewFrom(kPhone, lost), "SESSION_ENDED");
  EXPECT_THAT(List(own.access_token()), SizeIs(1));
  EXPECT_TRUE(RevokeSession(own.access_token(), lost.session_id(), 1).ok()) << "ended already";
}

// Whether an id was guessed or seen somewhere, the answer is the same, and nothing happens.
TEST_P(OwnSessions, AForeignAndAGuessedSessionAreNotFoundAlike) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant of_grace = Login("grace");
  const v1::TokenGrant own = Login("ada");
  const grpc::Status foreign = RevokeSession(own.access_token(), of_grace.session_id());
  EXPECT_EQ(foreign.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(foreign), "SESSION_NOT_FOUND");
  std::string guessed = of_grace.session_id();
  guessed.back() = guessed.back() == '0' ? '1' : '0';
  for (const std::string& id : {guessed, std::string("ses_"), std::string("' OR 1=1 -- ")}) {
    const grpc::Status status = RevokeSession(own.access_token(), id);
    EXPECT_EQ(status.error_code(), foreign.error_code());
    EXPECT_EQ(status.error_message(), foreign.error_message());
    EXPECT_EQ(status.error_details(), foreign.error_details());
  }
  EXPECT_EQ(ReasonOf(RevokeAll(own.access_token(), false, grace_)), "ROLE_REQUIRED");
  EXPECT_EQ(ReasonOf(RevokeAll(own.access_token(), false, "usr_nobody")), "ROLE_REQUIRED");
  EXPECT_EQ(Verdict(Auth(), of_grace.access_token()), "ACTIVE");
}

TEST_P(OwnSessions, AnAdministratorListsAndEndsAnybodys) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant one = Login("grace");
  const v1::TokenGrant two = Login("grace");
  const std::string admin = here().LoginAdmin().access_token();
  EXPECT_THAT(List(admin, grace_), SizeIs(2));
  ASSERT_TRUE(RevokeSession(admin, one.session_id()).ok());
  EXPECT_EQ(Verdict(Auth(), two.access_token()), "ACTIVE");
  ASSERT_TRUE(RevokeAll(admin, false, grace_).ok());
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", two.access_token()));
}

TEST_P(OwnSessions, AllButThisOneEndsTheOthersAndAllEndsThisOneToo) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant other = Login("ada");
  const v1::TokenGrant own = Login("ada");
  ASSERT_TRUE(RevokeAll(own.access_token(), true).ok());
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", other.access_token()));
  EXPECT_TRUE(AllSay("ACTIVE", own.access_token()));
  ASSERT_TRUE(RevokeAll(own.access_token()).ok());
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", own.access_token()));
  EXPECT_EQ(ReasonOf(RevokeAll(own.access_token())), "TOKEN_REVOKED");
  Login("ada");
}

// The session is ended at one replica while its owner, or a thief, renews at the other as fast as
// it goes: from the answer on nothing of it is good anywhere.
TEST_P(OwnSessions, RenewalsThatRaceTheEndLeaveNothingAlive) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant own = Login("ada");
  for (int round = 0; round < 5; ++round) {
    v1::TokenGrant raced = Login("ada");
    const std::string id = raced.session_id();
    std::atomic<int> renewals = 0;
    std::string ended;
    std::thread renewing([&] {
      while ((ended = RenewFrom("", raced)).empty()) ++renewals;
    });
    EXPECT_TRUE(Within(kSoon, [&] { return renewals > 0; }));
    const grpc::Status revoked = RevokeSession(own.access_token(), id);
    renewing.join();
    ASSERT_TRUE(revoked.ok()) << revoked.error_message();
    EXPECT_EQ(ended, "SESSION_ENDED");
    EXPECT_TRUE(AllSay("TOKEN_REVOKED", raced.access_token()));
  }
}

// A login is before the end, and ended by it, or checked before it, and refused, or behind it, and
// then its session is the only one.
TEST_P(OwnSessions, LoginsThatRaceEndingAllAreEndedOrRefusedOrLater) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (int round = 0; round < 5; ++round) {
    const std::string token = Login("ada").access_token();
    v1::TokenGrant raced;
    grpc::Status login;
    std::thread logging_in([&] { login = TryLogin("ada", raced, 1); });
    const grpc::Status revoked = RevokeAll(token);
    logging_in.join();
    ASSERT_TRUE(revoked.ok()) << revoked.error_message();
    const std::vector<v1::Session> left = List(here().LoginAdmin().access_token(), ada_);
    if (!login.ok()) {
      EXPECT_EQ(ReasonOf(login), "BAD_CREDENTIALS");
      EXPECT_THAT(left, SizeIs(0));
    } else if (left.empty()) {
      EXPECT_TRUE(AllSay("TOKEN_REVOKED", raced.access_token()));
    } else {
      ASSERT_THAT(left, SizeIs(1));
      EXPECT_EQ(left[0].id(), raced.session_id());
      EXPECT_TRUE(AllSay("ACTIVE", raced.access_token()));
    }
  }
}

TEST_P(OwnSessions, WithOneSessionPerUserTheLastOfManyLoginsLives) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_ONE_SESSION_PER_USER=true"}));
  constexpr size_t kLogins = 8;
  const v1::TokenGrant of_grace = Login("grace");
  const v1::TokenGrant before = Login("ada");
  std::vector<v1::TokenGrant> grants(kLogins);
  std::vector<grpc::Status> outcomes(kLogins);
  std::latch start(kLogins);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kLogins; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      outcomes[i] = TryLogin("ada", grants[i], i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const grpc::Status& outcome : outcomes) EXPECT_TRUE(outcome.ok()) << outcome.error_message();
  const std::vector<v1::Session> left = List(here().LoginAdmin().access_token(), ada_);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", before.access_token()));
  for (v1::TokenGrant& grant : grants) {
    const bool last = grant.session_id() == left[0].id();
    EXPECT_TRUE(AllSay(last ? "ACTIVE" : "TOKEN_REVOKED", grant.access_token()));
    EXPECT_EQ(RenewFrom("", grant), last ? "" : "SESSION_ENDED");
  }
  EXPECT_TRUE(AllSay("ACTIVE", of_grace.access_token()));
}

}  // namespace
}  // namespace tessera::testing
