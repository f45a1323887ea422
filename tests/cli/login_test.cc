// `login` and `logout` against a server: what they print, what they store, how they end.
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/caller/test_certificate.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kPassword;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Speaks gRPC, and serves nothing.
class OtherServer {
 public:
  explicit OtherServer(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    // Without a queue nobody would answer.
    builder.RegisterCallbackGenericService(&nothing_);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  const std::string& address() const { return address_; }

 private:
  grpc::CallbackGenericService nothing_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

class LoginTest : public CliTest {};

TEST_F(LoginTest, LaterCommandsNeedNoFlags) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("username         alice\n"), HasSubstr("tessera.admin")));
}

TEST_F(LoginTest, AsksForTheScopesGivenAndElseForNone) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_scopes(), "");
  ASSERT_EQ(Login({"--scope", "orders.read", "--scope=orders.write"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_scopes(), "orders.read orders.write");
}

TEST_F(LoginTest, AsksForTheClaimsGivenAndElseForNone) {
  using Claims = std::map<std::string, std::string>;
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.last_claims(), Claims());
  ASSERT_EQ(Login({"--claim", "tenant=north", "--claim=note=a=b"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_claims(), (Claims{{"tenant", "north"}, {"note", "a=b"}}));
}

TEST_F(LoginTest, AClaimThatIsNoneIsAMistakeAndAsksForNoPassword) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--claim", "tenant"},
        {"--claim", "=north"},
        {"--claim", "tenant=north", "--claim", "tenant=south"}}) {
    EXPECT_EQ(Login(more).code, ExitCode::kUsage);
  }
  EXPECT_FALSE((*Credentials().Load("")).has_value());
}

TEST_F(LoginTest, PrintsNoToken) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
    const Ran ran = Login(more);
    const auto grant = Credentials().Load("");
    const std::string access((*grant)->access_token.Reveal());
    EXPECT_THAT(ran.out + ran.err,
                AllOf(Not(HasSubstr(access)), Not(HasSubstr("tsr_")), Not(HasSubstr(kPassword))));
  }
}

TEST_F(LoginTest, JsonTellsTheSession) {
  const Ran ran = Login({"--json"});
  const auto shown = nlohmann::json::parse(ran.out);
  EXPECT_EQ(shown.at("username"), "alice");
  EXPECT_EQ(shown.at("audience"), "tessera");
  EXPECT_EQ(shown.at("server"), server_.address());
  EXPECT_EQ(shown.at("access_expires_at"), "2030-03-17T18:01:40Z");
}

TEST_F(LoginTest, AWrongPasswordIsNotAuthenticatedAndStoresNothing) {
  password_file_ = home_.Write("wrong", "wrong");
  const Ran ran = Login();
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(ran.err, "tessera: BAD_CREDENTIALS: user name or password is wrong\n");
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(LoginTest, ThePasswordCanComeFromStandardInput) {
  const Ran ran = Run({"login", "-u", "alice", "--server", server_.address(), "--plaintext",
                       "--password-file", "-"},
                      std::string(kPassword) + "\n");
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
}

TEST_F(LoginTest, APasswordOnTheCommandLineIsRefusedAndNotRepeated) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"login", "--password", "hunter2"},
        {"login", "--password=hunter2"},
        {"login", "hunter2"},
        {"login", "-phunter2"},
        {"login", "--passwort=hunter2"},
        {"user", "create", "bob", "--password", "hunter2"},
        {"user", "passwd", "--password", "hunter2"},
        {"user", "create", "bob", "hunter2"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    EXPECT_THAT(ran.err, Not(HasSubstr("hunter2")));
  }
}

TEST_F(LoginTest, WithoutATerminalItSaysWhereThePasswordCanComeFrom) {
  const Ran ran = Run({"login", "-u", "alice", "--server", server_.address(), "--plaintext"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("--password-file"));
}

TEST_F(LoginTest, APasswordIsNotSentInTheClearToAnotherMachine) {
  const Ran ran = Run({"login", "-u", "alice", "--server", "192.0.2.1:7443", "--plaintext",
                       "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, StartsWith("tessera: PLAINTEXT_REFUSED: "));
}

TEST_F(LoginTest, TheLoudFlagWarnsEachTime) {
  const Ran ran = Run({"token", "validate", "-", "--server", "192.0.2.1:7443", "--plaintext",
                       "--plaintext-off-loopback", "--timeout", "1ms"},
                      "token");
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, StartsWith("tessera: warning: PLAINTEXT"));
}

TEST_F(LoginTest, LoggingInAgainEndsTheSessionBefore) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 1);
}

TEST_F(LoginTest, AudiencesHaveSessionsOfTheirOwn) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  const Ran refused = Run({"user", "list"});
  EXPECT_EQ(refused.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(refused.err, "tessera: NOT_LOGGED_IN: not logged in at " + server_.address() +
                             " for tessera itself (only for: orders); run `tessera login`\n");
  const Ran shown = Run({"whoami", "--audience", "orders"});
  EXPECT_EQ(shown.code, ExitCode::kOk);
  EXPECT_THAT(shown.out, HasSubstr("audience    orders\n"));
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"user", "list"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 2);
}

TEST_F(LoginTest, AnUnreachableServerIsUnavailable) {
  const Ran ran = Run({"login", "-u", "alice", "--server", "127.0.0.1:1", "--plaintext",
                       "--password-file", password_file_, "--json"});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  const auto error = nlohmann::json::parse(ran.err).at("error");
  EXPECT_EQ(error.at("code"), "UNAVAILABLE");
  EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("127.0.0.1:1"));
}

TEST_F(LoginTest, TlsToAPlaintextPortIsUnavailableWithAHint) {
  const Ran ran = Run(
      {"login", "-u", "alice", "--server", server_.address(), "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, HasSubstr("does the server speak TLS"));
}

TEST_F(LoginTest, PlaintextToATlsPortIsUnavailableWithAHint) {
  const auto own = tessera::testing::TestCertificate::Make();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({own.key, own.certificate});
  const OtherServer tls(grpc::SslServerCredentials(options));
  const Ran ran = Run({"login", "-u", "alice", "--server", tls.address(), "--plaintext",
                       "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, HasSubstr("(does the server speak TLS? then without --plaintext)"));
}

TEST_F(LoginTest, AServerThatIsNoTesseradIsToldFromOne) {
  const OtherServer other(grpc::InsecureServerCredentials());
  const Ran ran = Run({"login", "-u", "alice", "--server", other.address(), "--plaintext",
                       "--password-file", password_file_});
  EXPECT_EQ(ran.code, ExitCode::kInternal);
  EXPECT_THAT(ran.err, StartsWith("tessera: UNIMPLEMENTED: " + other.address() +
                                  " does not serve tessera's API: is it tesserad?"));
}

TEST_F(LoginTest, NoSessionIsOpenedWhileAnotherCommandHoldsTheCredentials) {
  const auto held = Credentials().Hold("", absl::Seconds(5));
  ASSERT_TRUE(held.ok());
  const Ran ran = Login({"--timeout", "10ms"});
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, StartsWith("tessera: BUSY: "));
  EXPECT_EQ(server_.counts().logins, 0);
}

TEST_F(LoginTest, ASessionThatCannotBeStoredIsEnded) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const std::string in_the_way = home_.Path("config/credentials/default/.self.json.new");
  std::filesystem::create_directory(in_the_way);
  const Ran ran = Login();
  EXPECT_EQ(ran.code, ExitCode::kInternal);
  EXPECT_THAT(ran.err, StartsWith("tessera: FILE_FAILED: "));
  EXPECT_EQ(server_.counts().logins, 2);
  EXPECT_EQ(server_.counts().sessions_open, 1);
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk) << "the session before goes on";
}

TEST_F(LoginTest, AnUnknownContextIsUsageForAllButLoginAndContextSet) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  for (const std::vector<std::string>& command : {std::vector<std::string>{"whoami"},
                                                  {"logout", "--all"},
                                                  {"token", "print"},
                                                  {"user", "list"},
                                                  {"role", "list"},
                                                  {"context", "list"},
                                                  {"context", "use", "default"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--context", "prdo"});
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, ExitCode::kUsage) << command.front();
    EXPECT_EQ(ran.err, "tessera: CONTEXT_NOT_FOUND: no context prdo; see `tessera context list`\n");
  }
  environment_["TESSERACTL_CONTEXT"] = "prdo";
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kUsage) << "by the variable, too";
  environment_.clear();
  environment_["TESSERACTL_CONFIG_DIR"] = home_.Path("config");
  EXPECT_EQ(Run({"context", "set", "--context", "a", "--server", "a:1"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"context", "set", "b", "--server", "b:1"}).code, ExitCode::kOk);
  EXPECT_EQ(Login({"--context", "c"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"whoami", "--context", "c"}).code, ExitCode::kOk);
}

TEST_F(LoginTest, TheDefaultContextIsKnownBeforeItIsStored) {
  EXPECT_EQ(Run({"whoami", "--context", "default"}).code, ExitCode::kUnauthenticated);
  EXPECT_EQ(Run({"context", "list", "--context", "default"}).code, ExitCode::kOk);
}

class LogoutTest : public CliTest {};

TEST_F(LogoutTest, EndsTheSessionAndForgetsIt) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"logout"}).out, "Logged out.\n");
  EXPECT_EQ(server_.counts().sessions_open, 0);
  EXPECT_FALSE(Credentials().Load("")->has_value());
  const Ran again = Run({"logout"});
  EXPECT_EQ(again.code, ExitCode::kOk);
  EXPECT_EQ(again.out, "Not logged in.\n");
}

TEST_F(LogoutTest, AllMeansEveryAudience) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  const Ran ran = Run({"logout", "--all", "--json"});
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("sessions"), 2);
  EXPECT_EQ(server_.counts().sessions_open, 0);
}

TEST_F(LogoutTest, LocalForgetsWithoutTheServer) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"logout", "--local"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.counts().sessions_open, 1);
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(LogoutTest, AllEndsWhatItCanAndTellsWhatItCannot) {
  for (const char* audience : {"orders", "billing", "stock"}) {
    ASSERT_EQ(Login({"--audience", audience}).code, ExitCode::kOk);
  }
  ASSERT_EQ(Login().code, ExitCode::kOk);
  home_.Write("config/credentials/default/audience-billing.json", "damaged");
  home_.Write("config/credentials/default/audience-orders.json", "damaged");
  const Ran ran = Run({"logout", "--all"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  const std::string folder = home_.Path("config/credentials/default/");
  EXPECT_THAT(ran.err, AllOf(HasSubstr(": CONFIG_INVALID: " + folder + "audience-billing.json: "),
                             HasSubstr("warning: CONFIG_INVALID: " + folder + "audience-orders.js"),
                             HasSubstr("--local")));
  EXPECT_EQ(server_.counts().sessions_open, 2);
  EXPECT_THAT(*Credentials().Files(), ElementsAre("audience-billing.json", "audience-orders.json"));
}

TEST_F(LogoutTest, ADamagedFileIsNamedByItsPathAndWhatForgetsIt) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  home_.Write("config/credentials/default/self.json", "damaged");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"whoami"}, {"token", "inspect"}, {"logout"}}) {
    const Ran ran = Run(command);
    EXPECT_EQ(ran.code, ExitCode::kUsage);
    EXPECT_EQ(ran.err,
              "tessera: CONFIG_INVALID: " + home_.Path("config/credentials/default/self.json") +
                  ": not a JSON object (`tessera logout --local` forgets it)\n");
  }
}

TEST_F(LogoutTest, LocalForgetsADamagedFileUnread) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  ASSERT_EQ(Login({"--audience", "stock"}).code, ExitCode::kOk);
  home_.Write("config/credentials/default/self.json", "damaged");
  home_.Write("config/credentials/default/audience-orders.json", "{}", 0644);
  EXPECT_EQ(Run({"logout", "--local"}).out, "Logged out.\n");
  EXPECT_THAT(*Credentials().Files(), ElementsAre("audience-orders.json", "audience-stock.json"));
  EXPECT_EQ(Run({"logout", "--local", "--all"}).code, ExitCode::kOk);
  EXPECT_THAT(*Credentials().Files(), ElementsAre());
  EXPECT_EQ(server_.counts().sessions_open, 3);
}

}  // namespace
}  // namespace tessera::cli
