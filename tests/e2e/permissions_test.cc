// Who may call what, on a real server: every method of every service that reflection lists, with
// every kind of caller, held against permissions.txt.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "tessera/caller/reason.h"
#include "tests/base/temporary_folder.h"
#include "tests/e2e/authenticator.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {
namespace {

using ::testing::Contains;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// ServerReflectionRequest with `list_services` (field 7) empty.
constexpr std::string_view kListServices("\x3a\x00", 2);
constexpr absl::Duration kCallLimit = absl::Seconds(60);
constexpr absl::Duration kCodePeriod = absl::Seconds(30);  // a code is good once

const std::vector<std::string>& Callers() {
  static const auto& callers =
      *new std::vector<std::string>{"none", "owner", "other", "service", "reader", "administrator"};
  return callers;
}

// A line of permissions.txt.
struct Row {
  std::string method;
  std::vector<std::string> told;  // one for each of Callers()
  std::string request;            // in protobuf's text format
};

std::vector<Row> ReadTable() {
  std::vector<Row> rows;
  const std::string text = ReadFile(PERMISSIONS_TABLE);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> cells = absl::StrSplit(line, absl::MaxSplits('|', 7));
    for (std::string& cell : cells) cell = std::string(absl::StripAsciiWhitespace(cell));
    EXPECT_EQ(cells.size(), 8u) << line;
    if (cells.size() != 8) continue;
    rows.push_back({cells[0], {cells.begin() + 1, cells.end() - 1}, cells[7]});
  }
  return rows;
}

std::string ToBytes(const std::string& method, const std::string& request) {
  if (method == kReflection) return std::string(kListServices);
  const std::vector<std::string> parts = absl::StrSplit(method.substr(1), '/');
  const auto* const service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(parts[0]);
  const auto* const described = service == nullptr ? nullptr : service->FindMethodByName(parts[1]);
  if (described == nullptr) return "";
  const std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(described->input_type())
          ->New());
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(request, message.get())) << request;
  return message->SerializeAsString();
}

// One call, unary or not: what is sent, and what came first.
struct Outcome {
  bool answered = false;
  std::string bytes;
  grpc::Status status;
};

Outcome Call(const Tesserad& server, const std::string& method, const std::string& token,
             const std::string& request) {
  Outcome outcome;
  const auto context =
      ContextWith(token.empty() ? std::vector<std::string>() : std::vector<std::string>{token});
  context->set_deadline(absl::ToChronoTime(absl::Now() + kCallLimit));
  grpc::CompletionQueue queue;
  const auto await = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream =
      grpc::GenericStub(server.NewChannel()).PrepareCall(context.get(), method, &queue);
  stream->StartCall(&outcome);
  await();
  const grpc::Slice slice(request);
  stream->Write(grpc::ByteBuffer(&slice, 1), &outcome);
  await();
  grpc::ByteBuffer answer;
  stream->Read(&answer, &outcome);
  outcome.answered = await();
  if (outcome.answered) {
    grpc::Slice whole;
    if (answer.DumpToSingleSlice(&whole).ok()) {
      outcome.bytes.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
    context->TryCancel();  // of a stream nobody waits for more
  }
  stream->Finish(&outcome.status, &outcome);
  await();
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
  return outcome;
}

// `OK`, or the reason; the code where there is none.
std::string WordFor(const Outcome& outcome) {
  if (outcome.answered) return "OK";
  const std::string reason = ReasonOf(outcome.status);
  return reason.empty() ? absl::StrCat("code ", outcome.status.error_code()) : reason;
}

using google::protobuf::UnknownFieldSet;

// The texts or messages of one field.
std::vector<std::string> Texts(const std::string& bytes, int number) {
  UnknownFieldSet fields;
  EXPECT_TRUE(fields.ParseFromString(bytes));
  std::vector<std::string> texts;
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto& field = fields.field(i);
    if (field.number() == number) texts.push_back(field.length_delimited());
  }
  return texts;
}

// The services that the server says it has: ServerReflectionResponse.list_services_response (6)
// .service (1) .name (1).
std::vector<std::string> ServicesOf(const Tesserad& server, const std::string& token) {
  std::vector<std::string> names;
  const Outcome outcome = Call(server, kReflection, token, std::string(kListServices));
  for (const std::string& list : Texts(outcome.bytes, 6)) {
    for (const std::string& service : Texts(list, 1)) {
      for (const std::string& name : Texts(service, 1)) names.push_back(name);
    }
  }
  return names;
}

std::set<std::string> MethodsOf(const std::vector<std::string>& services) {
  std::set<std::string> methods;
  for (const std::string& name : services) {
    const auto* const service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr) {
      EXPECT_EQ(absl::StrCat("/", name, "/ServerReflectionInfo"), kReflection);
      methods.insert(kReflection);
      continue;
    }
    for (int i = 0; i < service->method_count(); ++i) {
      methods.insert(absl::StrCat("/", name, "/", service->method(i)->name()));
    }
  }
  return methods;
}

class Permissions : public ::testing::TestWithParam<TestEngine> {
 protected:
  void SetUp() override {
    grpc::health::v1::HealthCheckRequest().descriptor();  // linked in
    envoy::service::auth::v3::CheckRequest().descriptor();
    if (GetParam() == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    options.environment = {"TESSERA_SERVER_REFLECTION=authenticated",
                           "TESSERA_REGISTRATION_ENABLED=true", "TESSERA_MESH_ENABLED=true",
                           "TESSERA_MESH_UNCUT_STREAMS=true",
                           "TESSERA_MESH_DESCRIPTOR_SETS=orders=" ORDERS_DESCRIPTORS};
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    server_->AddUser("other", "others password");
    service_ = server_->AddService({"plain", {}, {"tessera"}}).secret;
    const Tesserad::Service reader = server_->AddService(
        {"reader",
         {"tessera.guard", "tessera.introspect", "tessera.audit", "tessera.mesh"},
         {"tessera", "billing"}});
    LetServeOrders(reader.id);
    reader_ = reader.secret;
  }
  void LetServeOrders(const std::string& id) {
    v1::UpdateServiceAccountRequest request;
    request.mutable_service_account()->set_id(id);
    request.mutable_service_account()->add_served_audiences("orders");
    request.mutable_update_mask()->add_paths("served_audiences");
    v1::UpdateServiceAccountResponse response;
    Expect(server_->Users()->UpdateServiceAccount(AsAdmin().get(), request, &response));
  }
  static void Expect(const grpc::Status& status) {
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  std::unique_ptr<grpc::ClientContext> AsAdmin() {
    return ContextWith({server_->LoginAdmin().access_token()});
  }

  std::string TokenOf(const std::string& caller) {
    if (caller == "none") return "";
    if (caller == "owner") return strong_ ? LoginStrongly() : LoginOwner().access_token();
    if (caller == "other") return server_->Login("other", "others password").access_token();
    if (caller == "administrator") return server_->LoginAdmin().access_token();
    v1::IssueTokenRequest request;
    request.set_secret(caller == "reader" ? reader_ : service_);
    v1::IssueTokenResponse response;
    EXPECT_TRUE(server_->Auth()->IssueToken(ContextWith({}).get(), request, &response).ok());
    return response.access_token();
  }

  v1::TokenGrant LoginOwner() { return server_->Login(name_, password_); }

  // The owner's second factor.
  void AddFactor(const std::string& token, bool confirmed) {
    v1::EnrollTotpRequest enroll;
    enroll.set_password(password_);
    v1::EnrollTotpResponse enrolled;
    Expect(server_->Users()->EnrollTotp(ContextWith({token}).get(), enroll, &enrolled));
    totp_secret_ = enrolled.secret();
    if (!confirmed) return;
    v1::ConfirmTotpRequest confirm;
    confirm.set_totp_code(NextCode());
    v1::ConfirmTotpResponse response;
    Expect(server_->Users()->ConfirmTotp(ContextWith({token}).get(), confirm, &response));
    strong_ = true;
  }
  std::string NextCode() {
    server_->clock().Advance(kCodePeriod);
    return AuthenticatorCode(totp_secret_, server_->clock().Now());
  }
  std::string NewChallenge() {
    v1::LoginRequest request;
    request.set_username(name_);
    request.set_password(password_);
    v1::LoginResponse response;
    Expect(server_->Auth()->Login(ContextWith({}).get(), request, &response));
    EXPECT_TRUE(response.has_challenge());
    return response.challenge().challenge_token();
  }
  std::string LoginStrongly() {
    v1::CompleteLoginRequest request;
    request.set_challenge_token(NewChallenge());
    request.set_totp_code(NextCode());
    v1::CompleteLoginResponse response;
    Expect(server_->Auth()->CompleteLogin(ContextWith({}).get(), request, &response));
    return response.grant().access_token();
  }
  std::string NewReset(const std::string& user) {
    v1::ResetPasswordRequest request;
    request.set_user_id(user);
    v1::ResetPasswordResponse response;
    Expect(server_->Users()->ResetPassword(AsAdmin().get(), request, &response));
    return response.reset_token();
  }
  // Of the oldest key that is listed as one that signs.
  std::string SigningKid() {
    v1::ListSigningKeysResponse response;
    Expect(server_->Auth()->ListSigningKeys(AsAdmin().get(), {}, &response));
    for (const v1::SigningKeyInfo& key : response.keys()) {
      if (key.purpose() == v1::KEY_PURPOSE_SIGN) return key.kid();
    }
    return "";
  }

  using Named = std::map<std::string, std::string>;
  // Another owner, and whatever else `request` names.
  Named MakeWhatIsNamed(const std::string& request) {
    name_ = absl::StrCat("owner", ++count_);
    password_ = absl::StrCat("a password of ", name_);
    strong_ = false;
    Named named = {{"$name", name_}, {"$password", password_}};
    named["$user"] = named["$strong"] = server_->AddUser(name_, password_);
    const v1::TokenGrant session = LoginOwner();
    named["$session"] = session.session_id();
    named["$access"] = session.access_token();
    named["$refresh"] = session.refresh_token();
    const auto names = [&](const char* what) { return request.find(what) != std::string::npos; };
    if (names("$orders"))
      named["$orders"] = server_->Login(name_, password_, "orders").access_token();
    if (names("$role")) server_->AddRole(named["$role"] = absl::StrCat("role", count_), {});
    if (names("$group")) AddGroup(named["$group"] = absl::StrCat("group", count_));
    if (names("$service") || names("$secret")) {
      const Tesserad::Service made =
          server_->AddService({absl::StrCat("service", count_), {}, {"tessera"}});
      named["$service"] = made.id;
      named["$secret"] = made.secret;
    }
    if (names("$kid")) named["$kid"] = SigningKid();
    if (names("$first_code")) AddFactor(session.access_token(), /*confirmed=*/false);
    if (names("$code") || names("$strong")) AddFactor(session.access_token(), /*confirmed=*/true);
    return named;
  }
  // What is made for each call.
  void NameAnew(const std::string& request, Named& named) {
    const auto names = [&](const char* what) { return request.find(what) != std::string::npos; };
    named["$fresh"] = absl::StrCat("fresh", ++count_);
    if (names("$reset")) named["$reset"] = NewReset(named["$user"]);
    if (names("$challenge")) named["$challenge"] = NewChallenge();
    if (names("$code")) named["$code"] = NextCode();
    if (names("$first_code")) named["$first_code"] = NextCode();
  }
  void AddGroup(const std::string& name) {
    v1::CreateGroupRequest request;
    request.mutable_group()->set_name(name);
    v1::CreateGroupResponse response;
    Expect(server_->Users()->CreateGroup(AsAdmin().get(), request, &response));
  }

  // What each kind of caller is told, in the order of Callers(), the owner's and the
  // administrator's calls last: they change what the others were not allowed to.
  std::vector<std::string> Ask(const Row& row) {
    Named named = MakeWhatIsNamed(row.request);
    std::vector<std::string> told(Callers().size());
    for (const size_t i : std::initializer_list<size_t>{0, 2, 3, 4, 1, 5}) {
      const std::string token = TokenOf(Callers()[i]);
      NameAnew(row.request, named);
      const std::string request = absl::StrReplaceAll(row.request, named);
      const Outcome outcome = Call(*server_, row.method, token, ToBytes(row.method, request));
      told[i] = WordFor(outcome);
      ExpectCodeFits(told[i], outcome.status);
    }
    return told;
  }
  static void ExpectCodeFits(const std::string& reason, const grpc::Status& status) {
    static const auto& codes = *new std::map<std::string, grpc::StatusCode>{
        {"TOKEN_MISSING", grpc::StatusCode::UNAUTHENTICATED},
        {"ROLE_REQUIRED", grpc::StatusCode::PERMISSION_DENIED},
        {"CALLER_KIND", grpc::StatusCode::PERMISSION_DENIED},
        {"NOT_ALLOWED", grpc::StatusCode::PERMISSION_DENIED},
        {"STEP_UP_REQUIRED", grpc::StatusCode::PERMISSION_DENIED}};
    const auto code = codes.find(reason);
    if (code == codes.end()) return;
    EXPECT_EQ(status.error_code(), code->second) << reason;
  }

  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> server_;
  std::string service_, reader_;  // secrets
  std::string name_, password_;   // the owner's
  std::string totp_secret_;       // likewise
  bool strong_ = false;           // the owner logs in with it
  int count_ = 0;
};

INSTANTIATE_TEST_SUITE_P(On, Permissions,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

// A method that is new and not in the table fails here.
TEST_P(Permissions, TheTableListsEveryMethodThatTheServerHasOnce) {
  const std::vector<Row> rows = ReadTable();
  std::set<std::string> listed;
  for (const Row& row : rows) listed.insert(row.method);
  EXPECT_EQ(listed.size(), rows.size()) << "a method is listed twice";
  EXPECT_EQ(listed, MethodsOf(ServicesOf(*server_, TokenOf("administrator"))));
}

TEST(PermissionsTable, SaysOfEveryMethodThatItIsDoneForSomebody) {
  for (const Row& row : ReadTable()) EXPECT_THAT(row.told, Contains("OK")) << row.method;
}

TEST_P(Permissions, EveryKindOfCallerIsToldWhatTheTableSays) {
  for (const Row& row : ReadTable()) {
    const std::vector<std::string> told = Ask(row);
    EXPECT_EQ(told, row.told) << row.method << " is now | " << absl::StrJoin(told, " | ");
  }
}

}  // namespace
}  // namespace tessera::testing
