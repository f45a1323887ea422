#include "server/user/page_token.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

TEST(PageToken, GivesBackWhatItWasMadeOf) {
  const std::string token = MakePageToken(PageOf::kUsers, "usr_abc");
  EXPECT_EQ(*ReadPageToken(PageOf::kUsers, token), "usr_abc");
}

TEST(PageToken, EmptyIsTheFirstPage) { EXPECT_EQ(*ReadPageToken(PageOf::kUsers, ""), ""); }

TEST(PageToken, OneOfAnotherListIsRefused) {
  EXPECT_FALSE(ReadPageToken(PageOf::kUsers, MakePageToken(PageOf::kRoles, "editor")).ok());
}

TEST(PageToken, AnythingElseIsRefusedByName) {
  for (const std::string& token :
       {std::string("x"), std::string("usr_abc"), Base64UrlEncode("2uusr_abc"),
        Base64UrlEncode("1u"), Base64UrlEncode("1ua' OR 1"),
        Base64UrlEncode(std::string("1u\0", 3)), std::string(10'000, 'A')}) {
    const absl::Status status = ReadPageToken(PageOf::kUsers, token).status();
    EXPECT_EQ(ReasonOf(status), reason::kFieldInvalid) << token.substr(0, 40);
    EXPECT_EQ(FieldOf(status), "page_token");
  }
}

TEST(PageSize, ZeroIsTheDefaultAndTheLargestIsAThousand) {
  EXPECT_EQ(*PageSize(0), 50);
  EXPECT_EQ(*PageSize(1), 1);
  EXPECT_EQ(*PageSize(1000), 1000);
  EXPECT_EQ(*PageSize(1001), 1000);
  EXPECT_EQ(FieldOf(PageSize(-1).status()), "page_size");
}

}  // namespace
}  // namespace tessera::server
