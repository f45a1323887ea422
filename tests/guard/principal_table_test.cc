#include "tessera/guard/principal_table.h"

#include <gtest/gtest.h>

#include "tessera/guard/known_token.h"

namespace tessera::guard {
namespace {

class PrincipalTableTest : public ::testing::Test {
 protected:
  PrincipalTable table_;
  // Only their addresses matter.
  const int context_ = 0, first_call_ = 0, second_call_ = 0;
  const std::shared_ptr<const Principal> principal_ = std::make_shared<const Principal>();
};

TEST_F(PrincipalTableTest, IsFoundUntilItsOwnerUnpinsIt) {
  EXPECT_EQ(table_.Find(&context_), nullptr);
  table_.Pin(&context_, &first_call_, principal_);
  EXPECT_EQ(table_.Find(&context_), principal_);
  table_.Unpin(&context_, &first_call_);
  EXPECT_EQ(table_.Find(&context_), nullptr);
}

TEST_F(PrincipalTableTest, ALateOwnerDoesNotUnpinTheNextOneAtItsAddress) {
  table_.Pin(&context_, &first_call_, principal_);
  table_.Pin(&context_, &second_call_, AnonymousPrincipal());
  table_.Unpin(&context_, &first_call_);
  EXPECT_EQ(table_.Find(&context_), AnonymousPrincipal());
}

TEST_F(PrincipalTableTest, ACallWithoutAPrincipalDoesNotInheritTheOneBefore) {
  table_.Pin(&context_, &first_call_, principal_);
  table_.Clear(&context_);
  EXPECT_EQ(table_.Find(&context_), nullptr);
  table_.Unpin(&context_, &first_call_);
  EXPECT_EQ(table_.Find(&context_), nullptr);
}

TEST(PrincipalTest, IsInTheGroupsThatItsTokenNamesAndInNoOther) {
  Principal principal;
  EXPECT_FALSE(principal.InGroup("writers"));
  principal.claims.groups = {"authors", "writers"};
  principal.claims.roles = {"reader"};
  EXPECT_TRUE(principal.InGroup("writers"));
  EXPECT_FALSE(principal.InGroup("Writers"));
  EXPECT_FALSE(principal.InGroup("writer"));
  EXPECT_FALSE(principal.InGroup("reader"));  // a role is no group
  EXPECT_FALSE(principal.HasRole("writers"));
}

}  // namespace
}  // namespace tessera::guard
