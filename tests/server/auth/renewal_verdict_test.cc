#include "server/auth/renewal_verdict.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::server {
namespace {

using storage::SessionStanding;
using Verdict = RenewalVerdict;

constexpr absl::Duration kGrace = absl::Seconds(30);
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// A living session at generation 5 that took its last step at kNow.
SessionStanding Living() {
  SessionStanding found;
  found.user_state = storage::UserState::kActive;
  found.user_version = found.session.user_version = 1;
  found.session.generation = 5;
  found.session.rotated_at = kNow;
  found.session.access_until = kNow + absl::Minutes(15);
  found.session.idle_expires_at = found.session.expires_at = kNow + absl::Hours(1);
  return found;
}

RenewalShown Shown(int64_t generation) {
  RenewalShown shown;
  shown.generation = generation;
  return shown;
}

RenewalRules Plain() { return {kGrace, false, false}; }
RenewalRules NeedsAccessToken() { return {kGrace, true, false}; }
RenewalRules OnlyAfterExpiry() { return {kGrace, false, true}; }

Verdict Judge(const SessionStanding& found, const RenewalShown& shown,
              const RenewalRules& rules = Plain(), absl::Time now = kNow) {
  return JudgeRenewal(found, shown, rules, now);
}

TEST(JudgeRenewal, TheGenerationDecides) {
  EXPECT_EQ(Judge(Living(), Shown(5)), Verdict::kStep);
  EXPECT_EQ(Judge(Living(), Shown(4)), Verdict::kGrace);
  EXPECT_EQ(Judge(Living(), Shown(3)), Verdict::kReuse);
  EXPECT_EQ(Judge(Living(), Shown(6)), Verdict::kWentBack);
}

TEST(JudgeRenewal, NoSessionIsTheEnd) {
  EXPECT_EQ(JudgeRenewal(std::nullopt, Shown(1), Plain(), kNow), Verdict::kEnded);
}

TEST(JudgeRenewal, AUserWhoMayNotGoOnIsTheEndWhateverIsShown) {
  SessionStanding disabled = Living();
  disabled.user_state = storage::UserState::kDisabled;
  SessionStanding changed = Living();
  changed.user_version = 2;
  RenewalShown alone = Shown(5);
  alone.by_access_token = true;
  for (const SessionStanding& found : {disabled, changed}) {
    for (const RenewalShown& shown : {Shown(3), Shown(4), Shown(5), Shown(6), alone}) {
      EXPECT_EQ(Judge(found, shown), Verdict::kEnded);
    }
  }
}

TEST(JudgeRenewal, ASessionIsOverFromEachOfItsEndsOn) {
  SessionStanding idle = Living();
  idle.session.idle_expires_at = kNow + absl::Minutes(1);
  SessionStanding absolute = Living();
  absolute.session.expires_at = kNow + absl::Minutes(1);
  for (const SessionStanding& found : {idle, absolute}) {
    const absl::Time end = kNow + absl::Minutes(1);
    EXPECT_EQ(Judge(found, Shown(5), Plain(), end - absl::Microseconds(1)), Verdict::kStep);
    EXPECT_EQ(Judge(found, Shown(5), Plain(), end), Verdict::kEnded);
  }
  SessionStanding revoked = Living();
  revoked.session.revoked_at = kNow + absl::Hours(1);  // by a replica whose clock is ahead
  EXPECT_EQ(Judge(revoked, Shown(5)), Verdict::kEnded);
}

TEST(JudgeRenewal, ARuleThatAsksForTheAccessTokenTakesNoOther) {
  const std::vector<std::pair<AccessProof, Verdict>> current = {
      {AccessProof::kFits, Verdict::kStep},
      {AccessProof::kNone, Verdict::kForeign},
      {AccessProof::kUnknownKey, Verdict::kAccessUnproven},
      {AccessProof::kDiffers, Verdict::kForeign}};
  for (const auto& [access, verdict] : current) {
    RenewalShown shown = Shown(5);
    shown.access = access;
    EXPECT_EQ(Judge(Living(), shown, NeedsAccessToken()), verdict);
    EXPECT_EQ(Judge(Living(), shown), Verdict::kStep);  // without the rule
    shown.generation = 4;
    EXPECT_EQ(Judge(Living(), shown, NeedsAccessToken()),
              verdict == Verdict::kStep ? Verdict::kGrace : verdict);
  }
}

TEST(JudgeRenewal, ARightAccessTokenDoesNotExcuseReuse) {
  RenewalShown shown = Shown(4);
  shown.access = AccessProof::kFits;
  const absl::Time late = kNow + kGrace + absl::Microseconds(1);
  EXPECT_EQ(Judge(Living(), shown, NeedsAccessToken(), late), Verdict::kReuse);
}

TEST(JudgeRenewal, ARuleThatAsksToWaitEndsExactlyWithTheAccessToken) {
  const absl::Time end = Living().session.access_until;
  EXPECT_EQ(Judge(Living(), Shown(5), OnlyAfterExpiry()), Verdict::kNotExpired);
  EXPECT_EQ(Judge(Living(), Shown(5), OnlyAfterExpiry(), end - absl::Microseconds(1)),
            Verdict::kNotExpired);
  EXPECT_EQ(Judge(Living(), Shown(5), OnlyAfterExpiry(), end), Verdict::kStep);
  EXPECT_EQ(Judge(Living(), Shown(4), OnlyAfterExpiry()), Verdict::kGrace);
}

TEST(JudgeRenewal, ABoundSessionTakesNoOtherDeviceAndNoOtherCertificate) {
  SessionStanding device = Living();
  device.session.device_hash = "d1";
  SessionStanding certificate = Living();
  certificate.session.certificate = "c1";
  RenewalShown right = Shown(5);
  right.device_hash = "d1";
  right.certificate = "c1";
  RenewalShown wrong = Shown(5);
  wrong.device_hash = "d2";
  wrong.certificate = "c2";

  EXPECT_EQ(Judge(device, right), Verdict::kStep);
  EXPECT_EQ(Judge(certificate, right), Verdict::kStep);
  for (const RenewalShown& shown : {wrong, Shown(5)}) {
    EXPECT_EQ(Judge(device, shown), Verdict::kDeviceDiffers);
    EXPECT_EQ(Judge(certificate, shown), Verdict::kCertificateDiffers);
  }
  // What the session is not bound to is not asked.
  EXPECT_EQ(Judge(Living(), wrong), Verdict::kStep);
}

TEST(JudgeRenewal, WithinTheGraceAnotherDeviceOrCertificateIsReuse) {
  SessionStanding device = Living();
  device.session.device_hash = "d1";
  SessionStanding certificate = Living();
  certificate.session.certificate = "c1";
  RenewalShown right = Shown(4);
  right.device_hash = "d1";
  right.certificate = "c1";
  EXPECT_EQ(Judge(device, right), Verdict::kGrace);
  EXPECT_EQ(Judge(certificate, right), Verdict::kGrace);
  EXPECT_EQ(Judge(device, Shown(4)), Verdict::kReuse);
  EXPECT_EQ(Judge(certificate, Shown(4)), Verdict::kReuse);
}

TEST(JudgeRenewal, AnAccessTokenAloneExtendsItsOwnGenerationOnly) {
  RenewalShown shown = Shown(5);
  shown.by_access_token = true;
  EXPECT_EQ(Judge(Living(), shown), Verdict::kExtend);
  shown.generation = 4;  // no grace: it is not what was replaced by mistake
  EXPECT_EQ(Judge(Living(), shown), Verdict::kAccessReplaced);
  shown.generation = 1;
  EXPECT_EQ(Judge(Living(), shown), Verdict::kAccessReplaced);
  shown.generation = 6;
  EXPECT_EQ(Judge(Living(), shown), Verdict::kWentBack);
}

TEST(JudgeRenewal, AnAccessTokenAloneIsBoundToo) {
  SessionStanding device = Living();
  device.session.device_hash = "d1";
  RenewalShown shown = Shown(5);
  shown.by_access_token = true;
  EXPECT_EQ(Judge(device, shown), Verdict::kDeviceDiffers);
  shown.device_hash = "d1";
  EXPECT_EQ(Judge(device, shown), Verdict::kExtend);
}

}  // namespace
}  // namespace tessera::server
