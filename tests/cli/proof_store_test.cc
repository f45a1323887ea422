#include "tessera/cli/proof_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tests/base/temporary_folder.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(10);

class ProofStoreTest : public ::testing::Test {
 protected:
  std::string FindFor(const ProofOwner& owner) const {
    return std::string(store_.FindFor(owner).Reveal());
  }
  void Keep(const ProofOwner& owner, const std::string& proof) {
    const absl::Status kept = store_.Keep(owner, Secret::CopyOf(proof), kPatience);
    EXPECT_TRUE(kept.ok()) << kept;
  }
  std::string File() const { return home_.Path("config/credentials/work/proofs"); }

  const tessera::testing::TemporaryFolder home_;
  const ProofStore store_{home_.Path("config"), "work"};
  const ProofOwner ada_{"auth.example.com:443", "ada"};
};

TEST_F(ProofStoreTest, ThereIsNoneAtFirst) { EXPECT_EQ(FindFor(ada_), ""); }

TEST_F(ProofStoreTest, TheLatestIsKeptForEachUserOfEachServer) {
  Keep(ada_, "tsd_1");
  Keep({ada_.server, "grace"}, "tsd_2");
  Keep({"other.example.com:443", "ada"}, "tsd_3");
  Keep(ada_, "tsd_4");
  EXPECT_EQ(FindFor(ada_), "tsd_4");
  EXPECT_EQ(FindFor({ada_.server, "grace"}), "tsd_2");
  EXPECT_EQ(FindFor({"other.example.com:443", "ada"}), "tsd_3");
  EXPECT_EQ(FindFor({"other.example.com:443", "grace"}), "");
}

TEST_F(ProofStoreTest, NobodyElseCanReadTheFile) {
  Keep(ada_, "tsd_1");
  EXPECT_EQ(tessera::testing::ModeOf(File()), 0600u);
  ASSERT_EQ(::chmod(File().c_str(), 0644), 0);
  EXPECT_EQ(FindFor(ada_), "") << "somebody else may have written it";
}

TEST_F(ProofStoreTest, TheOldestGoesWhenThereAreTooMany) {
  for (size_t i = 0; i <= ProofStore::kMaxProofs; ++i) {
    Keep({"server", absl::StrCat("user", i)}, absl::StrCat("tsd_", i));
  }
  EXPECT_EQ(FindFor({"server", "user0"}), "");
  EXPECT_EQ(FindFor({"server", "user1"}), "tsd_1");
  EXPECT_EQ(FindFor({"server", absl::StrCat("user", ProofStore::kMaxProofs)}),
            absl::StrCat("tsd_", ProofStore::kMaxProofs));
}

TEST_F(ProofStoreTest, ADamagedFileIsAsNoneAndIsReplaced) {
  Keep(ada_, "tsd_1");
  for (const char* damaged : {"", "{", "{\"version\": 2}", "{\"version\": 1, \"proofs\": 7}",
                              "{\"version\": 1, \"proofs\": [7, {\"server\": 1}]}"}) {
    home_.Write("config/credentials/work/proofs", damaged, 0600);
    EXPECT_EQ(FindFor(ada_), "") << damaged;
    Keep(ada_, "tsd_2");
    EXPECT_EQ(FindFor(ada_), "tsd_2") << damaged;
  }
}

class LoginProofTest : public tessera::testing::CliTest {};

TEST_F(LoginProofTest, ALoginShowsWhatTheOneBeforeItGaveAlsoBehindALogout) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_proof(), "");
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_proof(), "tsd_1");
  ASSERT_EQ(Run({"logout"}).code, ExitCode::kOk);
  ASSERT_EQ(Login({"--no-device"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_proof(), "tsd_2");
}

// With another password or factor the proofs so far are void.
TEST_F(LoginProofTest, ALoginShowsWhatAnotherPasswordOrFactorGave) {
  const std::string password = password_file_, code = home_.Write("code", "123456\n", 0600);
  const std::vector<std::string> change = {
      "password", "change", "--password-file", password, "--new-password-file", password};
  for (const auto& [command, proof] :
       {std::pair(change, "tsd_changed"),
        {{"totp", "confirm", "--code-file", code}, "tsd_confirmed"},
        {{"totp", "disable", "--code-file", code}, "tsd_disabled"}}) {
    for (const bool json : {false, true}) {
      std::vector<std::string> arguments = command;
      if (json) arguments.emplace_back("--json");
      ASSERT_EQ(Login().code, ExitCode::kOk);
      const tessera::testing::Ran ran = Run(arguments);
      EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
      EXPECT_THAT(ran.out + ran.err, Not(::testing::HasSubstr("tsd_")));
      EXPECT_THAT(ran.out, Not(::testing::HasSubstr("device_proof")));
      ASSERT_EQ(Login().code, ExitCode::kOk);
      EXPECT_EQ(server_.last_device_proof(), proof);
    }
  }
}

TEST_F(LoginProofTest, PrintsNoProof) {
  for (int i = 0; i < 2; ++i) {
    const tessera::testing::Ran ran = Login({"--json"});
    EXPECT_THAT(ran.out + ran.err, Not(::testing::HasSubstr("tsd_")));
  }
}

}  // namespace
}  // namespace tessera::cli
