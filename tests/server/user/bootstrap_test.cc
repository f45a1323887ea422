#include "server/user/bootstrap.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BootstrapTest : public UserRoom {
 protected:
  BootstrapOptions Options() {
    BootstrapOptions options;
    options.self_audience = "tessera";
    options.admin_username = "Admin";
    return options;
  }
  absl::Status Boot(const BootstrapOptions& options) {
    return Bootstrap(options, *store_, *hasher_, clock_, log_);
  }
};

TEST_F(BootstrapTest, FirstStartMakesTheReservedRolesLimitedToTheSelfAudience) {
  Start();
  auto page = roles_->List(call_, 0, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->roles.size(), ReservedRoles().size());
  for (const auto& role : page->roles) {
    EXPECT_EQ(role.audiences, std::vector<std::string>{"tessera"}) << role.name;
  }
}

TEST_F(BootstrapTest, PasswordFileIsReadWithoutItsLineEnd) {
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Write("pw", "correct horse battery\r\nsecond line\n");
  ASSERT_TRUE(Boot(options).ok());
  EXPECT_TRUE(Login("admin", "correct horse battery").ok());
}

TEST_F(BootstrapTest, SecondStartChangesNothing) {
  Start();
  BootstrapOptions options = Options();
  options.admin_username = "other";
  options.admin_password_file = folder_.Write("pw", "another password");
  ASSERT_TRUE(Boot(options).ok());
  EXPECT_TRUE(Login("admin").ok());
  EXPECT_EQ(ReasonOf(users_->Get(call_, UserKey(std::string("other"))).status()),
            reason::kUserNotFound);
}

TEST_F(BootstrapTest, SecondStartNeedsNoPasswordFile) {
  Start();
  EXPECT_TRUE(Boot(Options()).ok());
}

TEST_F(BootstrapTest, AdministratorWhoWasDeletedStaysDeleted) {
  Start();
  const storage::User second = AddAdministrator("second");
  ASSERT_TRUE(users_->Delete(call_, second.id, admin_, "").ok());
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Write("pw", kPassword);
  ASSERT_TRUE(Boot(options).ok());
  EXPECT_EQ(ReasonOf(Login("admin").status()), reason::kBadCredentials);
}

TEST_F(BootstrapTest, GeneratedPasswordIsInAFileThatOnlyItsOwnerReads) {
  BootstrapOptions options = Options();
  options.generated_password_file = folder_.Path("admin-password");
  ASSERT_TRUE(Boot(options).ok());
  struct stat file {};
  ASSERT_EQ(stat(options.generated_password_file.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  std::string password = folder_.Read("admin-password");
  ASSERT_EQ(password.back(), '\n');
  password.pop_back();
  EXPECT_EQ(password.size(), 24u);
  EXPECT_TRUE(Login("admin", password).ok());
  EXPECT_THAT(log_.Text(), Not(HasSubstr(password)));
}

TEST_F(BootstrapTest, LinkInThePlaceOfThePasswordFileIsReplacedNotFollowed) {
  const std::string target = folder_.Write("target", "untouched");
  BootstrapOptions options = Options();
  options.generated_password_file = folder_.Path("admin-password");
  ASSERT_EQ(symlink(target.c_str(), options.generated_password_file.c_str()), 0);
  ASSERT_TRUE(Boot(options).ok());
  EXPECT_EQ(folder_.Read("target"), "untouched");
}

TEST_F(BootstrapTest, GeneratedPasswordIsShownOnATerminalAndWrittenNowhere) {
  char* shown = nullptr;
  size_t size = 0;
  std::FILE* const terminal = open_memstream(&shown, &size);
  BootstrapOptions options = Options();
  options.terminal = terminal;
  options.generated_password_file = folder_.Path("admin-password");
  ASSERT_TRUE(Boot(options).ok());
  std::fclose(terminal);
  const std::string text(shown, size);
  free(shown);
  EXPECT_THAT(text, HasSubstr("shown this once: "));
  EXPECT_NE(access(options.generated_password_file.c_str(), F_OK), 0);
}

TEST_F(BootstrapTest, WithNoPlaceForAPasswordNothingIsMade) {
  EXPECT_EQ(Boot(Options()).code(), absl::StatusCode::kFailedPrecondition);
  auto page = roles_->List(call_, 0, "");
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->roles.empty());
}

TEST_F(BootstrapTest, WeakPasswordAndBadNameAreRefusedAndNothingIsMade) {
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Write("pw", "short");
  EXPECT_EQ(FieldOf(Boot(options)), "bootstrap.admin_password_file");
  options.admin_password_file = folder_.Write("pw", kPassword);
  options.admin_username = "not a name";
  EXPECT_EQ(FieldOf(Boot(options)), "bootstrap.admin_username");
  options.admin_username = "admin";
  EXPECT_TRUE(Boot(options).ok());
}

TEST_F(BootstrapTest, PasswordFileThatOthersMayReadIsRefusedAndNothingIsMade) {
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Write("pw", kPassword);
  for (const mode_t mode : {0640u, 0604u, 0620u}) {
    ASSERT_EQ(chmod(options.admin_password_file.c_str(), mode), 0);
    const absl::Status status = Boot(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("0600"));
  }
  ASSERT_EQ(chmod(options.admin_password_file.c_str(), 0400), 0);
  EXPECT_TRUE(Boot(options).ok());
}

TEST_F(BootstrapTest, EmptyPasswordFileIsRefused) {
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Write("pw", "");
  EXPECT_EQ(Boot(options).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(BootstrapTest, GeneratedPasswordThatCannotBeWrittenMakesNobody) {
  BootstrapOptions options = Options();
  options.generated_password_file = folder_.Path("absent/admin-password");
  EXPECT_FALSE(Boot(options).ok());
  EXPECT_EQ(ReasonOf(Login("admin").status()), reason::kBadCredentials);
}

TEST_F(BootstrapTest, MissingPasswordFileIsNamed) {
  BootstrapOptions options = Options();
  options.admin_password_file = folder_.Path("absent");
  const absl::Status status = Boot(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bootstrap.admin_password_file"));
}

}  // namespace
}  // namespace tessera::server
