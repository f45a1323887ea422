#include "tessera/base/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace tessera {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(Ids, OneKindIsNoOtherAndNoBareString) {
  EXPECT_FALSE((std::is_convertible_v<UserId, SessionId>));
  EXPECT_FALSE((std::is_constructible_v<UserId, SessionId>));
  EXPECT_FALSE((std::is_convertible_v<std::string, UserId>));
}

TEST(Ids, RandomOnesCarryTheirKindsPrefix) {
  EXPECT_EQ(UserId::Random(kNow).str().substr(0, 4), "usr_");
  EXPECT_EQ(SessionId::Random(kNow).str().substr(0, 4), "ses_");
  EXPECT_EQ(RoleId::Random(kNow).str().substr(0, 4), "rol_");
  EXPECT_EQ(TokenId::Random(kNow).str().substr(0, 4), "tok_");
}

TEST(Ids, EmptyMeansNone) {
  EXPECT_TRUE(UserId().empty());
  EXPECT_FALSE(UserId::Random(kNow).empty());
}

TEST(Ids, CompareByText) {
  EXPECT_EQ(UserId("a"), UserId("a"));
  EXPECT_NE(UserId("a"), UserId("b"));
  EXPECT_LT(UserId("a"), UserId("b"));
}

}  // namespace
}  // namespace tessera
