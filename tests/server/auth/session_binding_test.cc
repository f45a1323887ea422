#include <gtest/gtest.h>

#include <string>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr char kDevice[] = "dev_0123456789abcdef";
constexpr char kThumbprint[] = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

class SessionBinding : public ::testing::Test {
 protected:
  SessionBinding() { world_.AddUser("ada"); }

  absl::StatusOr<IssuedGrant> TryLogin(SessionTerms terms) {
    LoginInput input{"ada", Secret::CopyOf(kPassword), "", std::move(terms)};
    TESSERA_ASSIGN_OR_RETURN(LoginAttempt attempt,
                             world_.auth->BeginLogin(world_.call, std::move(input)));
    TESSERA_ASSIGN_OR_RETURN(const VerifiedLogin login,
                             world_.auth->CheckPassword(world_.call, std::move(attempt)));
    return world_.auth->OpenSession(world_.call, login);
  }
  IssuedGrant Login(SessionTerms terms) { return Require(TryLogin(std::move(terms))); }
  // What a login on these terms is refused for; `FIELD_INVALID field` for a field.
  std::string Refused(SessionTerms terms) {
    const absl::Status status = TryLogin(std::move(terms)).status();
    const std::string field = FieldOf(status);
    return Reason(status) + (field.empty() ? "" : " " + field);
  }
  SessionTerms OnDevice(std::string device_id) {
    SessionTerms terms;
    terms.device_id = std::move(device_id);
    return terms;
  }
  SessionTerms Labelled(std::string label) {
    SessionTerms terms;
    terms.device_label = std::move(label);
    return terms;
  }
  SessionTerms WithCertificate() {
    SessionTerms terms;
    terms.bind_certificate = true;
    return terms;
  }

  AuthWorld world_;
};

TEST_F(SessionBinding, TheSessionAndItsTokensCarryTheDevicesHashAndNeverItsId) {
  SessionTerms terms = OnDevice(kDevice);
  terms.device_label = "Ada's r\xc3\xa4knare";
  const IssuedGrant grant = Login(terms);
  const storage::Session row = *world_.SessionRow(grant.session_id);
  EXPECT_EQ(row.device_hash, DeviceHash(kDevice));
  EXPECT_EQ(row.device_label, terms.device_label);
  EXPECT_EQ(row.address, world_.call.peer);
  EXPECT_EQ(world_.ClaimsOf(grant.access_token).device_hash, DeviceHash(kDevice));
  EXPECT_FALSE(world_.log.Mentions(kDevice));
}

TEST_F(SessionBinding, WithoutADeviceNothingIsBoundEvenIfTheCallNamesOne) {
  world_.call.device_id = kDevice;
  const IssuedGrant grant = Login({});
  EXPECT_EQ(world_.SessionRow(grant.session_id)->device_hash, "");
  EXPECT_EQ(world_.ClaimsOf(grant.access_token).device_hash, "");
}

TEST_F(SessionBinding, ADeviceIdThatIsNoneIsRefusedBeforeThePasswordIsLookedAt) {
  const int calls = world_.store->calls();
  for (const std::string& device :
       {std::string(15, 'a'), std::string(129, 'a'), std::string("0123456789 abcdef"),
        std::string("0123456789\nabcdef"), std::string("0123456789abcde\xc3\xa4")}) {
    EXPECT_EQ(Refused(OnDevice(device)), "FIELD_INVALID device_id") << device;
  }
  EXPECT_EQ(world_.store->calls(), calls);
  EXPECT_TRUE(TryLogin(OnDevice(std::string(16, 'a'))).ok());
  EXPECT_TRUE(TryLogin(OnDevice(std::string(128, 'a'))).ok());
}

TEST_F(SessionBinding, AnotherDeviceInTheMetadataIsRefused) {
  world_.call.device_id = kDevice;
  EXPECT_TRUE(TryLogin(OnDevice(kDevice)).ok());
  EXPECT_EQ(Refused(OnDevice("dev_another_123456")), "FIELD_INVALID device_id");
}

// It is shown on administrators' terminals.
TEST_F(SessionBinding, ALabelIsAtMost128BytesWithoutControlCharacters) {
  EXPECT_TRUE(TryLogin(Labelled(std::string(128, 'x'))).ok());
  EXPECT_TRUE(TryLogin(Labelled("\xc2\xa0\xe2\x9c\x93")).ok());
  EXPECT_EQ(Refused(Labelled(std::string(129, 'x'))), "FIELD_INVALID device_label");
  for (const std::string& label :
       {std::string("a\x1b[2Jb"), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7f"),
        std::string("a\xc2\x9b\x32J"), std::string("\xc2\x80")}) {
    EXPECT_EQ(Refused(Labelled(label)), "FIELD_INVALID device_label");
  }
}

TEST_F(SessionBinding, ACertificateIsBoundWhenTheLoginAsksAndTheCallShowsOne) {
  world_.call.certificate = ClientCertificate{kThumbprint, {"ada.example"}};
  const IssuedGrant grant = Login(WithCertificate());
  EXPECT_EQ(world_.SessionRow(grant.session_id)->certificate, kThumbprint);
  EXPECT_EQ(world_.ClaimsOf(grant.access_token).certificate, kThumbprint);
}

TEST_F(SessionBinding, ACertificateThatIsShownBindsNothingUnasked) {
  world_.call.certificate = ClientCertificate{kThumbprint, {}};
  const IssuedGrant grant = Login({});
  EXPECT_EQ(world_.SessionRow(grant.session_id)->certificate, "");
  EXPECT_EQ(world_.ClaimsOf(grant.access_token).certificate, "");
}

// A session that was to be bound and is not would be a lie.
TEST_F(SessionBinding, WithoutACertificateABoundLoginIsRefused) {
  const absl::Status status = TryLogin(WithCertificate()).status();
  EXPECT_EQ(Reason(status), "CERTIFICATE_MISSING");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tessera::server
