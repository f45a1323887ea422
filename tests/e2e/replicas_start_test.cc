// Replicas that start: together, again amid writes, without the database, with a wrong clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/base/free_port.h"
#include "tests/e2e/replicas.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;

int CountOf(const std::string& text, const std::string& in) {
  int count = 0;
  for (size_t at = in.find(text); at != std::string::npos; at = in.find(text, at + 1)) ++count;
  return count;
}

Tesserad::Options On(const std::shared_ptr<Installation>& installation) {
  Tesserad::Options options;
  options.installation = installation;
  return options;
}

TEST(ReplicasStart, ThreeAtOnceOnAnEmptyDatabaseMakeOneOfEverything) {
  MariaDbDatabase database(MariaDb::Shared());
  const auto installation = std::make_shared<Installation>(database);
  Tesserad first(On(installation)), second(On(installation)), third(On(installation));
  const std::vector<Tesserad*> all{&first, &second, &third};
  for (Tesserad* server : all) ASSERT_NO_FATAL_FAILURE(server->Launch());
  for (Tesserad* server : all) ASSERT_NO_FATAL_FAILURE(server->AwaitReady());

  std::string log;
  for (Tesserad* server : all) log += server->program().Output();
  EXPECT_EQ(CountOf("schema.migrated", log), 1) << log;
  EXPECT_EQ(CountOf("bootstrap.administrator_made", log), 1) << log;
  EXPECT_EQ(database.Sql("SELECT COUNT(*) FROM users"), "1\n");
  EXPECT_EQ(database.Sql("SELECT key_use, COUNT(*) FROM signing_keys GROUP BY key_use"),
            "1\t1\n2\t1\n3\t1\n4\t1\n5\t1\n");
  for (Tesserad* server : all) {
    const v1::TokenGrant grant = server->LoginAdmin();
    for (Tesserad* other : all) EXPECT_EQ(Verdict(*other->Auth(), grant.access_token()), "ACTIVE");
    for (Tesserad* other : all) {
      EXPECT_EQ(Renew(*other->Auth(), grant.refresh_token()).reason, "");
    }
  }
}

// While it lives: two clients that renew and revoke at a replica without a pause.
class Writers {
 public:
  explicit Writers(Tesserad& server) : server_(server) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Writers() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  // What the replica has said that it is revoked.
  std::vector<std::string> acknowledged() const {
    MutexLock lock(mu_);
    return acknowledged_;
  }

 private:
  void Work() {
    const auto auth = server_.Auth();
    v1::TokenGrant grant = server_.Login("alice", "alices password", "orders");
    while (!stop_) {
      const grpc::Status status = Revoke(*auth, grant.access_token());
      EXPECT_TRUE(status.ok()) << status.error_message();
      {
        MutexLock lock(mu_);
        acknowledged_.push_back(grant.access_token());
      }
      const Renewal renewal = Renew(*auth, grant.refresh_token());
      ASSERT_EQ(renewal.reason, "");
      grant = renewal.grant;
    }
  }

  Tesserad& server_;
  std::atomic<bool> stop_ = false;
  mutable Mutex mu_;
  std::vector<std::string> acknowledged_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

// While it lives: asks a replica, there or not, about a revoked token.
class Doubter {
 public:
  Doubter(Tesserad& server, std::string token)
      : thread_([this, &server, token = std::move(token)] {
          while (!stop_) {
            EXPECT_THAT(Verdict(*server.Auth(), token),
                        AnyOf("TOKEN_REVOKED", "NO_ANSWER", "REVOCATION_VIEW_STALE",
                              "KEYS_UNAVAILABLE", "STORAGE_UNAVAILABLE"));
          }
        }) {}
  ~Doubter() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_F(Replicas, OneThatComesBackAmidWritesKnowsAllRevocationsBeforeItServes) {
  const std::string revoked = AliceToken();
  ASSERT_TRUE(Revoke(*auth_a_, revoked).ok());
  ASSERT_TRUE(AllSay("TOKEN_REVOKED", revoked));
  const Writers writers(a_);
  const Doubter doubter(b_, revoked);
  size_t checked = 0;
  for (const bool hard : {false, true, false, true}) {
    EXPECT_TRUE(Within(kSoon, [&] { return writers.acknowledged().size() > checked + 10; }));
    if (hard) {
      b_.KillHard();
    } else {
      b_.Stop();
    }
    const std::vector<std::string> acknowledged = writers.acknowledged();
    ASSERT_NO_FATAL_FAILURE(b_.Launch());
    ASSERT_TRUE(Within(2 * kSoon, [&] { return IsServing(b_); })) << b_.program().Output();
    const auto auth = b_.Auth();
    for (const std::string& token : acknowledged) EXPECT_EQ(Verdict(*auth, token), "TOKEN_REVOKED");
    checked = acknowledged.size();
  }
}

// Stopped, or not answering.
class WithoutDatabase : public ::testing::TestWithParam<bool> {};

TEST_P(WithoutDatabase, AReplicaThatStartsAnswersNothingUntilItHasLoadedItsView) {
  const bool paused = GetParam();
  MariaDb server;
  MariaDbDatabase database(server);
  const auto installation = std::make_shared<Installation>(database);
  std::string revoked;
  {
    Tesserad first(On(installation));
    ASSERT_NO_FATAL_FAILURE(first.Start());
    revoked = first.LoginAdmin().access_token();
    ASSERT_TRUE(Revoke(*first.Auth(), revoked).ok());
  }
  paused ? server.Pause() : server.Stop();
  Tesserad::Options options = On(installation);
  options.port = FreePort();
  Tesserad late(options);
  ASSERT_NO_FATAL_FAILURE(late.Launch());
  for (int tries = 0; tries < 100; ++tries) {
    EXPECT_THAT(Verdict(*late.Auth(), revoked), AnyOf("NO_ANSWER", "REVOCATION_VIEW_STALE"));
    EXPECT_FALSE(IsServing(late));
  }
  paused ? server.Resume() : server.Start();
  EXPECT_TRUE(Within(2 * kSoon, [&] { return IsServing(late); })) << late.program().Output();
  EXPECT_EQ(Verdict(*late.Auth(), revoked), "TOKEN_REVOKED");
}

INSTANTIATE_TEST_SUITE_P(ReplicasStart, WithoutDatabase, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "Paused" : "Stopped"; });

TEST(ReplicasStart, OneWhoseClockIsOffTheDatabasesDoesNotServeUntilItIsRight) {
  MariaDbDatabase database(MariaDb::Shared());
  const auto installation = std::make_shared<Installation>(database);
  Tesserad::Options options = On(installation);
  options.environment = {"TESSERA_STORAGE_MAX_CLOCK_DIFFERENCE=5s"};
  Tesserad right(options);
  options.own_clock = true;
  Tesserad wrong(options);
  for (Tesserad* server : {&right, &wrong}) ASSERT_NO_FATAL_FAILURE(server->Start());
  EXPECT_TRUE(Within(kSoon, [&] { return IsServing(right) && IsServing(wrong); }));
  wrong.clock().Advance(absl::Seconds(60));
  EXPECT_TRUE(Within(kSoon, [&] { return !IsServing(wrong); }));
  EXPECT_TRUE(IsServing(right));
  wrong.clock().Advance(-absl::Seconds(60));
  EXPECT_TRUE(Within(kSoon, [&] { return IsServing(wrong); })) << wrong.program().Output();
}

TEST(ReplicasStart, TheConnectionToTheDatabaseIsEncryptedIfSoSet) {
  MariaDb::Options tls;
  tls.tls = true;
  MariaDb server(tls);
  MariaDbDatabase database(server);  // its account needs TLS
  Tesserad tesserad(On(std::make_shared<Installation>(database)));
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  EXPECT_NE(tesserad.LoginAdmin().access_token(), "");
}

}  // namespace
}  // namespace tessera::testing
