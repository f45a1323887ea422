// What a refused login answers on a real server, whole: code, message, details and metadata. Who
// has an account, and of what kind, must not show in any byte of it.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/wire_status.pb.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {
namespace {

namespace rpc = server::rpc;

constexpr char kPassword[] = "a plain user's password";
constexpr char kWrong[] = "not the password";
// Of "U*U", from the test vectors of crypt_blowfish; of "correct horse battery", by Python's
// hashlib and by libargon2's argon2id_hash_encoded.
constexpr char kBcrypt[] = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";
constexpr char kArgon2id[] =
    "$argon2id$v=19$m=12288,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg"
    "$U6fpmRJOhPKodohrYrHG1NiQC1kj93ylFcsnI0FJ0eA";

// What may differ from answer to answer, and nothing else: the id by which a call is found in the
// log, unless the caller says it, and how long is left to wait, for time passes between two calls.
constexpr char kCorrelation[] = "x-request-id";
constexpr char kDetails[] = "grpc-status-details-bin";
constexpr char kRetryInfo[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr absl::Duration kDelay = absl::Hours(1);

// The details with the delay, which must be what is left of kDelay, made zero.
std::string WithoutDelay(const std::string& details) {
  rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(details));
  for (google::protobuf::Any& detail : *status.mutable_details()) {
    if (detail.type_url() != kRetryInfo) continue;
    rpc::RetryInfo info;
    EXPECT_TRUE(info.ParseFromString(detail.value()));
    const absl::Duration left =
        absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
    EXPECT_GT(left, kDelay / 2);
    EXPECT_LE(left, kDelay);
    info.mutable_retry_delay()->Clear();
    detail.set_value(info.SerializeAsString());
  }
  return status.SerializeAsString();
}

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

std::string Text(const Metadata& metadata, bool own_correlation) {
  std::string text;
  for (const auto& [key, value] : metadata) {
    const std::string name(key.data(), key.size());
    std::string content(value.data(), value.size());
    if (name == kDetails) content = WithoutDelay(content);
    if (name == kCorrelation && !own_correlation) {
      content = absl::StrCat(content.substr(0, 4), " and ", content.size() - 4, " more");
    }
    absl::StrAppend(&text, "  ", name, ": ", absl::CEscape(content), "\n");
  }
  return text;
}

// Who tries, and with what.
struct Try {
  std::string what, name, password;
};

class LoginAnswers : public ::testing::TestWithParam<TestEngine> {
 protected:
  void SetUp() override {
    if (GetParam() == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    options.environment = {"TESSERA_THROTTLE_FIRST_DELAY=1h", "TESSERA_THROTTLE_MAX_DELAY=1h",
                           "TESSERA_THROTTLE_SOURCE_ATTEMPTS=100000"};
    server_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(server_->Start());
    auth_ = server_->Auth();
    users_ = server_->Users();
    admin_ = server_->LoginAdmin().access_token();
    AddAll();
  }

  // Users of every kind.
  void AddAll() {
    server_->AddUser("plain", kPassword);
    Disable(server_->AddUser("disabled", kPassword));
    Delete(server_->AddUser("deleted", kPassword));
    server_->AddService({"service", {}, {"tessera"}});
    v1::ImportUsersRequest request;
    const std::vector<std::pair<std::string, std::string>> imported = {
        {"by-bcrypt", kBcrypt},
        {"by-pbkdf2", kPbkdf2},
        {"by-argon2id", kArgon2id},
        {"without", ""},
        {"disabled-by-bcrypt", kBcrypt}};
    for (const auto& [name, hash] : imported) {
      v1::ImportedUser& user = *request.add_users();
      user.mutable_user()->set_username(name);
      user.set_password_hash(hash);
    }
    v1::ImportUsersResponse response;
    Expect(users_->ImportUsers(AsAdmin().get(), request, &response));
    ASSERT_EQ(response.results_size(), static_cast<int>(imported.size()));
    for (const auto& result : response.results()) EXPECT_NE(result.user_id(), "");
    Disable(response.results().rbegin()->user_id());
  }
  void Disable(const std::string& id) {
    v1::UpdateUserRequest request;
    request.mutable_user()->set_id(id);
    request.mutable_user()->set_state(v1::USER_STATE_DISABLED);
    request.mutable_update_mask()->add_paths("state");
    v1::UpdateUserResponse response;
    Expect(users_->UpdateUser(AsAdmin().get(), request, &response));
  }
  void Delete(const std::string& id) {
    v1::DeleteUserRequest request;
    request.set_user_id(id);
    v1::DeleteUserResponse response;
    Expect(users_->DeleteUser(AsAdmin().get(), request, &response));
  }
  static void Expect(const grpc::Status& status) {
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  std::unique_ptr<grpc::ClientContext> AsAdmin() const { return ContextWith({admin_}); }

  // All refused, each for another cause.
  static std::vector<Try> Refused() {
    return {{"nobody has the name", "nobody", kWrong},
            {"nobody can have the name", "no such name!", kWrong},
            {"wrong password", "plain", kWrong},
            {"disabled", "disabled", kWrong},
            {"disabled, the password is right", "disabled", kPassword},
            {"deleted, the password was right", "deleted", kPassword},
            {"the name of a service", "service", kWrong},
            {"bcrypt", "by-bcrypt", kWrong},
            {"PBKDF2", "by-pbkdf2", kWrong},
            {"Argon2id of another system", "by-argon2id", kWrong},
            {"no password yet", "without", kWrong},
            {"disabled, bcrypt, the password is right", "disabled-by-bcrypt", "U*U"}};
  }

  // Everything that the caller sees; what differs from call to call is left out. Empty
  // `correlation`: the server makes one.
  std::string Answer(const Try& attempt, const std::string& correlation) {
    v1::LoginRequest request;
    request.set_username(attempt.name);
    request.set_password(attempt.password);
    const auto context = ContextWith({});
    if (!correlation.empty()) context->AddMetadata(kCorrelation, correlation);
    v1::LoginResponse response;
    const grpc::Status status = auth_->Login(context.get(), request, &response);
    reason_ = ReasonOf(status);
    const bool own = !correlation.empty();
    return absl::StrCat("code: ", status.error_code(), "\nmessage: ", status.error_message(),
                        "\ndetails: ", absl::CEscape(WithoutDelay(status.error_details())),
                        "\nbody: ", absl::CEscape(response.SerializeAsString()), "\nleading:\n",
                        Text(context->GetServerInitialMetadata(), own), "trailing:\n",
                        Text(context->GetServerTrailingMetadata(), own));
  }

  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::unique_ptr<v1::UserService::Stub> users_;
  std::string admin_;
  std::string reason_;  // of the last answer
};

INSTANTIATE_TEST_SUITE_P(On, LoginAnswers,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(LoginAnswers, AreTheSameBytesForEveryRefusal) {
  for (const char* correlation : {"from-the-caller", ""}) {
    const std::string first = Answer(Refused().front(), correlation);
    ASSERT_EQ(reason_, "BAD_CREDENTIALS") << first;
    ASSERT_NE(first.find(kCorrelation), std::string::npos) << "metadata are seen: " << first;
    for (const Try& attempt : Refused()) {
      EXPECT_EQ(Answer(attempt, correlation), first) << attempt.what;
    }
  }
}

// Also for the right password: who guesses on is not told that it was.
TEST_P(LoginAnswers, AreTheSameBytesForEveryThrottledName) {
  std::string first;
  for (Try attempt : Refused()) {
    const std::string guess = attempt.password;
    attempt.password = kWrong;
    for (int i = 0; i < 5; ++i) Answer(attempt, "");
    for (const std::string& password : {std::string(kWrong), guess, std::string(kPassword)}) {
      attempt.password = password;
      const std::string answer = Answer(attempt, "from-the-caller");
      EXPECT_EQ(reason_, "THROTTLED") << attempt.what;
      if (first.empty()) first = answer;
      EXPECT_EQ(answer, first) << attempt.what;
    }
  }
}

}  // namespace
}  // namespace tessera::testing
