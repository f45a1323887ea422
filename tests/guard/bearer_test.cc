#include "tessera/guard/bearer.h"

#include <gtest/gtest.h>

namespace tessera::guard {
namespace {

Bearer Of(std::string_view value) {
  BearerScan scan;
  scan.See("content-type", "application/grpc");
  scan.See("authorization", value);
  return scan.Result();
}

TEST(BearerScan, FindsTheOneToken) {
  const Bearer bearer = Of("Bearer a.b-c_d.e");
  EXPECT_EQ(bearer.kind, Bearer::Kind::kOne);
  EXPECT_EQ(bearer.token, "a.b-c_d.e");
  EXPECT_EQ(Of("bearer x").token, "x");
  EXPECT_EQ(Of("BEARER   x").token, "x");
}

TEST(BearerScan, NoHeaderIsNone) { EXPECT_EQ(BearerScan().Result().kind, Bearer::Kind::kNone); }

TEST(BearerScan, TheHeadersNameKnowsNoCase) {
  BearerScan scan;
  scan.See("Authorization", "Bearer x");
  scan.See("authorization", "Bearer x");
  EXPECT_EQ(scan.Result().kind, Bearer::Kind::kSeveral);
}

TEST(BearerScan, AnEmptySecondHeaderCountsToo) {
  BearerScan scan;
  scan.See("authorization", "Bearer x");
  scan.See("authorization", "");
  EXPECT_EQ(scan.Result().kind, Bearer::Kind::kSeveral);
}

TEST(BearerScan, JoinedValuesAreSeveral) {
  EXPECT_EQ(Of("Bearer a,Bearer b").kind, Bearer::Kind::kSeveral);
  EXPECT_EQ(Of("Bearer a, b").kind, Bearer::Kind::kSeveral);
  EXPECT_EQ(Of("Bearer a,").kind, Bearer::Kind::kSeveral);
}

TEST(BearerScan, EverythingElseIsMalformed) {
  for (const std::string_view value :
       {"", " ", "Bearer", "Bearer ", "Bearer  ", "a.b.c", "Basic a.b.c", "BearerX a", " Bearer a",
        "Bearer a b", "Bearer a ", "Bearer\ta", "Bearer a\n", "Bearer \"a\"", "Bearer \xc3\xa4"}) {
    EXPECT_EQ(Of(value).kind, Bearer::Kind::kMalformed) << '"' << value << '"';
  }
}

}  // namespace
}  // namespace tessera::guard
