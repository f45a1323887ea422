// RevocationsFromServer against a server on loopback: connecting, resuming, ending.
#include <gtest/gtest.h>

#include <atomic>

#include "tessera/guard/revocation_source.h"
#include "tests/guard/fake_auth_server.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

class RevocationFeed : public ::testing::Test {
 protected:
  ~RevocationFeed() override { Release(); }

  v1::RevocationEntry Entry(uint64_t seq, const std::string& id) const {
    return TokenEntry(seq, id, absl::ToUnixSeconds(clock_.Now()) + 3600);
  }
  // Says `messages` and keeps the stream until Release.
  FakeAuthServer::Script SayAndStay(std::vector<v1::WatchRevocationsResponse> messages) {
    return [this, messages](FakeAuthServer::Stream& stream, const v1::RevocationResume&) {
      for (const auto& message : messages) stream.Write(message);
      Stay();
    };
  }
  FakeAuthServer::Script SayAndLeave(std::vector<v1::WatchRevocationsResponse> messages) {
    return [messages](FakeAuthServer::Stream& stream, const v1::RevocationResume&) {
      for (const auto& message : messages) stream.Write(message);
    };
  }
  void Stay() {
    MutexLock lock(mu_);
    while (!released_) changed_.Wait(mu_);
  }
  void Release() {
    MutexLock lock(mu_);
    released_ = true;
    changed_.NotifyAll();
  }
  std::shared_ptr<RevocationSource> Follow(std::shared_ptr<KeySource> keys = nullptr) {
    return RevocationsFromServer(server_.channel(), clock_, log_, std::move(keys));
  }

  Mutex mu_;
  CondVar changed_;
  bool released_ ABSL_GUARDED_BY(mu_) = false;
  FakeClock clock_;
  RecordingLog log_;
  FakeAuthServer server_;
};

TEST_F(RevocationFeed, BeginsEmptyHandedTakesTheSnapshotAndThenChanges) {
  server_.Expect(SayAndStay({Snapshot("e1", 2, {Entry(1, "a"), Entry(2, "b")}),
                             Changes({Entry(3, "c")}), Heartbeat("e1", 3)}));
  const auto source = Follow();
  EXPECT_TRUE(Eventually([&] { return source->view()->size() == 3; }));
  EXPECT_TRUE(Eventually([&] { return source->view()->loaded(); }));
  ASSERT_EQ(server_.resumes().size(), 1u);
  EXPECT_EQ(server_.resumes()[0].store_epoch(), "");
  EXPECT_EQ(server_.resumes()[0].seq(), 0u);
  Release();
}

TEST_F(RevocationFeed, ComesBackByItselfAndResumesWhereItWas) {
  server_.Expect(SayAndLeave({Snapshot("e1", 2, {Entry(2, "a")}), Changes({Entry(3, "b")})}));
  server_.Expect(SayAndStay({Changes({Entry(4, "c")})}));
  const auto source = Follow();
  EXPECT_TRUE(Eventually([&] { return source->view()->size() == 3; }));
  ASSERT_EQ(server_.resumes().size(), 2u);
  EXPECT_EQ(server_.resumes()[1].store_epoch(), "e1");
  EXPECT_EQ(server_.resumes()[1].seq(), 3u);
  EXPECT_GE(log_.CountOf("revocations.disconnected"), 1);
  Release();
}

TEST_F(RevocationFeed, AGapBringsANewSnapshot) {
  server_.Expect(SayAndStay({Snapshot("e1", 2, {}), Changes({Entry(4, "b")})}));
  server_.Expect(SayAndStay({Snapshot("e1", 4, {Entry(3, "a"), Entry(4, "b")})}));
  const auto source = Follow();
  EXPECT_TRUE(Eventually([&] { return server_.resumes().size() == 2; }));
  // The first handler ends when released; the client has given its stream up.
  EXPECT_TRUE(Eventually([&] { return source->view()->size() == 2; }));
  EXPECT_EQ(server_.resumes()[1].store_epoch(), "");
  Release();
}

TEST_F(RevocationFeed, AWallClockSetBackBringsANewSnapshotWithWhatWasForgottenTooEarly) {
  const absl::Time right = clock_.Now();
  const auto revoked = Entry(1, "a");
  clock_.SetWall(right + absl::Hours(48));  // wrong when the guard starts
  for (int i = 0; i < 2; ++i) {
    server_.Expect(SayAndStay({Snapshot("e1", 1, {revoked}), Heartbeat("e1", 1)}));
  }
  const auto source = Follow();
  ASSERT_TRUE(Eventually([&] { return source->view()->loaded(); }));
  clock_.Advance(absl::Minutes(1));  // it is time to forget
  ASSERT_TRUE(Eventually([&] { return source->view()->size() == 0; }));
  clock_.SetWall(right);
  EXPECT_TRUE(Eventually([&] { return source->view()->size() == 1; }));
  ASSERT_EQ(server_.resumes().size(), 2u);
  EXPECT_EQ(server_.resumes()[1].store_epoch(), "");
  EXPECT_EQ(log_.CountOf("revocations.clock_set_back"), 1);
  Release();
}

TEST_F(RevocationFeed, AWallClockSetBackWhileTheServerIsAwayLetsNobodyIn) {
  const absl::Time right = clock_.Now();
  clock_.SetWall(right + absl::Hours(48));
  server_.Expect([&, right](FakeAuthServer::Stream& stream, const v1::RevocationResume&) {
    stream.Write(Snapshot("e1", 1, {TokenEntry(1, "a", absl::ToUnixSeconds(right) + 3600)}));
    stream.Write(Heartbeat("e1", 1));
    Stay();
  });
  const auto source = Follow();
  ASSERT_TRUE(Eventually([&] { return source->view()->loaded(); }));
  clock_.Advance(absl::Minutes(1));  // it is time to forget
  ASSERT_TRUE(Eventually([&] { return source->view()->size() == 0; }));
  Release();
  ASSERT_TRUE(Eventually([&] { return log_.CountOf("revocations.disconnected") >= 2; }));
  EXPECT_TRUE(source->view()->loaded());
  clock_.SetWall(right);
  EXPECT_TRUE(Eventually([&] { return !source->view()->loaded(); }));
}

TEST_F(RevocationFeed, AnotherEpochBringsANewSnapshotThatTakesNothingBack) {
  server_.Expect(SayAndStay({Snapshot("e1", 2, {Entry(2, "a")}), Heartbeat("e2", 1)}));
  server_.Expect(SayAndStay({Snapshot("e2", 1, {Entry(1, "b")})}));
  const auto source = Follow();
  EXPECT_TRUE(Eventually([&] { return source->view()->size() == 2; }));
  EXPECT_EQ(server_.resumes()[1].store_epoch(), "");
  Release();
}

TEST_F(RevocationFeed, AcknowledgesWhatItHasTakenIn) {
  std::atomic<uint64_t> seq{0};
  std::atomic<uint64_t> version{0};
  const std::string jwks = SetOf({NewKey()}).ToJson();
  const auto keys = KeysFromServer(server_.channel(), {}, clock_, log_);
  server_.Expect([&](FakeAuthServer::Stream& stream, const v1::RevocationResume&) {
    stream.Write(KeySet(9, jwks));
    stream.Write(Snapshot("e1", 5, {Entry(5, "a")}));
    for (v1::WatchRevocationsRequest request; seq < 5 && stream.Read(&request);) {
      seq = request.acknowledgement().seq();
      version = request.acknowledgement().key_set_version();
    }
    Stay();
  });
  const auto source = Follow(keys);
  EXPECT_TRUE(Eventually([&] { return seq == 5; }));
  EXPECT_EQ(version, 9u);
  Release();
}

TEST_F(RevocationFeed, OffersTheKeySetToTheKeySource) {
  const SigningKey key = NewKey();
  const auto keys = KeysFromServer(server_.channel(), {}, clock_, log_);
  server_.Expect(SayAndStay({KeySet(1, SetOf({key}).ToJson())}));
  const auto source = Follow(keys);
  EXPECT_TRUE(Eventually([&] { return keys->Current()->Find(key.kid()) != nullptr; }));
  EXPECT_EQ(server_.jwks_calls(), 0);
  Release();
}

TEST_F(RevocationFeed, AServerThatComesBackIsFollowedAtOnceWhateverTheChannelsOwnPause) {
  const AwayServer away = MakeAwayServer();
  const auto source = RevocationsFromServer(away.channel, clock_, log_);
  ASSERT_TRUE(Eventually([&] { return log_.CountOf("revocations.disconnected") >= 1; }));
  FakeAuthServer back(away.port);
  back.Expect(SayAndStay({Snapshot("e1", 1, {Entry(1, "a")}), Heartbeat("e1", 1)}));
  EXPECT_TRUE(Eventually([&] { return source->view()->loaded(); }));
  Release();
}

TEST_F(RevocationFeed, EndsPromptlyWhileConnectedAndWhileAway) {
  server_.Expect(SayAndStay({Snapshot("e1", 1, {}), Heartbeat("e1", 1)}));
  auto connected = Follow();
  ASSERT_TRUE(Eventually([&] { return connected->view()->loaded(); }));
  absl::Duration start = SystemClock().Monotonic();
  connected.reset();
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Milliseconds(900));
  Release();
  auto away = Follow();  // no more scripts: refused, again and again
  ASSERT_TRUE(Eventually([&] { return log_.CountOf("revocations.disconnected") >= 2; }));
  start = SystemClock().Monotonic();
  away.reset();
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Milliseconds(900));
}

TEST_F(RevocationFeed, AGuardWithItRefusesWhatTheFeedRevokesAndCutsTheStream) {
  World world;
  std::atomic<bool> revoke{false};
  server_.Expect([&](FakeAuthServer::Stream& stream, const v1::RevocationResume&) {
    stream.Write(Snapshot("e1", 1, {}));
    stream.Write(Heartbeat("e1", 1));
    Eventually([&] { return revoke.load(); });
    stream.Write(Changes({Entry(2, "tok_usr_a")}));
    Stay();
  });
  World::Options options;
  options.keys = KeysInHand(SetOf({world.key}));
  options.adjust = [&](GuardOptions& guard) { guard.revocations = Follow(); };
  {
    World guarded(options);
    ASSERT_TRUE(guarded.guard().WaitUntilReady(absl::Seconds(10)).ok());
    const std::string token = world.TokenOf("usr_a");
    ASSERT_TRUE(guarded.Call(Shape::kUnary, BearerOf(token)).status.ok());
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token);
    const auto chat = guarded.stub().Chat(&context);
    echo::EchoResponse response;
    ASSERT_TRUE(chat->Write(echo::EchoRequest()));
    ASSERT_TRUE(chat->Read(&response));
    revoke = true;
    EXPECT_FALSE(chat->Read(&response));
    EXPECT_EQ(ReasonIn(chat->Finish()), "TOKEN_REVOKED");
    EXPECT_EQ(ReasonIn(guarded.Call(Shape::kUnary, BearerOf(token)).status), "TOKEN_REVOKED");
    Release();
  }
}

}  // namespace
}  // namespace tessera::testing
