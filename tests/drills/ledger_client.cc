#include "tests/drills/ledger_client.h"

#include <unistd.h>

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"

namespace tessera::testing {
namespace {

// After an answer that leaves things open.
constexpr useconds_t kPauseMicros = 20'000;
// More replaced refresh tokens are not kept: the oldest is one that nobody may use any more.
constexpr size_t kMaxOlder = 3;

size_t Below(size_t bound) { return static_cast<size_t>(RandomBelow(bound)); }

}  // namespace

LedgerClient::LedgerClient(std::string name, const Servers& servers, Pulse& pulse)
    : name_(std::move(name)), servers_(servers), pulse_(pulse) {}

bool LedgerClient::SetUpRole(const Calls& calls) {
  v1::TokenGrant admin;
  if (!calls.Login("admin", Tesserad::kAdminPassword, "", admin).done()) return false;
  const Answer made = calls.CreateRole(admin.access_token(), kDrillRole);
  return made.done() || made.reason() == "ROLE_NAME_TAKEN";
}

void LedgerClient::Work(const std::atomic<bool>& stop) {
  renewing_ = -1;  // a comparison may have asked for it, and moved the sessions
  while (!stop) {
    const int open = ledger_.tally.open;
    Step();
    if (ledger_.tally.open > open) usleep(kPauseMicros);
  }
}

void LedgerClient::Step() {
  if (admin_token_.empty()) return SignIn();
  if (renewing_ >= 0) return Renew(static_cast<size_t>(renewing_));
  if (ledger_.users.empty()) return AddUser();
  const size_t sessions = ledger_.live.size();
  if (sessions == 0) return LogIn();
  switch (RandomBelow(16)) {
    case 0:
      return AddUser();
    case 1:
      return GrantRole();
    case 2:
    case 3:
    case 4:
      return sessions < kMaxLive ? LogIn() : EndSession(Below(sessions));
    case 5:
    case 6:
      return RevokeAccess(Below(sessions));
    case 7:
      return EndSession(Below(sessions));
    default:
      return Renew(Below(sessions));
  }
}

void LedgerClient::SignIn() {
  v1::TokenGrant grant;
  if (!IsDone(Any()->Login("admin", Tesserad::kAdminPassword, "", grant), "the administrator")) {
    return;
  }
  admin_token_ = grant.access_token();
}

void LedgerClient::AddUser() {
  Ledger::User user;
  user.name = absl::StrCat(name_, "-", made_++);
  const Answer answer = Any()->CreateUser(admin_token_, user.name, kDrillPassword, user.id);
  if (IsDone(answer, "a new user")) {
    ++ledger_.tally.users;
    ledger_.users.push_back(std::move(user));
  } else if (answer.open()) {
    ledger_.open_names.push_back(std::move(user.name));
  }
}

void LedgerClient::GrantRole() {
  Ledger::User& user = ledger_.users[Below(ledger_.users.size())];
  if (!IsDone(Any()->GrantRole(admin_token_, user.id, kDrillRole), "a role")) return;
  ++ledger_.tally.grants;
  user.holds_role = true;
}

void LedgerClient::LogIn() {
  Ledger::Session session;
  session.user = Below(ledger_.users.size());
  const std::string& name = ledger_.users[session.user].name;
  v1::TokenGrant grant;
  if (!IsDone(Any()->Login(name, kDrillPassword, "orders", grant), "a login")) return;
  ++ledger_.tally.logins;
  session.access = grant.access_token();
  session.refresh = grant.refresh_token();
  ledger_.live.push_back(std::move(session));
}

void LedgerClient::Renew(size_t index) {
  Ledger::Session& session = ledger_.live[index];
  v1::TokenGrant grant;
  const Answer answer = Any()->Renew(session.refresh, grant);
  renewing_ = answer.open() ? static_cast<int>(index) : -1;
  if (!IsDone(answer, "a renewal")) {
    // It is broken; nothing more is to be learnt from it.
    if (!answer.open())
      ledger_.live.erase(ledger_.live.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  pulse_.Beat();
  ++ledger_.tally.renewals;
  session.older.push_back(std::exchange(session.refresh, grant.refresh_token()));
  if (session.older.size() > kMaxOlder) session.older.erase(session.older.begin());
  session.access = grant.access_token();
  session.access_open = false;
}

void LedgerClient::RevokeAccess(size_t index) {
  Ledger::Session& session = ledger_.live[index];
  const std::shared_ptr<const Calls> calls = Any();
  const Answer answer = calls->Revoke(session.access);
  session.access_open = true;  // also when it is done: no longer good, and in `revoked`
  if (!IsDone(answer, "the end of an access token")) return;
  ++ledger_.tally.revocations;
  ledger_.revoked.push_back(session.access);
  ExpectInactive(*calls, session.access);
}

void LedgerClient::EndSession(size_t index) {
  Ledger::Session session = std::move(ledger_.live[index]);
  ledger_.live.erase(ledger_.live.begin() + static_cast<std::ptrdiff_t>(index));
  const std::shared_ptr<const Calls> calls = Any();
  const Answer answer = calls->Revoke(session.refresh);
  if (!IsDone(answer, "the end of a session")) {
    if (answer.open()) ledger_.open.push_back(std::move(session));
    return;
  }
  ++ledger_.tally.revocations;
  ExpectInactive(*calls, session.access);
  ledger_.ended.push_back({std::move(session.access), std::move(session.refresh)});
}

// The server that acknowledged a revocation knows it from then on, even if it was killed since.
void LedgerClient::ExpectInactive(const Calls& calls, const std::string& token) {
  v1::ValidateTokenResponse known;
  if (!calls.Validate(token, known).done()) return;
  if (known.active()) ledger_.broken.emplace_back("active right after its revocation");
}

bool LedgerClient::IsDone(const Answer& answer, const std::string& what) {
  if (answer.done()) return true;
  if (answer.open()) {
    ++ledger_.tally.open;
    if (answer.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) ++ledger_.tally.late;
  } else {
    ledger_.broken.push_back(absl::StrCat(what, " was refused: ", answer.Text()));
  }
  return false;
}

std::shared_ptr<const Calls> LedgerClient::Any() const { return servers_[Below(servers_.size())]; }

}  // namespace tessera::testing
