// A token that was exchanged dies with what it was exchanged from and with everybody in its chain.
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

class ExchangedToken : public ::testing::Test {
 protected:
  std::string Token() const {
    Claims claims = ClaimsFor("usr_a", world_.clock.Now());
    claims.actors = {{"svc_last", 3}, {"svc_middle", 2}, {"svc_first", 1}};
    claims.parent_tokens = {TokenId("tok_parent"), TokenId("tok_grandparent")};
    return Sign(claims, world_.key);
  }
  std::string ReasonAfter(const std::vector<RevocationNotice>& notices) {
    World world;
    Claims claims = ClaimsFor("usr_a", world.clock.Now());
    claims.actors = {{"svc_last", 3}, {"svc_middle", 2}, {"svc_first", 1}};
    claims.parent_tokens = {TokenId("tok_parent"), TokenId("tok_grandparent")};
    const Headers headers = BearerOf(Sign(claims, world.key));
    EXPECT_TRUE(world.Call(Shape::kUnary, headers).status.ok());
    world.view->Merge(notices);
    return ReasonIn(world.Call(Shape::kUnary, headers).status);
  }
  RevocationNotice Gone(RevokedThing thing, const std::string& id, int64_t version = 0) const {
    return Revoked(thing, id, world_.clock.Now(), version);
  }

  World world_;
};

TEST_F(ExchangedToken, TellsTheHandlerWhoActs) {
  const Outcome outcome = world_.Call(Shape::kUnary, BearerOf(Token()));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
  EXPECT_EQ(outcome.replies[0].actors(), "[svc_last][svc_middle][svc_first]");
}

TEST_F(ExchangedToken, DiesWithEachTokenThatItDescendsFrom) {
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kToken, "tok_parent")}), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kToken, "tok_grandparent")}), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kSession, "tok_parent"),
                         Gone(RevokedThing::kToken, "tok_stranger")}),
            "");
}

// The attack: the parent was forged with a stolen key, and another key signed what was made of it.
TEST_F(ExchangedToken, DiesWithTheKeyOfWhatItDescendsFrom) {
  World world;
  Claims claims = ClaimsFor("usr_a", world.clock.Now());
  claims.actors = {{"svc_last", 3}};
  claims.parent_tokens = {TokenId("tok_parent"), TokenId("stolen-key")};
  const Headers headers = BearerOf(Sign(claims, world.key));
  EXPECT_TRUE(world.Call(Shape::kUnary, headers).status.ok());
  world.view->Merge({Gone(RevokedThing::kKey, "another-key")});
  EXPECT_TRUE(world.Call(Shape::kUnary, headers).status.ok());
  world.view->Merge({Gone(RevokedThing::kKey, "stolen-key")});
  EXPECT_EQ(ReasonIn(world.Call(Shape::kUnary, headers).status), "TOKEN_REVOKED");
}

TEST_F(ExchangedToken, DiesWithEachActorAlsoTheMiddleOne) {
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kUser, "svc_middle", 3)}), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kUser, "svc_last", 4)}), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kUser, "svc_first", INT64_MAX)}), "TOKEN_REVOKED");
}

TEST_F(ExchangedToken, AnActorsOwnVersionIsWhatCounts) {
  EXPECT_EQ(ReasonAfter({Gone(RevokedThing::kUser, "svc_middle", 2),
                         Gone(RevokedThing::kUser, "svc_last", 3),
                         Gone(RevokedThing::kUser, "svc_first", 1)}),
            "");
}

TEST_F(ExchangedToken, ARunningStreamIsCutToo) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + Token());
  const auto stream = world_.stub().Chat(&context);
  echo::EchoResponse response;
  ASSERT_TRUE(stream->Write(echo::EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  world_.view->Merge({Gone(RevokedThing::kUser, "svc_middle", 3)});
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonIn(stream->Finish()), "TOKEN_REVOKED");
}

}  // namespace
}  // namespace tessera::testing
