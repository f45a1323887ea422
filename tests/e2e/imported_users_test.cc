// Users who come with the Argon2id hashes of another system: they log in with the passwords that
// they have. On SQLite with one server, on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// By libargon2's argon2id_hash_encoded.
struct Imported {
  const char* name;
  const char* password;
  const char* hash;
};
constexpr Imported kImported[] = {
    {"by-the-reference", "password",
     "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
    {"by-two-lanes", "correct horse battery",
     "$argon2id$v=19$m=12288,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg"
     "$U6fpmRJOhPKodohrYrHG1NiQC1kj93ylFcsnI0FJ0eA"}};
// Of what Tesserad's configuration says.
constexpr char kTodays[] = "$argon2id$v=19$m=8192,t=1,p=1$";

class ImportedUsers : public Servers {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartServers()); }

  v1::ImportedUserResult Import(const std::string& name, const std::string& hash) {
    v1::ImportUsersRequest request;
    request.add_users()->mutable_user()->set_username(name);
    request.mutable_users(0)->set_password_hash(hash);
    v1::ImportUsersResponse response;
    const grpc::Status status = here().Users()->ImportUsers(
        ContextWith({here().LoginAdmin().access_token()}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.results_size() == 1 ? response.results(0) : v1::ImportedUserResult();
  }
  // Why not; empty if it was let in.
  std::string Login(Tesserad& server, const std::string& name, const std::string& password) {
    v1::LoginRequest request;
    request.set_username(name);
    request.set_password(password);
    v1::LoginResponse response;
    return ReasonOf(server.Auth()->Login(ContextWith({}).get(), request, &response));
  }
};

INSTANTIATE_TEST_SUITE_P(On, ImportedUsers, BothEngines(), EngineName);

TEST_P(ImportedUsers, LogInWithTheirArgon2idHashesWhichAreReplaced) {
  for (const Imported& user : kImported) {
    const v1::ImportedUserResult result = Import(user.name, user.hash);
    ASSERT_NE(result.user_id(), "") << result.message();
    EXPECT_EQ(Login(there(), user.name, std::string(user.password) + " "), "BAD_CREDENTIALS");
    EXPECT_EQ(Login(there(), user.name, user.hash), "BAD_CREDENTIALS") << "the hash itself";
    for (Tesserad* server : {&here(), &there(), &here()}) {  // the first upgrades
      EXPECT_EQ(Login(*server, user.name, user.password), "") << user.name;
    }
    EXPECT_EQ(Login(there(), user.name, "another password"), "BAD_CREDENTIALS");
    if (database_ == nullptr) continue;
    EXPECT_THAT(database_->Sql(std::string("SELECT password_hash FROM users WHERE username = '") +
                               user.name + "'"),
                StartsWith(kTodays));
  }
}

// What would cost too much at each login, and other kinds of Argon2.
TEST_P(ImportedUsers, AreRefusedWithHashesThatAreNotTaken) {
  for (const char* hash :
       {"$argon2id$v=19$m=65537,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"}) {
    const v1::ImportedUserResult result = Import("refused", hash);
    EXPECT_EQ(result.user_id(), "") << hash;
    EXPECT_THAT(result.message(), HasSubstr("Argon2id")) << hash;
  }
  EXPECT_EQ(Login(here(), "refused", "password"), "BAD_CREDENTIALS");
}

}  // namespace
}  // namespace tessera::testing
