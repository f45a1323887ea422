#include "tessera/guard/rule_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "echo.pb.h"
#include "tessera/v1/access.pb.h"
#include "tessera/v1/auth_service.pb.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::guard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSay[] = "/tessera.test.guard.Echo/Say";
constexpr char kForgotten[] = "/tessera.test.guard.Forgetful/Forgotten";

Rule Public() {
  Rule rule;
  rule.admission = Admission::kPublic;
  return rule;
}

absl::StatusOr<std::unique_ptr<RuleBook>> Make(const std::vector<std::string>& paths,
                                               const std::map<std::string, Rule>& rules = {}) {
  return RuleBook::Make(paths, rules, ReflectionAccess::kOff);
}

std::string ProblemOf(const std::vector<std::string>& paths,
                      const std::map<std::string, Rule>& rules = {}) {
  const auto book = Make(paths, rules);
  EXPECT_EQ(book.status().code(), absl::StatusCode::kFailedPrecondition);
  return std::string(book.status().message());
}

TEST(RuleBook, ReadsTheOptionOfTheLinkedDescriptor) {
  const auto book =
      Make({kSay, "/tessera.test.guard.Echo/AdminSay", "/tessera.test.guard.Echo/Open"});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ((*book)->Find(kSay)->rule.admission, Admission::kAuthenticated);
  EXPECT_EQ((*book)->Find("/tessera.test.guard.Echo/Open")->rule.admission, Admission::kPublic);
  EXPECT_THAT((*book)->Find("/tessera.test.guard.Echo/AdminSay")->rule.any_role,
              ElementsAre("echo.admin", "echo.root"));
}

TEST(RuleBook, ReadsTesserasOwnRules) {
  const auto book =
      Make({"/tessera.v1.AuthService/Login", "/tessera.v1.AuthService/WatchRevocations"});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ((*book)->Find("/tessera.v1.AuthService/Login")->rule.admission, Admission::kPublic);
  EXPECT_THAT((*book)->Find("/tessera.v1.AuthService/WatchRevocations")->rule.any_role,
              ElementsAre("tessera.guard"));
}

TEST(RuleBook, KnowsOnlyWhatIsRegistered) {
  const auto book = Make({kSay});
  EXPECT_EQ((*book)->Find("/tessera.test.guard.Echo/Chat"), nullptr);
  EXPECT_EQ((*book)->Find(""), nullptr);
}

TEST(RuleBook, NamesEachMethodWithoutARule) {
  const std::string problem = ProblemOf({kSay, kForgotten, "/no.such.Service/Method"});
  EXPECT_THAT(problem, HasSubstr(kForgotten));
  EXPECT_THAT(problem, HasSubstr("/no.such.Service/Method"));
  EXPECT_EQ(problem.find(kSay), problem.npos);
  EXPECT_THAT(ProblemOf({""}), HasSubstr("has no rule"));
}

TEST(RuleBook, AGivenRuleWinsOverTheOptionAndStandsInForOne) {
  const auto book = Make({kSay, kForgotten}, {{kSay, Public()}, {kForgotten, Public()}});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ((*book)->Find(kSay)->rule.admission, Admission::kPublic);
  EXPECT_EQ((*book)->Find(kForgotten)->rule.admission, Admission::kPublic);
}

TEST(RuleBook, AGivenRuleThatFitsNoMethodIsASlipThatStopsTheStart) {
  EXPECT_THAT(ProblemOf({kSay}, {{"/tessera.test.guard.Echo/say", Public()}}),
              HasSubstr("/tessera.test.guard.Echo/say"));
}

TEST(RuleBook, APublicRuleThatAsksForARoleWasNotMeantSo) {
  Rule rule = Public();
  rule.any_role = {"a"};
  EXPECT_THAT(ProblemOf({kSay}, {{kSay, rule}}), HasSubstr(kSay));
}

TEST(RuleBook, RefusesWhatThisVersionDoesNotServe) {
  EXPECT_THAT(ProblemOf({"/tessera.test.guard.Futuristic/Later"}),
              HasSubstr("/tessera.test.guard.Futuristic/Later"));
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  EXPECT_TRUE(RuleFromOption(access).ok());
  // Field 99, a number: something that a later version asks for.
  ASSERT_TRUE(access.MergeFromString(std::string("\x98\x06\x01", 3)));
  EXPECT_EQ(RuleFromOption(access).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RuleBook, ReadsTheKindOfCallerAndTheDevice) {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  EXPECT_EQ(RuleFromOption(access)->kind, CallerKind::kAny);
  EXPECT_FALSE(RuleFromOption(access)->device_bound);
  access.set_kind(v1::CALLER_KIND_SERVICE);
  access.set_device_bound(true);
  EXPECT_EQ(RuleFromOption(access)->kind, CallerKind::kService);
  EXPECT_TRUE(RuleFromOption(access)->device_bound);
  access.set_kind(v1::CALLER_KIND_USER);
  EXPECT_EQ(RuleFromOption(access)->kind, CallerKind::kUser);
  access.set_kind(static_cast<v1::CallerKind>(7));
  EXPECT_EQ(RuleFromOption(access).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RuleBook, ReadsTheCertificateTheTokenAndTheStreams) {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  EXPECT_FALSE(RuleFromOption(access)->certificate_bound);
  EXPECT_FALSE(RuleFromOption(access)->forwards_token);
  EXPECT_EQ(RuleFromOption(access)->stream, StreamPolicy::kAtOnce);
  access.set_certificate_bound(true);
  access.set_forwards_token(true);
  EXPECT_TRUE(RuleFromOption(access)->certificate_bound);
  EXPECT_TRUE(RuleFromOption(access)->forwards_token);
  access.set_stream(v1::STREAM_POLICY_AT_ONCE);
  EXPECT_EQ(RuleFromOption(access)->stream, StreamPolicy::kAtOnce);
  access.set_stream(v1::STREAM_POLICY_NEVER);
  EXPECT_EQ(RuleFromOption(access)->stream, StreamPolicy::kNever);
  access.set_stream(v1::STREAM_POLICY_AFTER_GRACE);
  access.mutable_stream_grace()->set_seconds(30);
  EXPECT_EQ(RuleFromOption(access)->stream, StreamPolicy::kAfterGrace);
  EXPECT_EQ(RuleFromOption(access)->stream_grace, absl::Seconds(30));
  access.mutable_stream_grace()->set_seconds(-1);
  EXPECT_EQ(RuleFromOption(access).status().code(), absl::StatusCode::kFailedPrecondition);
  access.mutable_stream_grace()->set_seconds(30);
  access.set_stream(static_cast<v1::StreamPolicy>(7));
  EXPECT_EQ(RuleFromOption(access).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Also for those who read options without a book.
TEST(RuleBook, AnOptionThatContradictsItselfIsNoRule) {
  v1::MethodAccess open;
  open.set_admission(v1::ADMISSION_PUBLIC);
  EXPECT_TRUE(RuleFromOption(open).ok());
  open.add_any_role("orders.admin");
  EXPECT_EQ(RuleFromOption(open).status().code(), absl::StatusCode::kFailedPrecondition);
  v1::MethodAccess endless;
  endless.set_admission(v1::ADMISSION_AUTHENTICATED);
  endless.set_stream(v1::STREAM_POLICY_AFTER_GRACE);
  EXPECT_EQ(RuleFromOption(endless).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RuleBook, AGraceGoesWithItsPolicyAndHasAnEnd) {
  const auto with = [](StreamPolicy policy, absl::Duration grace) {
    Rule rule;
    rule.admission = Admission::kAuthenticated;
    rule.stream = policy;
    rule.stream_grace = grace;
    return std::map<std::string, Rule>{{kSay, rule}};
  };
  EXPECT_TRUE(Make({kSay}, with(StreamPolicy::kAfterGrace, absl::Nanoseconds(1))).ok());
  EXPECT_TRUE(Make({kSay}, with(StreamPolicy::kAfterGrace, kMaxStreamGrace)).ok());
  EXPECT_TRUE(Make({kSay}, with(StreamPolicy::kNever, absl::ZeroDuration())).ok());
  for (const auto& [policy, grace] : std::vector<std::pair<StreamPolicy, absl::Duration>>{
           {StreamPolicy::kAfterGrace, absl::ZeroDuration()},
           {StreamPolicy::kAfterGrace, -absl::Seconds(1)},
           {StreamPolicy::kAfterGrace, kMaxStreamGrace + absl::Nanoseconds(1)},
           {StreamPolicy::kAtOnce, absl::Seconds(1)},
           {StreamPolicy::kNever, absl::Seconds(1)}}) {
    EXPECT_THAT(ProblemOf({kSay}, with(policy, grace)), HasSubstr(kSay)) << grace;
  }
}

TEST(RuleBook, APublicRuleWithACertificateATokenOrAPolicyForStreamsWasNotMeantSo) {
  Rule certificate = Public();
  certificate.certificate_bound = true;
  Rule token = Public();
  token.forwards_token = true;
  Rule stream = Public();
  stream.stream = StreamPolicy::kNever;
  for (const Rule& rule : {certificate, token, stream}) {
    EXPECT_THAT(ProblemOf({kSay}, {{kSay, rule}}), HasSubstr(kSay));
  }
}

TEST(RuleBook, APublicRuleThatAsksForAKindOrADeviceWasNotMeantSo) {
  Rule kind = Public();
  kind.kind = CallerKind::kService;
  Rule device = Public();
  device.device_bound = true;
  EXPECT_THAT(ProblemOf({kSay}, {{kSay, kind}}), HasSubstr(kSay));
  EXPECT_THAT(ProblemOf({kSay}, {{kSay, device}}), HasSubstr(kSay));
}

TEST(RuleBook, ReadsHowAndWhenTheCallerLoggedIn) {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  EXPECT_EQ(RuleFromOption(access)->max_login_age, absl::InfiniteDuration());
  EXPECT_EQ(RuleFromOption(access)->max_staleness, absl::InfiniteDuration());
  EXPECT_FALSE(RuleFromOption(access)->second_factor);
  access.set_second_factor(true);
  access.mutable_max_login_age()->set_seconds(900);
  access.mutable_max_staleness()->set_nanos(500'000'000);
  EXPECT_EQ(RuleFromOption(access)->max_login_age, absl::Minutes(15));
  EXPECT_EQ(RuleFromOption(access)->max_staleness, absl::Milliseconds(500));
  EXPECT_TRUE(RuleFromOption(access)->second_factor);
}

TEST(RuleBook, ATimeThatIsNotAboveZeroWasNotMeantSo) {
  for (const int seconds : {0, -1}) {
    v1::MethodAccess login;
    login.set_admission(v1::ADMISSION_AUTHENTICATED);
    login.mutable_max_login_age()->set_seconds(seconds);
    EXPECT_EQ(RuleFromOption(login).status().code(), absl::StatusCode::kFailedPrecondition);
    v1::MethodAccess stale;
    stale.set_admission(v1::ADMISSION_AUTHENTICATED);
    stale.mutable_max_staleness()->set_seconds(seconds);
    EXPECT_EQ(RuleFromOption(stale).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  Rule rule;
  rule.admission = Admission::kAuthenticated;
  EXPECT_TRUE(Make({kSay}, {{kSay, rule}}).ok());
  for (const absl::Duration time : {absl::ZeroDuration(), -absl::Seconds(1)}) {
    Rule login = rule;
    login.max_login_age = time;
    EXPECT_THAT(ProblemOf({kSay}, {{kSay, login}}), HasSubstr(kSay));
    Rule stale = rule;
    stale.max_staleness = time;
    EXPECT_THAT(ProblemOf({kSay}, {{kSay, stale}}), HasSubstr(kSay));
  }
}

TEST(RuleBook, APublicRuleThatAsksForALoginWasNotMeantSo) {
  Rule factor = Public();
  factor.second_factor = true;
  Rule age = Public();
  age.max_login_age = absl::Minutes(5);
  EXPECT_THAT(ProblemOf({kSay}, {{kSay, factor}}), HasSubstr(kSay));
  EXPECT_THAT(ProblemOf({kSay}, {{kSay, age}}), HasSubstr(kSay));
}

TEST(RuleBook, TesserasOwnRulesAskForARecentLoginWhereAFactorChanges) {
  ASSERT_NE(v1::EnrollTotpRequest::descriptor(), nullptr);  // links the service's descriptor
  const auto book =
      Make({"/tessera.v1.UserService/ChangePassword", "/tessera.v1.UserService/EnrollTotp",
            "/tessera.v1.UserService/DisableTotp"});
  ASSERT_TRUE(book.ok()) << book.status();
  const auto rule = [&](const char* method) -> const Rule& {
    return (*book)->Find(std::string("/tessera.v1.UserService/") + method)->rule;
  };
  for (const char* method : {"ChangePassword", "EnrollTotp", "DisableTotp"}) {
    EXPECT_EQ(rule(method).max_login_age, absl::Minutes(15)) << method;
  }
  EXPECT_FALSE(rule("EnrollTotp").second_factor);
  EXPECT_TRUE(rule("DisableTotp").second_factor);
}

TEST(RuleBook, HealthIsPublicAndReflectionIsNotThereWhenOff) {
  const auto book = Make({kSay, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ((*book)->Find("/grpc.health.v1.Health/Check")->rule.admission, Admission::kPublic);
  EXPECT_EQ((*book)->Find("/grpc.health.v1.Health/Watch")->rule.admission, Admission::kPublic);
  EXPECT_EQ((*book)->Find("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
            nullptr);
}

TEST(RuleBook, BothReflectionVersionsShareOneRule) {
  const std::vector<std::string> paths = {
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  const auto book = RuleBook::Make(paths, {}, ReflectionAccess::kAuthenticated);
  ASSERT_TRUE(book.ok()) << book.status();
  for (const std::string& path : paths) {
    EXPECT_EQ((*book)->Find(path)->rule.admission, Admission::kAuthenticated);
  }
}

}  // namespace
}  // namespace tessera::guard
