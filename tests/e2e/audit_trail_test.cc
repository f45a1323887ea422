// The audit trail of real processes, through gRPC and through the command line: on SQLite with one
// server, on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tests/base/temporary_folder.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/servers.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr char kPassword[] = "a password of somebody";

class AuditTrailTest : public Servers {
 protected:
  ~AuditTrailTest() override { servers_.clear(); }  // before the folder of their database
  void Start(std::vector<std::string> environment = {}) {
    if (GetParam() == TestEngine::kSqlite)
      environment.push_back("TESSERA_STORAGE_URL=sqlite:" + Path());
    ASSERT_NO_FATAL_FAILURE(StartServers(environment));
    here().AddUser("auditor", kPassword, {"tessera.audit"});
  }
  std::string Path() const { return folder_.Path("audited.db"); }
  // What somebody does who can write to the database.
  void Sql(const std::string& statement) {
    if (database_ != nullptr) {
      database_->Sql(statement);
    } else {
      RawSqlite(Path()).Run(statement);
    }
  }

  std::vector<v1::AuditEvent> List(const v1::ListAuditEventsRequest& request) {
    v1::ListAuditEventsResponse response;
    const std::string token = here().Login("auditor", kPassword).access_token();
    const grpc::Status status =
        here().Users()->ListAuditEvents(ContextWith({token}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.events().begin(), response.events().end()};
  }
  std::vector<v1::AuditEvent> Of(const std::string& event, const std::string& correlation = "") {
    v1::ListAuditEventsRequest request;
    request.set_event(event);
    request.set_correlation_id(correlation);
    request.set_page_size(1000);
    return List(request);
  }
  // Grants `role` to the user in a call with this id; the id that the answer names.
  std::string Grant(Tesserad& server, const std::string& user, const std::string& call) {
    const auto context = ContextWith({server.LoginAdmin().access_token()});
    if (!call.empty()) context->AddMetadata("x-request-id", call);
    v1::GrantRoleRequest request;
    request.set_role("tessera.introspect");
    request.set_user_id(user);
    v1::GrantRoleResponse response;
    const grpc::Status status = server.Users()->GrantRole(context.get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const auto& trailers = context->GetServerTrailingMetadata();
    const auto named = trailers.find("x-request-id");
    return named == trailers.end() ? "" : std::string(named->second.data(), named->second.size());
  }
  Program::Ran Tessera(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TESSERA_PROGRAM);
    return Program::Run(arguments, {"TESSERACTL_CONFIG_DIR=" + folder_.Path("config")});
  }
  void LogInAuditor() {
    const Program::Ran ran =
        Tessera({"login", "--username", "auditor", "--server", here().address(), "--plaintext",
                 "--password-file", folder_.Write("pw", kPassword, 0600)});
    ASSERT_EQ(ran.code, 0) << ran.output;
  }

  const TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(On, AuditTrailTest, BothEngines(), EngineName);

TEST_P(AuditTrailTest, TellsWhoDidWhatInWhichCall) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string ada = here().AddUser("ada", kPassword);
  EXPECT_EQ(Grant(there(), ada, "ticket-42"), "ticket-42");
  const std::vector<v1::AuditEvent> granted = Of("role.granted", "ticket-42");
  ASSERT_THAT(granted, SizeIs(1));
  EXPECT_EQ(granted[0].target_id(), ada);
  EXPECT_EQ(granted[0].actor_id().substr(0, 4), "usr_");
  EXPECT_EQ(granted[0].source(), "127.0.0.1");
  EXPECT_EQ(granted[0].outcome(), v1::AUDIT_OUTCOME_DONE);
  EXPECT_EQ(granted[0].count(), 1);
  EXPECT_EQ(granted[0].details().at("role"), "tessera.introspect");
  // An id of the caller's that could break a line is none.
  EXPECT_EQ(Grant(here(), ada, "a b").substr(0, 4), "req_");
  EXPECT_THAT(here().program().Output(), Not(HasSubstr("a b")));
}

TEST_P(AuditTrailTest, KeepsRefusalsWithTheirReasons) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string ada = here().AddUser("ada", kPassword);
  v1::LoginRequest wrong;
  wrong.set_username("ada");
  wrong.set_password("not this one");
  v1::LoginResponse response;
  const auto context = ContextWith({});
  context->AddMetadata("x-request-id", "guess-1");
  EXPECT_FALSE(there().Auth()->Login(context.get(), wrong, &response).ok());
  std::vector<v1::AuditEvent> refused;
  ASSERT_TRUE(Within(kSoon, [&] { return !(refused = Of("login.refused", "guess-1")).empty(); }));
  EXPECT_EQ(refused[0].actor_id(), "");  // who guesses has proven nothing
  EXPECT_EQ(refused[0].target_id(), ada);
  EXPECT_EQ(refused[0].reason(), "bad_password");
  EXPECT_EQ(refused[0].outcome(), v1::AUDIT_OUTCOME_REFUSED);
  // The same id stands in the log line.
  EXPECT_THAT(there().program().Output(), HasSubstr("correlation=guess-1"));
  // Not even an administrator reads the trail unasked.
  v1::ListAuditEventsResponse none;
  const grpc::Status status = here().Users()->ListAuditEvents(
      ContextWith({here().LoginAdmin().access_token()}).get(), {}, &none);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_P(AuditTrailTest, TheCommandLineListsAndVerifies) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Grant(here(), here().AddUser("ada", kPassword), "ticket-7");
  ASSERT_NO_FATAL_FAILURE(LogInAuditor());
  const Program::Ran listed = Tessera({"audit", "list", "--event", "role.", "--done"});
  EXPECT_EQ(listed.code, 0) << listed.output;
  EXPECT_THAT(listed.output, AllOf(HasSubstr("role.granted"), HasSubstr("role=tessera.introspect"),
                                   Not(HasSubstr("user.created"))));
  const Program::Ran one = Tessera({"audit", "list", "--correlation-id", "ticket-7", "--json"});
  ASSERT_EQ(one.code, 0) << one.output;
  const auto json = nlohmann::json::parse(one.output);
  ASSERT_EQ(json["events"].size(), 1u);
  EXPECT_EQ(json["events"][0]["event"], "role.granted");
  EXPECT_EQ(Tessera({"audit", "list", "--since", "yesterday"}).code, 2);

  const Program::Ran good = Tessera({"audit", "verify"});
  EXPECT_EQ(good.code, 0) << good.output;
  EXPECT_THAT(good.output, HasSubstr("Faults: 0."));
  Sql("UPDATE audit_events SET actor = 'usr_nobody' WHERE correlation = 'ticket-7'");
  const Program::Ran bad = Tessera({"audit", "verify"});
  EXPECT_EQ(bad.code, 1) << bad.output;
  EXPECT_THAT(bad.output, AllOf(HasSubstr("Faults: 1."), HasSubstr("AUDIT_FAULT")));
}

// `kill -9`: no administrative event, and of the decisions no more than the last moments.
TEST_P(AuditTrailTest, SurvivesTheDeathOfItsServer) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string ada = here().AddUser("ada", kPassword);
  ASSERT_TRUE(Within(kSoon, [&] { return !Of("login.admitted").empty(); }));
  Grant(here(), ada, "last-words");
  here().KillHard();
  ASSERT_NO_FATAL_FAILURE(here().Start());
  EXPECT_THAT(Of("role.granted", "last-words"), SizeIs(1));
  ASSERT_NO_FATAL_FAILURE(LogInAuditor());
  const Program::Ran good = Tessera({"audit", "verify"});
  EXPECT_EQ(good.code, 0) << good.output;
}

// The audit key outlives rotation, and a new life of the store.
TEST_P(AuditTrailTest, HoldsOverRotationAndARestoredStore) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string admin = here().LoginAdmin().access_token();
  v1::RotateSigningKeyResponse rotated;
  ASSERT_TRUE(here().Auth()->RotateSigningKey(ContextWith({admin}).get(), {}, &rotated).ok());
  v1::MarkStoreRestoredResponse restored;
  ASSERT_TRUE(here().Auth()->MarkStoreRestored(ContextWith({admin}).get(), {}, &restored).ok());
  EXPECT_THAT(Of("keys.rotated"), SizeIs(1));
  const std::vector<v1::AuditEvent> asked = Of("keys.restoration_asked");
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].actor_id().substr(0, 4), "usr_");
  ASSERT_NO_FATAL_FAILURE(LogInAuditor());
  const Program::Ran good = Tessera({"audit", "verify"});
  EXPECT_EQ(good.code, 0) << good.output;
}

TEST_P(AuditTrailTest, LogLinesAreJsonWhereThatIsAskedFor) {
  ASSERT_NO_FATAL_FAILURE(Start());
  std::vector<std::string> command = here().command();
  command.emplace_back("--migrate");
  std::vector<std::string> environment = here().environment();
  environment.emplace_back("TESSERA_LOG_FORMAT=json");
  here().Stop();
  const auto program = Program::Start(command, environment);
  ASSERT_EQ(program->Wait(kPatience), 0) << program->Output();
  std::vector<std::string> events;
  for (const auto line : absl::StrSplit(program->Output(), '\n', absl::SkipEmpty())) {
    const auto json = nlohmann::json::parse(std::string(line.data(), line.size()));
    events.push_back(json["event"]);
  }
  EXPECT_THAT(events, Contains("migrate.done"));
}

}  // namespace
}  // namespace tessera::testing
