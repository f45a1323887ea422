#include "server/mesh/mesh_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Not;

namespace pb = envoy::service::auth::v3;

// Everything that tells a service who calls, and what must not come from the caller.
const std::set<std::string>& Reserved() {
  static const auto& names = *new std::set<std::string>{
      "x-tessera-kind",   "x-tessera-subject", "x-tessera-session", "x-tessera-roles",
      "x-tessera-scopes", "x-tessera-groups",  "x-tessera-actors",  "tessera-device-id"};
  return names;
}

// All spellings that gateways of other languages take for the same name.
std::set<std::string> Lookalikes(const std::string& name) {
  std::set<std::string> spellings = {name};
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '-') continue;
    for (std::string one : std::set<std::string>(spellings)) {
      one[i] = '_';
      spellings.insert(one);
    }
  }
  spellings.erase(name);
  return spellings;
}

std::map<std::string, std::string> SetIn(const pb::CheckResponse& response) {
  std::map<std::string, std::string> headers;
  for (const auto& option : response.ok_response().headers()) {
    EXPECT_EQ(option.append_action(),
              pb::HeaderValueOption::HEADER_APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD);
    headers[option.header().key()] = option.header().value();
  }
  return headers;
}

std::set<std::string> RemovedIn(const pb::CheckResponse& response) {
  const auto& removed = response.ok_response().headers_to_remove();
  return {removed.begin(), removed.end()};
}

Principal Ada() {
  Principal ada;
  ada.kind = PrincipalKind::kUser;
  ada.claims.subject = "usr_1";
  ada.claims.session_id = SessionId("ses_1");
  ada.claims.roles = {"orders.admin", "reader"};
  return ada;
}

pb::CheckResponse Admitted(const Principal& caller, bool hide_token = false) {
  pb::CheckResponse response;
  Admit(caller, hide_token, response);
  EXPECT_EQ(response.status().code(), 0);
  return response;
}

TEST(MeshAnswer, TellsTheServiceWhoCalls) {
  const auto headers = SetIn(Admitted(Ada()));
  EXPECT_EQ(headers.at("x-tessera-kind"), "user");
  EXPECT_EQ(headers.at("x-tessera-subject"), "usr_1");
  EXPECT_EQ(headers.at("x-tessera-session"), "ses_1");
  EXPECT_EQ(headers.at("x-tessera-roles"), "orders.admin,reader");
  EXPECT_EQ(headers.count("x-tessera-scopes"), 0u);
}

// Whatever the caller sent under one of the names is replaced or taken away, whoever calls.
TEST(MeshAnswer, NoCallerCanSendWhatTheServiceBelieves) {
  for (const Principal& caller : {Principal(), Ada()}) {
    const pb::CheckResponse response = Admitted(caller);
    std::set<std::string> covered = RemovedIn(response);
    for (const auto& [name, value] : SetIn(response)) {
      EXPECT_FALSE(value.empty()) << name;  // an empty one may not be set at all
      EXPECT_TRUE(covered.insert(name).second) << name << " is set and taken away";
    }
    for (const std::string& name : Reserved()) {
      for (const std::string& other : Lookalikes(name))
        EXPECT_EQ(covered.erase(other), 1u) << other;
    }
    EXPECT_EQ(covered, Reserved());
  }
  EXPECT_EQ(SetIn(Admitted(Principal())).at("x-tessera-kind"), "anonymous");
}

TEST(MeshAnswer, TheTokenStaysUnlessItIsToBeHidden) {
  EXPECT_THAT(RemovedIn(Admitted(Ada())), Not(Contains("authorization")));
  EXPECT_THAT(RemovedIn(Admitted(Ada(), true)), Contains("authorization"));
}

// A role `a,orders.admin` is one role, and a line end ends no header.
TEST(MeshAnswer, AValueCanNotBeTakenForTwo) {
  Principal caller = Ada();
  caller.claims.roles = {"a,orders.admin", "b%2Cc", "d\r\nx-evil: 1",
                         "gr\xc3\xb6\xc3\x9f"
                         "er"};
  EXPECT_EQ(SetIn(Admitted(caller)).at("x-tessera-roles"),
            "a%2Corders.admin,b%252Cc,d%0D%0Ax-evil:%201,gr%C3%B6%C3%9Fer");
}

TEST(MeshAnswer, NamesTheActorsTheOneThatCallsFirst) {
  Principal caller = Ada();
  caller.claims.actors = {{"svc_2", 1}, {"svc_1", 1}};
  EXPECT_EQ(SetIn(Admitted(caller)).at("x-tessera-actors"), "svc_2,svc_1");
}

TEST(MeshAnswer, ADenialHasTheHttpStatusThatGrpcTurnsBackIntoItsCode) {
  const std::pair<absl::StatusCode, int> cases[] = {{absl::StatusCode::kUnauthenticated, 401},
                                                    {absl::StatusCode::kPermissionDenied, 403},
                                                    {absl::StatusCode::kUnimplemented, 404},
                                                    {absl::StatusCode::kUnavailable, 503},
                                                    {absl::StatusCode::kInternal, 403}};
  for (const auto& [code, http] : cases) {
    pb::CheckResponse response;
    Deny(Refusal(code, reason::kTokenExpired, "the token has expired"), response);
    EXPECT_EQ(response.status().code(), static_cast<int>(code));
    EXPECT_NE(response.status().code(), 0);
    ASSERT_TRUE(response.has_denied_response());
    EXPECT_EQ(response.denied_response().status().code(), http);
    EXPECT_EQ(response.denied_response().body(), "TOKEN_EXPIRED: the token has expired");
    EXPECT_EQ(response.denied_response().headers_size(), http == 401 ? 1 : 0);
  }
}

}  // namespace
}  // namespace tessera::server
