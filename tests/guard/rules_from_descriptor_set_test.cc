#include "tessera/guard/rules_from_descriptor_set.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "echo.pb.h"
#include "tessera/v1/access.pb.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace pb = google::protobuf;

v1::MethodAccess Authenticated() {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  return access;
}

// The file `shop.proto`, with service `shop.v1.Shop`, of which nothing is linked here.
class Shop {
 public:
  Shop() {
    set_.add_file()->set_name("shop.proto");
    file().set_package("shop.v1");
    file().add_service()->set_name("Shop");
  }
  pb::MethodDescriptorProto& AddBare(const std::string& name) {
    pb::MethodDescriptorProto& method = *file().mutable_service(0)->add_method();
    method.set_name(name);
    return method;
  }
  pb::MethodDescriptorProto& Add(const std::string& name,
                                 const v1::MethodAccess& access = Authenticated()) {
    pb::MethodDescriptorProto& method = AddBare(name);
    *method.mutable_options()->MutableExtension(v1::access) = access;
    return method;
  }
  pb::FileDescriptorSet& set() { return set_; }
  pb::FileDescriptorProto& file() { return *set_.mutable_file(0); }
  absl::StatusOr<DescribedRules> Rules() const {
    return RulesFromDescriptorSet(set_.SerializeAsString());
  }
  std::string Problem() const {
    const auto rules = Rules();
    EXPECT_EQ(rules.status().code(), absl::StatusCode::kFailedPrecondition) << rules.status();
    return std::string(rules.status().message());
  }

 private:
  pb::FileDescriptorSet set_;
};

TEST(RulesFromDescriptorSet, ReadsTheRuleOfEveryMethodByItsFullPath) {
  Shop shop;
  v1::MethodAccess access = Authenticated();
  access.add_any_role("shop.admin");
  access.set_second_factor(true);
  shop.Add("Close", access);
  access.Clear();
  access.set_admission(v1::ADMISSION_PUBLIC);
  shop.Add("IsOpen", access);
  const auto rules = shop.Rules();
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->rules.size(), 2u);
  const Rule& close = rules->rules.at("/shop.v1.Shop/Close");
  EXPECT_EQ(close.admission, Admission::kAuthenticated);
  EXPECT_THAT(close.any_role, ElementsAre("shop.admin"));
  EXPECT_TRUE(close.second_factor);
  EXPECT_EQ(rules->rules.at("/shop.v1.Shop/IsOpen").admission, Admission::kPublic);
}

TEST(RulesFromDescriptorSet, RegistersNothing) {
  Shop shop;
  shop.Add("Close");
  ASSERT_TRUE(shop.Rules().ok());
  const pb::DescriptorPool& linked = *pb::DescriptorPool::generated_pool();
  EXPECT_EQ(linked.FindServiceByName("shop.v1.Shop"), nullptr);
  EXPECT_EQ(linked.FindFileByName("shop.proto"), nullptr);
}

TEST(RulesFromDescriptorSet, AFileWithoutAPackageHasShorterPaths) {
  Shop shop;
  shop.Add("Close");
  shop.file().clear_package();
  ASSERT_TRUE(shop.Rules().ok());
  EXPECT_EQ(shop.Rules()->rules.count("/Shop/Close"), 1u);
}

TEST(RulesFromDescriptorSet, NamesFileAndMethodOfEachThatHasNoRule) {
  Shop shop;
  shop.Add("Close");
  shop.AddBare("Open");
  shop.Add("Paint", v1::MethodAccess());
  EXPECT_THAT(shop.Problem(), AllOf(HasSubstr("shop.proto: /shop.v1.Shop/Open has no rule"),
                                    HasSubstr("shop.proto: /shop.v1.Shop/Paint has no rule"),
                                    Not(HasSubstr("Close"))));
}

TEST(RulesFromDescriptorSet, RefusesARuleThatAsksForWhatThisVersionDoesNotServe) {
  Shop shop;
  v1::MethodAccess access = Authenticated();
  access.GetReflection()->MutableUnknownFields(&access)->AddVarint(99, 1);
  shop.Add("Close", access);
  EXPECT_THAT(shop.Problem(), HasSubstr("shop.proto: /shop.v1.Shop/Close"));
  access = Authenticated();
  access.set_kind(static_cast<v1::CallerKind>(7));
  Shop other;
  other.Add("Close", access);
  EXPECT_THAT(other.Problem(), HasSubstr("shop.proto: /shop.v1.Shop/Close"));
}

// Field 90733 as a number instead of a message: no rule, rather than an empty one.
TEST(RulesFromDescriptorSet, AnOptionOfAnotherTypeIsNoRule) {
  Shop shop;
  pb::MethodOptions& options = *shop.AddBare("Close").mutable_options();
  options.GetReflection()->MutableUnknownFields(&options)->AddVarint(v1::kAccessFieldNumber, 1);
  EXPECT_THAT(shop.Problem(), HasSubstr("has no rule"));
}

// Other options are other people's.
TEST(RulesFromDescriptorSet, OtherOptionsAreLeftAlone) {
  Shop shop;
  pb::MethodOptions& options = *shop.Add("Close").mutable_options();
  options.GetReflection()->MutableUnknownFields(&options)->AddLengthDelimited(72295728, "get");
  options.set_deprecated(true);
  EXPECT_TRUE(shop.Rules().ok()) << shop.Rules().status();
}

TEST(RulesFromDescriptorSet, AnotherOptionOfOurNumberIsNotTakenForARule) {
  Shop shop;
  shop.Add("Close");
  pb::FieldDescriptorProto impostor;
  impostor.set_name("price");
  impostor.set_number(v1::kAccessFieldNumber);
  impostor.set_extendee(".google.protobuf.MethodOptions");
  Shop nested = shop;
  *shop.file().add_extension() = impostor;
  EXPECT_THAT(shop.Problem(), HasSubstr("shop.proto: another option"));
  pb::DescriptorProto& outer = *nested.file().add_message_type();
  outer.set_name("Outer");
  pb::DescriptorProto& inner = *outer.add_nested_type();
  inner.set_name("Inner");
  *inner.add_extension() = impostor;
  EXPECT_THAT(nested.Problem(), HasSubstr("shop.proto: another option"));
}

TEST(RulesFromDescriptorSet, OurOwnOptionsFileMayBeIncluded) {
  Shop shop;
  shop.Add("Close");
  v1::MethodAccess::descriptor()->file()->CopyTo(shop.set().add_file());
  EXPECT_TRUE(shop.Rules().ok()) << shop.Rules().status();
}

TEST(RulesFromDescriptorSet, AMethodThatIsDescribedTwiceIsRefused) {
  Shop shop;
  shop.Add("Close");
  v1::MethodAccess open;
  open.set_admission(v1::ADMISSION_PUBLIC);
  shop.Add("Close", open);
  EXPECT_THAT(shop.Problem(), HasSubstr("/shop.v1.Shop/Close is described twice"));
}

TEST(RulesFromDescriptorSet, SaysWhichStreamsEndWithTheirToken) {
  Shop shop;
  shop.Add("Close");
  shop.Add("Watch").set_server_streaming(true);
  shop.Add("Upload").set_client_streaming(true);
  v1::MethodAccess access = Authenticated();
  access.set_stream(v1::STREAM_POLICY_NEVER);
  shop.Add("Endless", access).set_server_streaming(true);
  access.Clear();
  access.set_admission(v1::ADMISSION_PUBLIC);
  shop.Add("Ticker", access).set_server_streaming(true);
  ASSERT_TRUE(shop.Rules().ok()) << shop.Rules().status();
  EXPECT_THAT(shop.Rules()->cut_streams,
              ElementsAre("/shop.v1.Shop/Upload", "/shop.v1.Shop/Watch"));
}

TEST(RulesFromDescriptorSet, HealthAndReflectionHaveRulesElsewhere) {
  Shop shop;
  shop.Add("Close");
  pb::FileDescriptorProto& health = *shop.set().add_file();
  health.set_package("grpc.health.v1");
  health.add_service()->set_name("Health");
  health.mutable_service(0)->add_method()->set_name("Check");
  ASSERT_TRUE(shop.Rules().ok()) << shop.Rules().status();
  EXPECT_EQ(shop.Rules()->rules.size(), 1u);
}

// What protoc made of a whole proto, whose authors forgot a few rules.
TEST(RulesFromDescriptorSet, ReadsWhatProtocMade) {
  pb::FileDescriptorSet set;
  test::guard::EchoRequest::descriptor()->file()->CopyTo(set.add_file());
  const auto rules = RulesFromDescriptorSet(set.SerializeAsString());
  EXPECT_THAT(std::string(rules.status().message()),
              AllOf(HasSubstr("echo.proto: /tessera.test.guard.Forgetful/Forgotten has no rule"),
                    HasSubstr("/tessera.test.guard.Futuristic/Later"),
                    Not(HasSubstr("/tessera.test.guard.Echo/Say "))));
}

TEST(RulesFromDescriptorSet, WhatIsNoDescriptorSetOrDescribesNoServiceIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("no descriptor set"), std::string("\x0a\xff", 2)}) {
    EXPECT_EQ(RulesFromDescriptorSet(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(RulesFromDescriptorSet(std::string(kMaxDescriptorSetBytes + 1, '\0')).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tessera
