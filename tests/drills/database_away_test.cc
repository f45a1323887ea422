// While MariaDB is away, what needs only memory goes on, the rest is refused in time, and all
// recovers by itself (section 13 of the design).
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/drills/database_user.h"
#include "tests/drills/onlookers.h"
#include "tests/drills/small_disk.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

// What the onlookers do at least, in each state.
constexpr int kRounds = 5, kHeartbeats = 2;
constexpr int kDiskMegabytes = 400;
constexpr size_t kCrowd = 48;
// In the log of an outage: one for each of the eight calls that are refused, and a few.
constexpr int kMaxComplaints = 20;

int Count(const std::string& text, const std::string& word) {
  int count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// A tesserad on a MariaDB of its own, and clients of both kinds.
struct World {
  World() : World(std::make_unique<MariaDb>()) {}
  explicit World(std::unique_ptr<MariaDb> server)
      : mariadb(std::move(server)),
        database(*mariadb),
        installation(std::make_shared<Installation>(database)),
        tesserad(Options(installation)) {
    tesserad.Start();
    onlookers = std::make_unique<Onlookers>(tesserad);
    user = std::make_unique<DatabaseUser>(tesserad);
  }

  static Tesserad::Options Options(std::shared_ptr<const Installation> on) {
    Tesserad::Options options;
    options.installation = std::move(on);
    return options;
  }

  void ExpectOnlookersGoOn() {
    EXPECT_TRUE(onlookers->AwaitMore(kRounds, kHeartbeats));
    for (const std::string& wrong : onlookers->Wrong()) ADD_FAILURE() << wrong;
  }
  // In the log, events of a name since the beginning.
  int Events(const std::string& name) {
    return Count(tesserad.program().Output(), " " + name + " ") +
           Count(tesserad.program().Output(), " " + name + "\n");
  }
  // From `leave` to `come_back` nothing can be read or written.
  void GoThrough(const std::function<void()>& leave, const std::function<void()>& come_back) {
    ExpectOnlookersGoOn();
    leave();
    user->ExpectUnavailable();
    ExpectOnlookersGoOn();
    user->ExpectUnavailable();  // now that it is known
    EXPECT_GT(onlookers->age(), absl::Seconds(1)) << "heartbeats say how old their view is";
    come_back();
    user->ExpectServedSoon();
    ExpectOnlookersGoOn();
    EXPECT_LT(onlookers->age(), absl::Seconds(30));
  }
  // One event when it began, one when it was over; not one for each of the feed's readings.
  void ExpectNoFloodOfEvents() {
    const std::string log = tesserad.program().Output();
    EXPECT_EQ(Events("feed.read_failed"), 1) << log;
    EXPECT_EQ(Events("feed.recovered"), 1) << log;
    EXPECT_LE(Events("database.away"), 1) << log;
    EXPECT_EQ(Events("database.away"), Events("database.back")) << log;
    EXPECT_LE(Count(log, "Z error ") + Count(log, "Z warning "), kMaxComplaints) << log;
  }

  std::unique_ptr<MariaDb> mariadb;
  MariaDbDatabase database;
  std::shared_ptr<const Installation> installation;
  Tesserad tesserad;
  std::unique_ptr<Onlookers> onlookers;
  std::unique_ptr<DatabaseUser> user;
};

TEST(DatabaseAway, Stopped) {
  World world;
  world.GoThrough([&] { world.mariadb->Stop(); }, [&] { world.mariadb->Start(); });
  world.ExpectNoFloodOfEvents();
}

TEST(DatabaseAway, Paused) {
  World world;
  world.GoThrough([&] { world.mariadb->Pause(); }, [&] { world.mariadb->Resume(); });
  world.ExpectNoFloodOfEvents();
}

// Many renewals at the same time.
std::vector<Answer> AskInACrowd(const Calls& calls, const std::string& refresh_token) {
  std::vector<std::future<Answer>> crowd;
  crowd.reserve(kCrowd);
  for (size_t i = 0; i < kCrowd; ++i) {
    crowd.push_back(std::async(std::launch::async, [&] {
      v1::TokenGrant grant;
      return calls.Renew(refresh_token, grant);
    }));
  }
  std::vector<Answer> answers;
  answers.reserve(kCrowd);
  for (auto& each : crowd) answers.push_back(each.get());
  return answers;
}

bool HasLate(const std::vector<Answer>& answers) {
  return std::any_of(answers.begin(), answers.end(), [](const Answer& each) {
    return each.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  });
}

// More calls than threads and connections: those that wait for their turn are told in time too.
TEST(DatabaseAway, PausedWithACrowdOfCallers) {
  World world;
  const Calls calls(world.tesserad.NewChannel(), absl::Seconds(2));
  const std::string refresh = world.tesserad.LoginAdmin().refresh_token();
  world.mariadb->Pause();
  // A late answer may be this machine's own fault, but not over and over.
  std::vector<Answer> answers = AskInACrowd(calls, refresh);
  for (int tries = 1; tries < 3 && HasLate(answers); ++tries) answers = AskInACrowd(calls, refresh);
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE) << answer.Text();
    EXPECT_TRUE(RetryDelayOf(answer.status).has_value()) << answer.Text();
  }
  world.mariadb->Resume();
  world.user->ExpectServedSoon();
}

TEST(DatabaseAway, TokensAreValidatedInBatches) {
  World world;
  world.tesserad.AddUser("gateway", "gateways password", {"tessera.introspect"});
  const std::string asker = world.tesserad.Login("gateway", "gateways password").access_token();
  const v1::TokenGrant grant = world.tesserad.LoginAdmin();
  world.mariadb->Stop();
  world.user->ExpectUnavailable();
  v1::BatchValidateTokensRequest request;
  for (const std::string& token : {grant.access_token(), grant.refresh_token(), asker}) {
    request.add_tokens(token);
  }
  v1::BatchValidateTokensResponse response;
  const grpc::Status status =
      world.tesserad.Auth()->BatchValidateTokens(ContextWith({asker}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_TRUE(response.results(0).active());
  EXPECT_EQ(response.results(1).reason(), v1::ERROR_REASON_TOKEN_TYPE);
  EXPECT_TRUE(response.results(2).active());
  world.mariadb->Start();
  world.user->ExpectServedSoon();
}

TEST(DatabaseAway, ARevocationAfterTheOutageReachesTheOtherReplica) {
  World world;
  Tesserad other(World::Options(world.installation));
  ASSERT_NO_FATAL_FAILURE(other.Start());
  const Calls there(other.NewChannel(), absl::Seconds(20));
  const std::string token = world.tesserad.LoginAdmin().access_token();
  world.mariadb->Stop();
  world.user->ExpectUnavailable();
  v1::ValidateTokenResponse known;
  EXPECT_TRUE(there.Validate(token, known).done());
  EXPECT_TRUE(known.active());
  world.mariadb->Start();
  world.user->ExpectServedSoon();
  const Calls here(world.tesserad.NewChannel(), absl::Seconds(20));
  EXPECT_TRUE(here.Revoke(token).done());
  const absl::Time limit = SystemClock().Now() + absl::Minutes(1);
  while (known.active() && SystemClock().Now() < limit) {
    EXPECT_TRUE(there.Validate(token, known).done());
  }
  EXPECT_EQ(known.reason(), v1::ERROR_REASON_TOKEN_REVOKED);
}

TEST(DatabaseAway, ConnectionsKilledOverAndOver) {
  World world;
  const std::string kill = absl::StrCat("KILL USER '", world.database.user(), "'@'127.0.0.1'");
  for (int i = 0; i < 10; ++i) {
    world.mariadb->Sql(kill);
    world.user->ExpectDoneOrUnavailable();
  }
  world.ExpectOnlookersGoOn();
  world.user->ExpectServedSoon();
  EXPECT_EQ(world.Events("database.away"), 0) << "it was there all the time";
}

TEST(DatabaseAway, ReadOnly) {
  World world;
  world.mariadb->Sql("SET GLOBAL read_only = 1");
  world.user->ExpectUnavailable();
  world.ExpectOnlookersGoOn();
  world.user->ExpectUnavailable();
  EXPECT_LT(world.onlookers->age(), absl::Seconds(20)) << "it can be read";
  world.mariadb->Sql("SET GLOBAL read_only = 0");
  world.user->ExpectServedSoon();
  world.ExpectOnlookersGoOn();
}

TEST(DatabaseAway, DiskFull) {
  const auto disk = SmallDisk::Mount(kDiskMegabytes);
  if (disk == nullptr) {
    std::cerr << "NOT TESTED: a full disk, for this user may not mount one\n";
    GTEST_SKIP();
  }
  std::unique_ptr<MariaDb> mariadb;
  {
    const TemporaryFoldersAt there(disk->path());
    MariaDb::Options options;
    options.on_disk = true;
    mariadb = std::make_unique<MariaDb>(options);
  }
  World world(std::move(mariadb));
  disk->Fill();
  // The pages that the tables have already are filled first.
  int refused = 0;
  for (int i = 0; i < 1000 && refused < 5; ++i) refused += world.user->ExpectDoneOrUnavailable();
  EXPECT_GE(refused, 5) << "the disk never got full";
  world.ExpectOnlookersGoOn();
  disk->Free();
  world.user->ExpectServedSoon();
  world.ExpectOnlookersGoOn();
}

}  // namespace
}  // namespace tessera::testing
