#include "server/mesh/mesh_judge.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/token/key.h"
#include "tessera/token/token_signer.h"
#include "tessera/v1/access.pb.h"
#include "tests/base/fake_clock.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/held_keys.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace pb = google::protobuf;

constexpr char kIssuer[] = "https://tessera.test";
constexpr char kClose[] = "/shop.v1.Shop/Close";

v1::MethodAccess Authenticated(const std::string& role = "") {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  if (!role.empty()) access.add_any_role(role);
  return access;
}

v1::MethodAccess Public() {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_PUBLIC);
  return access;
}

// A descriptor set of one service.
class Set {
 public:
  explicit Set(const std::string& service) {
    pb::FileDescriptorProto& file = *set_.add_file();
    file.set_name("set.proto");
    file.set_package(service + ".v1");
    std::string name = service;
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    file.add_service()->set_name(name);
  }
  Set& Add(const std::string& name, const v1::MethodAccess& access, bool streams = false) {
    pb::MethodDescriptorProto& method = *set_.mutable_file(0)->mutable_service(0)->add_method();
    method.set_name(name);
    method.set_server_streaming(streams);
    *method.mutable_options()->MutableExtension(v1::access) = access;
    return *this;
  }
  std::string bytes() const { return set_.SerializeAsString(); }

 private:
  pb::FileDescriptorSet set_;
};

class MeshJudgeTest : public ::testing::Test {
 protected:
  MeshJudgeTest() {
    keys_->Set(*JwkSet::Of({key_.ToVerifyKey()}));
    view_->MarkCurrent();
    options_.issuer = kIssuer;
    options_.leeway = absl::ZeroDuration();
    AddSet("shop", Set("shop")
                       .Add("Close", Authenticated("shop.admin"))
                       .Add("Greet", Authenticated())
                       .Add("IsOpen", Public()));
  }
  ~MeshJudgeTest() override { keys_->Finish(absl::UnavailableError("over")); }

  void AddSet(const std::string& audience, const Set& set) {
    const std::string name = "set" + std::to_string(options_.rule_sets.size());
    options_.rule_sets.push_back({audience, folder_.Write(name, set.bytes())});
  }
  absl::StatusOr<std::unique_ptr<MeshJudge>> Create() {
    return MeshJudge::Create(options_, {keys_, view_, clock_, log_});
  }
  std::string Problem() {
    const auto judge = Create();
    EXPECT_TRUE(absl::IsInvalidArgument(judge.status())) << judge.status();
    return std::string(judge.status().message());
  }

  Claims ClaimsOfAda() const {
    Claims claims;
    claims.issuer = kIssuer;
    claims.subject = "usr_ada";
    claims.audience = "shop";
    claims.client_id = "test";
    claims.token_id = TokenId("tok_1");
    claims.issued_at = clock_.Now();
    claims.not_before = clock_.Now();
    claims.expires_at = clock_.Now() + absl::Minutes(15);
    claims.session_id = SessionId("ses_1");
    claims.roles = {"shop.admin"};
    return claims;
  }
  std::string Sign(const Claims& claims) const {
    return std::string(SignAccessToken(claims, key_)->Reveal());
  }

  // What becomes of a call: `OK SUBJECT`, or code and message.
  std::string Ask(const std::string& path, const std::string& token) {
    if (judge_ == nullptr) judge_ = *Create();
    MeshCall call{path, {}};
    if (!token.empty()) call.presented.bearer = guard::TokenIn(token);
    std::promise<absl::StatusOr<MeshAdmission>> decided;
    judge_->Judge(call, [&](absl::StatusOr<MeshAdmission> decision) {
      decided.set_value(std::move(decision));
    });
    const auto decision = decided.get_future().get();
    if (decision.ok()) return "OK " + decision->caller->subject();
    const std::string reason = ReasonOf(decision.status());
    return reason.empty() ? absl::StatusCodeToString(decision.status().code()) : reason;
  }

  const testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  testing::RecordingLog log_;
  const SigningKey key_ = *SigningKey::Generate(Algorithm::kEs256);
  const std::shared_ptr<testing::HeldKeys> keys_ = std::make_shared<testing::HeldKeys>();
  const std::shared_ptr<RevocationView> view_ = std::make_shared<RevocationView>(clock_);
  MeshOptions options_;
  std::unique_ptr<MeshJudge> judge_;
};

TEST_F(MeshJudgeTest, JudgesAsTheGuardDoes) {
  const std::string token = Sign(ClaimsOfAda());
  EXPECT_EQ(Ask(kClose, token), "OK usr_ada");
  EXPECT_EQ(Ask(kClose, token), "OK usr_ada");  // from the cache
  EXPECT_EQ(Ask(kClose, ""), "TOKEN_MISSING");
  EXPECT_EQ(Ask(kClose, "nonsense"), "TOKEN_MALFORMED");
  Claims other = ClaimsOfAda();
  other.roles.clear();
  EXPECT_EQ(Ask(kClose, Sign(other)), "ROLE_REQUIRED");
  EXPECT_EQ(Ask("/shop.v1.Shop/Greet", Sign(other)), "OK usr_ada");
  EXPECT_EQ(Ask("/shop.v1.Shop/IsOpen", "nonsense"), "OK ");
  clock_.Advance(absl::Minutes(15));
  EXPECT_EQ(Ask(kClose, token), "TOKEN_EXPIRED");
}

TEST_F(MeshJudgeTest, ARevokedTokenIsRefusedThoughItWasAdmittedBefore) {
  const std::string token = Sign(ClaimsOfAda());
  EXPECT_EQ(Ask(kClose, token), "OK usr_ada");
  RevocationNotice notice;
  notice.thing = RevokedThing::kSession;
  notice.id_hash = IdHashOf("ses_1");
  notice.expires_at = clock_.Now() + absl::Hours(1);
  view_->Merge({notice});
  EXPECT_EQ(Ask(kClose, token), "TOKEN_REVOKED");
}

// Compared whole and byte for byte: what is not a method's path is nobody's.
TEST_F(MeshJudgeTest, APathThatIsNotExactlyAMethodsIsRefused) {
  const std::string token = Sign(ClaimsOfAda());
  for (const char* path :
       {"", "/", "shop.v1.Shop/Close", "//shop.v1.Shop/Close", "/shop.v1.Shop//Close",
        "/shop.v1.Shop/Close/", "/shop.v1.Shop/close", "/Shop.v1.Shop/Close",
        "/shop.v1.Shop/Close?x=1", "/shop.v1.Shop/IsOpen?/shop.v1.Shop/Close",
        "/shop.v1.Shop/%43lose", "/shop.v1.Shop/IsOpen/../Close", "/shop.v1.Shop/Close#",
        "/shop.v1.Shop/Close ", "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/tessera.v1.AuthService/Login"}) {
    EXPECT_EQ(Ask(path, token), "UNIMPLEMENTED") << path;
  }
}

TEST_F(MeshJudgeTest, TheAudienceIsThatOfTheMethodsOwnSet) {
  AddSet("bank", Set("bank").Add("Pay", Authenticated()));
  const std::string shop = Sign(ClaimsOfAda());
  Claims claims = ClaimsOfAda();
  claims.audience = "bank";
  const std::string bank = Sign(claims);
  EXPECT_EQ(Ask("/bank.v1.Bank/Pay", bank), "OK usr_ada");
  EXPECT_EQ(Ask("/bank.v1.Bank/Pay", shop), "TOKEN_AUDIENCE");
  EXPECT_EQ(Ask(kClose, bank), "TOKEN_AUDIENCE");
  claims.audience = "tessera";
  EXPECT_EQ(Ask(kClose, Sign(claims)), "TOKEN_AUDIENCE");
}

// The proxy's word on a certificate is not asked for, so a token that needs one is of no use.
TEST_F(MeshJudgeTest, ATokenThatIsBoundToACertificateIsRefused) {
  Claims claims = ClaimsOfAda();
  claims.certificate = std::string(43, 'A');
  EXPECT_EQ(Ask(kClose, Sign(claims)), "CERTIFICATE_MISMATCH");
}

TEST_F(MeshJudgeTest, AnUnknownKeyWaitsForTheFetchAndIsJudgedAgain) {
  const std::string token = Sign(ClaimsOfAda());
  keys_->Set(JwkSet());
  judge_ = *Create();
  MeshCall call{kClose, {}};
  call.presented.bearer = guard::TokenIn(token);
  std::promise<bool> decided;
  judge_->Judge(call, [&](const absl::StatusOr<MeshAdmission>& decision) {
    decided.set_value(decision.ok());
  });
  keys_->Set(*JwkSet::Of({key_.ToVerifyKey()}));
  std::future<bool> admitted = decided.get_future();
  while (admitted.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    keys_->Finish(absl::OkStatus());
  }
  EXPECT_TRUE(admitted.get());
}

TEST_F(MeshJudgeTest, DrainAnswersWhoWaits) {
  keys_->Set(JwkSet());
  judge_ = *Create();
  const std::string token = Sign(ClaimsOfAda());
  MeshCall call{kClose, {}};
  call.presented.bearer = guard::TokenIn(token);
  std::promise<absl::Status> decided;
  judge_->Judge(call, [&](const absl::StatusOr<MeshAdmission>& decision) {
    decided.set_value(decision.status());
  });
  judge_->Drain();
  EXPECT_TRUE(absl::IsUnavailable(decided.get_future().get()));
  EXPECT_EQ(Ask(kClose, token), "KEYS_UNAVAILABLE");
}

TEST_F(MeshJudgeTest, ARefusalIsOneEventWithoutTheToken) {
  const std::string token = Sign(ClaimsOfAda());
  Ask("/shop.v1.Shop/Nothing", token);
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("guard.refused"), HasSubstr("/shop.v1.Shop/Nothing"),
                                 Not(HasSubstr(token))));
}

TEST_F(MeshJudgeTest, WhatCannotBeReadOrEnforcedFailsTheStart) {
  options_.rule_sets[0].file = folder_.Path("missing");
  EXPECT_THAT(Problem(), HasSubstr("missing"));
  options_.rule_sets[0].file = folder_.Write("bad", "no descriptor set");
  EXPECT_THAT(Problem(), HasSubstr("FileDescriptorSet"));
  options_.rule_sets.clear();
  AddSet("shop", Set("shop").Add("Close", v1::MethodAccess()));
  EXPECT_THAT(Problem(), HasSubstr("set.proto: /shop.v1.Shop/Close has no rule"));
  options_.rule_sets.clear();
  v1::MethodAccess contradiction = Public();
  contradiction.add_any_role("a");
  AddSet("shop", Set("shop").Add("Close", contradiction));
  EXPECT_THAT(Problem(), HasSubstr(kClose));
  options_.rule_sets.clear();
  EXPECT_THAT(Problem(), HasSubstr("mesh.descriptor_sets"));
}

// Else the order of the files would choose which audience's tokens are good.
TEST_F(MeshJudgeTest, AMethodInTwoSetsFailsTheStart) {
  AddSet("bank", Set("shop").Add("Close", Public()));
  EXPECT_THAT(Problem(), AllOf(HasSubstr(kClose), HasSubstr("another set")));
}

// A proxy asks once a call: a promise to cut its stream would not be kept.
TEST_F(MeshJudgeTest, AStreamThatIsToBeCutFailsTheStartUnlessItIsSaidAloud) {
  AddSet("bank", Set("bank").Add("Watch", Authenticated(), true));
  EXPECT_THAT(Problem(), HasSubstr("/bank.v1.Bank/Watch"));
  options_.uncut_streams = true;
  EXPECT_TRUE(Create().ok());
  options_.uncut_streams = false;
  options_.rule_sets.pop_back();
  v1::MethodAccess never = Authenticated();
  never.set_stream(v1::STREAM_POLICY_NEVER);
  AddSet("bank", Set("bank").Add("Watch", never, true).Add("Ticker", Public(), true));
  EXPECT_TRUE(Create().ok()) << Create().status();
}

}  // namespace
}  // namespace tessera::server
