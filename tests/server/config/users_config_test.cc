#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UsersConfigTest : public ::testing::Test {
 protected:
  absl::StatusOr<Config> Load(const std::string& lines) const {
    const std::string text =
        "[server]\nplaintext = true\n[keys]\nmaster_key_file = \"/m\"\n[tokens]\nissuer = "
        "\"me\"\n" +
        lines + "\n";
    return LoadConfig(folder_.Write("tessera.toml", text), {});
  }
  // What is wrong with the least configuration and these lines.
  std::string ErrorOf(const std::string& lines) const {
    const absl::StatusOr<Config> config = Load(lines);
    return config.ok() ? "accepted" : std::string(config.status().message());
  }

  testing::TemporaryFolder folder_;
};

TEST_F(UsersConfigTest, NobodyMayRegisterAndNobodyGetsARoleUnlessItSaysSo) {
  const auto config = Load("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->registration.enabled);
  EXPECT_THAT(config->users.initial_roles, IsEmpty());
  EXPECT_THAT(config->users.admin_roles, IsEmpty());
}

TEST_F(UsersConfigTest, RolesAreNamedAndRegistrationIsAllowed) {
  const auto config = Load(
      "[users]\ninitial_roles = [\"member\"]\nadmin_roles = [\"orders.admin\"]\n"
      "[registration]\nenabled = true");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->registration.enabled);
  EXPECT_THAT(config->users.initial_roles, ElementsAre("member"));
  EXPECT_THAT(config->users.admin_roles, ElementsAre("orders.admin"));
}

TEST_F(UsersConfigTest, AReservedRoleForEverybodyIsRefused) {
  for (const char* role : {"tessera.admin", "tessera.guard", "tessera.whatever"}) {
    EXPECT_THAT(ErrorOf(std::string("[users]\ninitial_roles = [\"") + role + "\"]"),
                AllOf(HasSubstr("users.initial_roles"), HasSubstr("tessera.")))
        << role;
  }
}

TEST_F(UsersConfigTest, ARoleThatMakesAnAdministratorIsNobodysInitialRole) {
  EXPECT_THAT(ErrorOf("[users]\ninitial_roles = [\"boss\"]\nadmin_roles = [\"boss\"]"),
              HasSubstr("users.initial_roles"));
}

TEST_F(UsersConfigTest, NamesAreThoseThatRolesCanHave) {
  for (const char* bad : {"", "Member", "a b", "rôle"}) {
    EXPECT_THAT(ErrorOf(std::string("[users]\ninitial_roles = [\"") + bad + "\"]"),
                HasSubstr("users.initial_roles"))
        << bad;
    EXPECT_THAT(ErrorOf(std::string("[users]\nadmin_roles = [\"") + bad + "\"]"),
                HasSubstr("users.admin_roles"))
        << bad;
  }
}

TEST_F(UsersConfigTest, TheAdministratorsNameIsAUserName) {
  EXPECT_EQ(ErrorOf("[bootstrap]\nadmin_username = \"r\u00e5nja\""), "accepted");
  for (const char* bad : {"", "a b", "a\u202eb"}) {
    EXPECT_THAT(ErrorOf(std::string("[bootstrap]\nadmin_username = \"") + bad + "\""),
                HasSubstr("bootstrap.admin_username"))
        << bad;
  }
}

}  // namespace
}  // namespace tessera::server
