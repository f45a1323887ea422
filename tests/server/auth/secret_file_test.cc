#include "server/auth/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SecretFileTest : public ::testing::Test {
 protected:
  std::string Read(const std::string& content) const {
    const absl::StatusOr<Secret> line = ReadSecretLine(folder_.Write("secret", content), "a.key");
    return line.ok() ? std::string(line->Reveal()) : "refused";
  }
  std::string Refusal(const std::string& path) const {
    const absl::Status status = ReadSecretLine(path, "a.key").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }
  const testing::TemporaryFolder folder_;
};

TEST_F(SecretFileTest, TheFirstLineIsTheSecretWithoutItsEnd) {
  EXPECT_EQ(Read("hunter2"), "hunter2");
  EXPECT_EQ(Read("hunter2\n"), "hunter2");
  EXPECT_EQ(Read("hunter2\r\nsecond\n"), "hunter2");
  EXPECT_EQ(Read(" with blanks \n"), " with blanks ");
}

TEST_F(SecretFileTest, AnEmptyFirstLineIsRefused) {
  EXPECT_EQ(Read(""), "refused");
  EXPECT_EQ(Read("\nhunter2\n"), "refused");
}

TEST_F(SecretFileTest, AFileThatOthersMayUseIsRefusedAndNothingOfItIsShown) {
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u, 0666u}) {
    EXPECT_THAT(Refusal(folder_.Write("secret", "hunter2", mode)),
                AllOf(HasSubstr("a.key"), HasSubstr("0600"), Not(HasSubstr("hunter2"))));
  }
  EXPECT_TRUE(ReadSecretLine(folder_.Write("secret", "hunter2", 0400), "a.key").ok());
}

TEST_F(SecretFileTest, AFileOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = folder_.Write("secret", "hunter2");
  ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
  EXPECT_THAT(Refusal(path), HasSubstr("another user"));
}

TEST_F(SecretFileTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(mkdir(folder_.Path("folder").c_str(), 0700), 0);
  EXPECT_THAT(Refusal(folder_.Path("folder")), HasSubstr("no plain file"));
}

TEST_F(SecretFileTest, AMissingFileIsNamed) {
  const absl::Status status = ReadSecretLine(folder_.Path("absent"), "a.key").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("a.key"), HasSubstr("absent")));
}

}  // namespace
}  // namespace tessera::server
