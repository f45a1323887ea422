// No variant of a path reaches a handler that its plain form would not, in any API.
#include <gtest/gtest.h>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

// Of the public method, and of one that the token is good for.
std::vector<std::string> VariantsOf(const std::string& method) {
  const std::string service = "tessera.test.conformance.Speech";
  const std::string plain = "/" + service + "/" + method;
  std::string lower = method;
  lower[0] = static_cast<char>(lower[0] - 'A' + 'a');
  return {
      service + "/" + method,         // no slash
      "/" + plain,                    // two
      "/" + service + "//" + method,  //
      plain + "/",                    // one behind
      plain + " ",                    //
      " " + plain,                    //
      plain + "?x=1",                 //
      plain + "#x",                   //
      "/" + service + "/" + lower,    // case
      "/TESSERA.test.conformance.Speech/" + method,
      "/" + service + "%2F" + method,  // percent-encoded
      "%2F" + service + "/" + method,  //
      "/tessera%2Etest.conformance.Speech/" + method,
      "/" + service + "/%" + std::string(method[0] == 'O' ? "4f" : "53") + method.substr(1),
      "/x/.." + plain,                 // dots
      "/./" + service + "/" + method,  //
      "/" + service + "/../" + service + "/" + method,
      plain + ";a=b",              //
      plain + "\\",                //
      plain + "/Other",            //
      "/other" + plain,            //
      "http://127.0.0.1" + plain,  //
  };
}

TEST(Paths, OnlyTheExactPathOfARuledMethodReachesAHandlerInEveryApi) {
  for (const Api api : kApis) {
    SCOPED_TRACE(NameOf(api));
    Theatre::Options options;
    options.api = api;
    Theatre theatre(options);
    const Headers good = BearerOf(theatre.GoodToken());
    for (const char* method : {"Open", "Say"}) {
      for (const std::string& path : VariantsOf(method)) {
        for (const Headers& headers : {Headers(), good}) {
          const grpc::Status status = CallPath(theatre.server().channel(), path, headers);
          EXPECT_FALSE(status.ok()) << path;
          EXPECT_NE(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << path;
        }
      }
    }
    EXPECT_EQ(theatre.entered(), 0);
    const auto& channel = theatre.server().channel();
    EXPECT_TRUE(CallPath(channel, std::string(kPrefix) + "Open", {}).ok());
    EXPECT_TRUE(CallPath(channel, std::string(kPrefix) + "Say", good).ok());
    EXPECT_EQ(theatre.entered(), 2);
  }
}

TEST(Paths, AGenericServiceServesWhatItHasRulesForAndNothingElse) {
  for (const Api api : {Api::kAsyncGeneric, Api::kCallbackGeneric}) {
    SCOPED_TRACE(NameOf(api));
    Theatre::Options options;
    options.api = api;
    options.adjust = [](GuardOptions& guard) { guard.rules["/other.Service/Open"] = {}; };
    Theatre theatre(options);
    const Headers good = BearerOf(theatre.GoodToken());
    const auto& channel = theatre.server().channel();
    for (const char* path :
         {"/other.Service/Method", "/tessera.test.conformance.Speech/Unruled", "/",
          "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
      EXPECT_EQ(CallPath(channel, path, good).error_code(), grpc::StatusCode::UNIMPLEMENTED)
          << path;
    }
    // Health is public where gRPC's own service answers: here it would be the generic one.
    for (const char* path :
         {"/other.Service/Open", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}) {
      const grpc::Status nobody = CallPath(channel, path, good);
      EXPECT_EQ(nobody.error_code(), grpc::StatusCode::PERMISSION_DENIED) << path;
      EXPECT_EQ(ReasonIn(nobody), "METHOD_UNRULED") << path;
    }
    EXPECT_EQ(theatre.entered(), 0);
  }
}

}  // namespace
}  // namespace tessera::testing
