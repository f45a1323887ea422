#include "tests/conformance/conformance.h"

#include <latch>
#include <thread>

namespace tessera::storage {

std::string EngineName(const ::testing::TestParamInfo<EngineUnderTest>& info) {
  return info.param.name;
}

Conformance::Conformance() : database_(GetParam().make()) { Reopen(); }

void Conformance::Reopen() {
  store_.reset();
  auto store = database_->Open(clock_);
  if (!store.ok()) throw std::runtime_error(store.status().ToString());
  store_ = *std::move(store);
}

absl::Status Conformance::TryWrite(Store::Work work) {
  return store_->Write(Repeat::kOnce, absl::InfiniteFuture(), work);
}

void Conformance::Write(Store::Work work) {
  const absl::Status status = TryWrite(work);
  EXPECT_TRUE(status.ok()) << status;
}

void Conformance::Read(Store::Work work) {
  const absl::Status status = store_->Read(absl::InfiniteFuture(), work);
  EXPECT_TRUE(status.ok()) << status;
}

User Conformance::NewUser(std::string username) {
  User user;
  user.id = UserId::Random(now());
  user.username = std::move(username);
  user.display_name = "Någon ✓";
  user.password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";
  user.created_at = now();
  user.updated_at = now();
  return user;
}

Role Conformance::NewRole(std::string name, std::vector<std::string> audiences) {
  Role role;
  role.id = RoleId::Random(now());
  role.name = std::move(name);
  role.description = "may do things";
  role.audiences = std::move(audiences);
  role.created_at = now();
  return role;
}

Session Conformance::NewSession(const UserId& user) {
  Session session;
  session.id = SessionId::Random(now());
  session.user_id = user;
  session.user_version = 7;
  session.mac_kid = "mac-1";
  session.audience = "orders";
  session.created_at = now();
  session.auth_time = now() - absl::Seconds(1);
  session.rotated_at = now();
  session.access_until = now() + absl::Minutes(15);
  session.idle_expires_at = now() + absl::Hours(1);
  session.expires_at = now() + absl::Hours(2);
  return session;
}

Revocation Conformance::NewRevocation() {
  Revocation entry;
  entry.kind = RevocationKind::kSession;
  entry.id_hash = RandomBytes(16);
  entry.expires_at = now() + absl::Hours(1);
  return entry;
}

ServiceAccount Conformance::NewServiceAccount(std::string name) {
  ServiceAccount account;
  account.id = ServiceId::Random(now());
  account.name = std::move(name);
  account.description = "räknar";
  account.created_at = now();
  account.updated_at = now();
  return account;
}

ServiceSecret Conformance::NewSecret(const ServiceId& account) {
  ServiceSecret secret;
  secret.id = SecretId::Random(now());
  secret.service_id = account;
  secret.hash = RandomBytes(32);
  secret.hash_kid = "hash-1";
  secret.created_at = now();
  return secret;
}

User Conformance::AddUser(std::string username) {
  User user = NewUser(std::move(username));
  Write([&](Repositories& r) { return r.users.Insert(user); });
  return user;
}

Role Conformance::AddRole(std::string name, std::vector<std::string> audiences) {
  Role role = NewRole(std::move(name), std::move(audiences));
  Write([&](Repositories& r) { return r.roles.Insert(role); });
  return role;
}

Session Conformance::AddSession(const UserId& user) {
  Session session = NewSession(user);
  Write([&](Repositories& r) { return r.sessions.Insert(session); });
  return session;
}

ServiceAccount Conformance::AddServiceAccount(std::string name) {
  ServiceAccount account = NewServiceAccount(std::move(name));
  Write([&](Repositories& r) { return r.services.Insert(account); });
  return account;
}

void OnThreads(int count, const std::function<void(int)>& body) {
  std::latch start(count);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace tessera::storage
