// Renewals of sessions that are bound to a device and a certificate.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/server/auth/renewal_rule.h"

namespace tessera::server {
namespace {

// What a session is bound to, whatever the rules.
class BoundRenewal : public RenewalRule {
 protected:
  BoundRenewal() : RenewalRule(With(&TokenPolicy::renewal_by_access_token)) {
    world_.call.certificate = ClientCertificate{"thumb-1", {}};
    SessionTerms terms;
    terms.device_id = kDevice;
    terms.bind_certificate = true;
    LoginAttempt attempt = Require(world_.auth->BeginLogin(
        world_.call, {"ada", Secret::CopyOf(kPassword), "", std::move(terms)}));
    first_ = Require(world_.auth->OpenSession(
        world_.call, Require(world_.auth->CheckPassword(world_.call, std::move(attempt)))));
  }

  // Through what a step that was taken meanwhile would see.
  std::string Outcome(const Secret& refresh, const std::string& device) {
    return Reason(Renew(RenewalInput{refresh, Secret(), device}));
  }

  static constexpr char kDevice[] = "device-of-ada-0001";
  static constexpr char kOther[] = "device-of-eve-0001";
};

TEST_F(BoundRenewal, TheSameDeviceAndCertificateRenewAndTheTokensStayBound) {
  const IssuedGrant second = Require(Renew(RenewalInput{first_.refresh_token, Secret(), kDevice}));
  const Claims claims = world_.ClaimsOf(second.access_token);
  EXPECT_EQ(claims.device_hash, DeviceHash(kDevice));
  EXPECT_EQ(claims.certificate, "thumb-1");
}

TEST_F(BoundRenewal, TheDeviceMayBeNamedByTheCallsMetadata) {
  world_.call.device_id = kDevice;
  EXPECT_EQ(Outcome(first_.refresh_token, ""), "OK");
}

TEST_F(BoundRenewal, TwoDevicesInOneCallAreAnError) {
  world_.call.device_id = kDevice;
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "FIELD_INVALID");
  world_.call.device_id = kOther;
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "FIELD_INVALID");
}

TEST_F(BoundRenewal, AnotherDeviceOrNoneIsRefusedAuditedAndChangesNothing) {
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "DEVICE_MISMATCH");
  EXPECT_EQ(Outcome(first_.refresh_token, ""), "DEVICE_MISMATCH");
  EXPECT_EQ(world_.log.Count("renewal.refused", "reason", "DEVICE_MISMATCH"), 2);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_FALSE(HasEnded());
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
}

TEST_F(BoundRenewal, TheDevicesHashIsNotTheDevice) {
  EXPECT_EQ(Outcome(first_.refresh_token, DeviceHash(kDevice)), "DEVICE_MISMATCH");
  EXPECT_FALSE(world_.log.Mentions(kDevice));
}

TEST_F(BoundRenewal, AnotherCertificateOrNoneIsRefusedAuditedAndChangesNothing) {
  world_.call.certificate = ClientCertificate{"thumb-2", {}};
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "CERTIFICATE_MISMATCH");
  world_.call.certificate.reset();
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "CERTIFICATE_MISMATCH");
  EXPECT_EQ(world_.log.Count("renewal.refused", "reason", "CERTIFICATE_MISMATCH"), 2);
  EXPECT_EQ(Row().generation, 1);
  EXPECT_FALSE(HasEnded());
}

TEST_F(BoundRenewal, WithinTheGraceAnotherDeviceEndsTheSession) {
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");  // a retry
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
  EXPECT_EQ(world_.log.Count("renewal.reuse"), 1);
}

TEST_F(BoundRenewal, WithinTheGraceAnotherCertificateEndsTheSession) {
  ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK");
  world_.call.certificate = ClientCertificate{"thumb-2", {}};
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "REFRESH_REUSED");
  EXPECT_TRUE(HasEnded());
}

TEST_F(BoundRenewal, AThiefWhoLosesTheSwapToTheOwnerEndsTheSessionForBoth) {
  world_.store->BeforeNextWrite([&] { ASSERT_EQ(Outcome(first_.refresh_token, kDevice), "OK"); });
  EXPECT_EQ(Outcome(first_.refresh_token, kDevice), "OK");  // the owner's own retry
  EXPECT_EQ(Outcome(first_.refresh_token, kOther), "REFRESH_REUSED");
}

TEST_F(BoundRenewal, AnAccessTokenAloneIsAskedForBothToo) {
  const auto by = [&](const std::string& device) {
    return Reason(Renew(RenewalInput{Secret(), first_.access_token, device}));
  };
  EXPECT_EQ(by(kOther), "DEVICE_MISMATCH");
  EXPECT_EQ(by(""), "DEVICE_MISMATCH");
  EXPECT_EQ(by(kDevice), "OK");
  world_.call.certificate.reset();
  EXPECT_EQ(by(kDevice), "CERTIFICATE_MISMATCH");
}

TEST_F(BoundRenewal, TheAddressIsThatOfTheLastRenewalByARefreshToken) {
  EXPECT_EQ(Row().address, "192.0.2.7");
  world_.call.peer = "198.51.100.9";
  const IssuedGrant second = Require(Renew(RenewalInput{first_.refresh_token, Secret(), kDevice}));
  EXPECT_EQ(Row().address, "198.51.100.9");
  world_.call.peer = "203.0.113.66";
  ASSERT_TRUE(Renew(RenewalInput{Secret(), second.access_token, kDevice}).ok());
  EXPECT_EQ(Row().address, "198.51.100.9");
}

}  // namespace
}  // namespace tessera::server
