#include "server/open_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/base/fake_clock.h"
#include "tests/base/free_port.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPassword[] = "hunter2hunter2";

class OpenStoreTest : public ::testing::Test {
 protected:
  // A MySQL where nobody listens.
  StorageConfig Nowhere(absl::Duration wait) const {
    StorageConfig config;
    config.url = absl::StrCat("mysql://u@127.0.0.1:", testing::FreePort(), "/d");
    config.password_file = folder_.Write("password", kPassword);
    config.wait_at_start = wait;
    return config;
  }
  absl::Status Open(const StorageConfig& config, std::function<bool()> stop_asked = {}) {
    return OpenStore({config, 4, std::move(stop_asked)}, clock_, log_).status();
  }

  const testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  testing::RecordingLog log_;
};

TEST_F(OpenStoreTest, AnSqliteFileIsMadeMigratedAndOpened) {
  StorageConfig config;
  config.url = "sqlite:" + folder_.Path("t.db");
  EXPECT_TRUE(MigrateStore(config, clock_, log_).ok());
  EXPECT_THAT(log_.text(), HasSubstr("schema.migrated"));
  EXPECT_TRUE(Open(config).ok());
}

TEST_F(OpenStoreTest, AnotherUrlIsRefused) {
  StorageConfig config;
  config.url = "postgres://u@h/d";
  EXPECT_EQ(Open(config).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OpenStoreTest, AMissingPasswordFileIsNamed) {
  StorageConfig config = Nowhere(absl::ZeroDuration());
  config.password_file = folder_.Path("absent");
  EXPECT_THAT(std::string(Open(config).message()), HasSubstr("storage.password_file"));
}

TEST_F(OpenStoreTest, APasswordFileThatOthersMayReadIsRefused) {
  StorageConfig config = Nowhere(absl::ZeroDuration());
  testing::WriteFile(config.password_file, kPassword, 0640);
  EXPECT_EQ(Open(config).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(OpenStoreTest, WithoutPatienceADatabaseThatIsAwayIsSaidToBeAtOnce) {
  const absl::Status status = Open(Nowhere(absl::ZeroDuration()));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1"));
  EXPECT_THAT(log_.text(), Not(HasSubstr("storage.away")));
  EXPECT_THAT(std::string(status.message()) + log_.text(), Not(HasSubstr(kPassword)));
}

TEST_F(OpenStoreTest, PatienceEndsWhenItsTimeIsOver) {
  int asked = 0;
  const absl::Status status = Open(Nowhere(absl::Seconds(60)), [&] {
    if (++asked == 2) clock_.Advance(absl::Seconds(60));
    return false;
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(log_.text(), HasSubstr("storage.away"));
}

TEST_F(OpenStoreTest, WhoIsAskedToStopWaitsNoLonger) {
  const absl::Status status = Open(Nowhere(absl::Seconds(60)), [] { return true; });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera::server
