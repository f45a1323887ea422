// A guard that starts again while the auth server is away goes on with the keys that it had.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "tessera/base/reason.h"
#include "tessera/guard/key_file.h"
#include "tessera/guard/key_source.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/fake_auth_server.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

absl::Status FetchNow(KeySource& keys) {
  std::promise<absl::Status> fetched;
  keys.Fetch([&](absl::Status status) { fetched.set_value(std::move(status)); });
  return fetched.get_future().get();
}

class KeyCache : public ::testing::Test {
 protected:
  KeyCache() { server_.SetJwks(SetOf({key_}).ToJson()); }

  std::shared_ptr<KeySource> Make() {
    ServerKeysOptions options;
    options.cache_file = path_;
    return KeysFromServer(server_.channel(), options, clock_, log_);
  }
  // As if a guard had run and ended.
  void Fill() { ASSERT_TRUE(FetchNow(*Make()).ok()); }
  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  bool IsUsed() { return Make()->Current()->Find(key_.kid()) != nullptr; }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/keys.json";
  FakeClock clock_;
  RecordingLog log_;
  const SigningKey key_ = NewKey();
  FakeAuthServer server_;
};

TEST_F(KeyCache, IsWrittenForItsOwnerOnlyAndReadAtTheNextStart) {
  Fill();
  struct stat facts {};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  server_.FailJwks();
  EXPECT_TRUE(IsUsed());
}

TEST_F(KeyCache, TheAgeCountsOnAcrossTheRestart) {
  Fill();
  server_.FailJwks();
  clock_.Advance(absl::Hours(23));
  const auto keys = Make();
  EXPECT_FALSE(keys->Current()->empty());
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(keys->Current()->empty());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(keys->Current()->empty());
  EXPECT_FALSE(IsUsed());
}

TEST_F(KeyCache, TheServerIsAskedAtOnceAndItsAnswerCounts) {
  Fill();
  const SigningKey next = NewKey();
  server_.SetJwks(SetOf({next}).ToJson());
  const auto keys = Make();
  EXPECT_TRUE(Eventually([&] { return keys->Current()->Find(next.kid()) != nullptr; }));
  EXPECT_EQ(keys->Current()->Find(key_.kid()), nullptr);
  EXPECT_TRUE(Eventually([&] { return Text().find(next.kid()) != std::string::npos; }));
}

TEST_F(KeyCache, TheServerIsAskedAgainUntilItAnswers) {
  Fill();
  server_.FailJwks();
  const auto keys = Make();
  ASSERT_TRUE(Eventually([&] { return log_.CountOf("keys.fetch_failed") >= 1; }));
  const SigningKey next = NewKey();
  server_.SetJwks(SetOf({next}).ToJson());
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(Eventually([&] { return keys->Current()->Find(next.kid()) != nullptr; }));
}

TEST_F(KeyCache, WhatTheFeedOffersIsKeptToo) {
  const SigningKey offered = NewKey();
  const auto keys = Make();
  ASSERT_TRUE(keys->Offer(std::make_shared<const JwkSet>(SetOf({offered}))));
  EXPECT_TRUE(Eventually([&] { return Text().find(offered.kid()) != std::string::npos; }));
}

TEST_F(KeyCache, AFileThatOthersMayReadOrWriteIsRefused) {
  Fill();
  server_.FailJwks();
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0666u}) {
    chmod(path_.c_str(), mode);
    EXPECT_FALSE(IsUsed()) << mode;
  }
  chmod(path_.c_str(), 0600);
  EXPECT_TRUE(IsUsed());
}

TEST_F(KeyCache, AFileOfAnotherOwnerIsRefused) {
  Fill();
  server_.FailJwks();
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(IsUsed());
  EXPECT_GE(log_.CountOf("keys.cache_refused"), 1);
}

TEST_F(KeyCache, WhatIsNoCacheIsRefused) {
  Fill();
  const std::string good = Text();
  server_.FailJwks();
  const SigningKey shared = *SigningKey::Generate(Algorithm::kHs256);
  const std::string now = std::to_string(absl::ToUnixSeconds(clock_.Now()));
  const std::string later = std::to_string(absl::ToUnixSeconds(clock_.Now()) + 3600);
  const std::string keys = SetOf({key_}).ToJson().substr(1);
  for (const std::string& text :
       {std::string(), std::string("{}"), good.substr(0, good.size() / 2), "{" + keys,
        "{\"fetched_at\":\"" + now + "\"," + keys, "{\"fetched_at\":" + later + "," + keys,
        "{\"fetched_at\":" + now + ",\"keys\":[]}",
        "{\"fetched_at\":" + now + ",\"keys\":[" + std::string(shared.ToPrivateJwk().Reveal()) +
            "]}",
        std::string(300 * 1024, ' ')}) {
    std::ofstream(path_, std::ios::trunc) << text;
    EXPECT_FALSE(IsUsed()) << text.substr(0, 100);
  }
  std::ofstream(path_, std::ios::trunc) << good;
  EXPECT_TRUE(IsUsed());
}

TEST_F(KeyCache, ALinkInThePlaceOfTheNewFileIsNotFollowed) {
  const std::string victim = folder_.path() + "/victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, path_ + ".new");
  Fill();
  std::string text;
  std::ifstream(victim) >> text;
  EXPECT_EQ(text, "precious");
  EXPECT_NE(Text(), "");
}

TEST_F(KeyCache, AFolderThatIsNotThereIsToldAndNothingElseHappens) {
  ServerKeysOptions options;
  options.cache_file = folder_.path() + "/none/keys.json";
  const auto keys = KeysFromServer(server_.channel(), options, clock_, log_);
  ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_FALSE(keys->Current()->empty());
  EXPECT_TRUE(Eventually([&] { return log_.CountOf("keys.cache_not_written") >= 1; }));
}

// The whole guard: a restart during an outage, and the end of the keys' age.
TEST_F(KeyCache, AGuardRestartedDuringAnOutageAdmitsUntilItsKeysAreTooOld) {
  Fill();
  server_.FailJwks();
  World::Options options;
  options.keys = Make();
  World world(options);
  const auto token = [&] { return Sign(ClaimsFor("usr_a", world.clock.Now()), key_); };
  EXPECT_TRUE(world.Call(Shape::kUnary, BearerOf(token())).status.ok());
  clock_.Advance(absl::Hours(24) + absl::Seconds(1));
  const Outcome late = world.Call(Shape::kUnary, BearerOf(token()));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(late.status), "KEYS_UNAVAILABLE") << late.status.error_message();
}

}  // namespace
}  // namespace tessera::testing
