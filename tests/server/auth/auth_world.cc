#include "tests/server/auth/auth_world.h"

#include <stdlib.h>

#include <cstdio>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "a test's preparation failed: %s\n", status.ToString().c_str());
  abort();
}

std::string Reason(const absl::Status& status) {
  if (status.ok()) return "OK";
  const std::string reason = ReasonOf(status);
  return reason.empty() ? status.ToString() : reason;
}

void RecordingLog::Write(const LogEvent& event) {
  MutexLock lock(mu_);
  events_.push_back(event);
}

int RecordingLog::Count(std::string_view name, std::string_view key, std::string_view value) const {
  MutexLock lock(mu_);
  int count = 0;
  for (const LogEvent& event : events_) {
    bool fits = event.name == name && key.empty();
    for (const auto& [field, text] : event.fields) {
      fits = fits || (event.name == name && field == key && text == value);
    }
    count += fits ? 1 : 0;
  }
  return count;
}

bool RecordingLog::Mentions(std::string_view text) const {
  MutexLock lock(mu_);
  for (const LogEvent& event : events_) {
    for (const auto& field : event.fields) {
      if (field.second.find(text) != std::string::npos) return true;
    }
  }
  return false;
}

absl::Status WatchedStore::Read(absl::Time deadline, Work work) {
  ++reads_;
  if (away_) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable, "away",
                            absl::Seconds(1));
  }
  return store_.Read(deadline, work);
}

absl::Status WatchedStore::Write(storage::Repeat repeat, absl::Time deadline, Work work) {
  ++writes_;
  if (away_) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable, "away",
                            absl::Seconds(1));
  }
  if (hook_) std::exchange(hook_, nullptr)();
  const absl::Status first = store_.Write(repeat, deadline, work);
  if (!lose_answer_.exchange(false)) return first;
  if (repeat == storage::Repeat::kIdempotent) return store_.Write(repeat, deadline, work);
  return Refusal(absl::StatusCode::kUnavailable, reason::kOutcomeUnknown, "lost");
}

absl::StatusOr<std::optional<absl::Time>> WatchedStore::DatabaseTime(absl::Time deadline) {
  if (away_) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable, "away",
                            absl::Seconds(1));
  }
  {
    MutexLock lock(mu_);
    if (database_time_.has_value()) return database_time_;
  }
  TESSERA_ASSIGN_OR_RETURN(std::optional<absl::Time> time, store_.DatabaseTime(deadline));
  if (time.has_value()) time = clock_.Now();
  return time;
}

MasterKeys MasterKeysOf(std::string_view seed) {
  const Sha256Digest digest = Sha256(seed);
  MasterKeys keys;
  keys.entries.push_back({"m1", Secret(std::string(digest.begin(), digest.end()))});
  return keys;
}

TokenPolicy WorldOptions::DefaultPolicy() {
  TokenPolicy policy;
  policy.issuer = "https://auth.example.test";
  policy.audiences = {"orders", "billing"};
  return policy;
}

AuthWorld::AuthWorld(WorldOptions options)
    : AuthWorld(std::make_shared<testing::DatabaseUnderTest>(), std::move(options)) {}

AuthWorld::AuthWorld(std::shared_ptr<testing::DatabaseUnderTest> shared, WorldOptions options)
    : database(std::move(shared)) {
  direct = Require(database->Open(clock, log));
  store = std::make_unique<WatchedStore>(*direct, clock);
  feed_store = std::make_unique<WatchedStore>(*direct, clock);
  keys = Require(
      KeyRing::Open(*feed_store, MasterKeysOf(options.master_seed), Algorithm::kEs256, clock, log));
  hasher = std::make_unique<PasswordHasher>(Require(PasswordHasher::Create(options.cost)));
  feed = Require(RevocationFeed::Open(*feed_store, *keys, {}, clock, log));
  throttle = std::make_unique<LoginThrottle>(options.throttle,
                                             LoginThrottle::Parts{*store, *keys, clock, log});
  auth = std::make_unique<AuthFacade>(
      options.policy, AuthFacade::Parts{*store, *keys, *hasher, *feed, clock, log, *throttle});
}

void AuthWorld::Write(const std::function<absl::Status(storage::Repositories&)>& work) {
  Require(direct->Write(storage::Repeat::kOnce, absl::InfiniteFuture(), work));
}

storage::User AuthWorld::AddUser(std::string_view name, std::string_view password) {
  storage::User user;
  user.id = UserId::Random(clock.Now());
  user.username = std::string(name);
  user.password_hash =
      Require(hasher->Hash(Require(PreparePassword(Secret::CopyOf(password), "password"))));
  user.created_at = clock.Now();
  user.updated_at = clock.Now();
  Write([&](storage::Repositories& in) { return in.users.Insert(user); });
  return user;
}

void AuthWorld::ChangeUser(const UserId& id, const std::function<void(storage::User&)>& change) {
  Write([&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(auto user, in.users.Find(id));
    const int64_t revision = user->revision;
    change(*user);
    user->revision = revision + 1;
    return in.users.Update(*user, revision).status();
  });
}

void AuthWorld::Disable(const UserId& id) {
  ChangeUser(id, [](storage::User& user) { user.state = storage::UserState::kDisabled; });
}

storage::Role AuthWorld::GrantNewRole(const UserId& user, std::string name,
                                      std::vector<std::string> audiences) {
  storage::Role role;
  role.id = RoleId::Random(clock.Now());
  role.name = std::move(name);
  role.audiences = std::move(audiences);
  role.created_at = clock.Now();
  Write([&](storage::Repositories& in) {
    TESSERA_RETURN_IF_ERROR(in.roles.Insert(role));
    return in.roles.Grant(role.id, user, clock.Now());
  });
  return role;
}

absl::StatusOr<VerifiedLogin> AuthWorld::CheckLogin(std::string_view name,
                                                    std::string_view password) {
  TESSERA_ASSIGN_OR_RETURN(
      LoginAttempt attempt,
      auth->BeginLogin(call, {std::string(name), Secret::CopyOf(password), ""}));
  return auth->CheckPassword(call, std::move(attempt));
}

absl::StatusOr<IssuedGrant> AuthWorld::TryLogin(std::string_view name, std::string_view password,
                                                std::string audience) {
  TESSERA_ASSIGN_OR_RETURN(
      LoginAttempt attempt,
      auth->BeginLogin(call, {std::string(name), Secret::CopyOf(password), std::move(audience)}));
  TESSERA_ASSIGN_OR_RETURN(const VerifiedLogin login,
                           auth->CheckPassword(call, std::move(attempt)));
  return auth->OpenSession(call, login);
}

IssuedGrant AuthWorld::Login(std::string_view name, std::string audience) {
  return Require(TryLogin(name, kPassword, std::move(audience)));
}

Claims AuthWorld::ClaimsOf(const Secret& access_token) {
  const Introspection seen = Require(auth->Validate(access_token));
  if (seen.claims == nullptr) Require(absl::InternalError(seen.inactive_reason));
  return *seen.claims;
}

std::string AuthWorld::WhyInactive(const Secret& token) {
  const Introspection seen = Require(auth->Validate(token));
  return seen.claims != nullptr ? "active" : seen.inactive_reason;
}

std::optional<storage::User> AuthWorld::UserRow(const UserId& id) {
  std::optional<storage::User> user;
  Require(direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(user, in.users.Find(id));
    return absl::OkStatus();
  }));
  return user;
}

std::optional<storage::Session> AuthWorld::SessionRow(const SessionId& id) {
  std::optional<storage::Session> session;
  Require(direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(session, in.sessions.Find(id));
    return absl::OkStatus();
  }));
  return session;
}

std::vector<storage::Revocation> AuthWorld::Feed() {
  std::vector<storage::Revocation> entries;
  Require(direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(entries, in.revocations.ListAfter(0, 1000));
    return absl::OkStatus();
  }));
  return entries;
}

}  // namespace tessera::server
