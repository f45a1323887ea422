// The user room with service accounts, on a store that can be watched and disturbed.
#ifndef TESSERA_TESTS_SERVER_USER_SERVICE_ROOM_H_
#define TESSERA_TESTS_SERVER_USER_SERVICE_ROOM_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/service_secret.h"
#include "server/auth/service_token_issuer.h"
#include "server/user/service_account_facade.h"
#include "tessera/base/reason.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {

// Passes on to a real store; can do something between a read and what follows it, and lose the
// answer to a COMMIT.
class DisturbedStore final : public storage::Store {
 public:
  explicit DisturbedStore(storage::Store& store) : store_(store) {}

  absl::Status Read(absl::Time deadline, Work work) override {
    ++calls_;
    const absl::Status status = store_.Read(deadline, work);
    if (after_read_) std::exchange(after_read_, nullptr)();
    return status;
  }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    ++calls_;
    const absl::Status first = store_.Write(repeat, deadline, work);
    if (!std::exchange(lose_answer_, false)) return first;
    if (repeat == storage::Repeat::kIdempotent) return store_.Write(repeat, deadline, work);
    return Refusal(absl::StatusCode::kUnavailable, reason::kOutcomeUnknown, "lost");
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    return store_.DatabaseTime(deadline);
  }

  int calls() const { return calls_; }
  void AfterNextRead(std::function<void()> hook) { after_read_ = std::move(hook); }
  void LoseNextAnswer() { lose_answer_ = true; }

 private:
  storage::Store& store_;
  std::atomic<int> calls_{0};
  bool lose_answer_ = false;  // this and the next: by the test's own thread
  std::function<void()> after_read_;
};

class ServiceRoom : public UserRoom {
 protected:
  static TokenPolicy Policy() {
    TokenPolicy policy;
    policy.issuer = "https://tessera.test";
    policy.audiences = {"orders", "billing"};
    policy.scopes = {"read", "write", "delete"};
    return policy;
  }

  void SetUp() override {
    UserRoom::SetUp();
    Start();
    disturbed_ = std::make_unique<DisturbedStore>(*store_);
    services_ = std::make_unique<ServiceAccountFacade>(
        ServiceAccountFacade::Lists{{"tessera", "orders", "billing"}, {"read", "write", "delete"}},
        ServiceAccountFacade::Parts{*disturbed_, *keys_, *feed_, clock_, log_, audit_});
    secrets_ = std::make_unique<ServiceSecretCheck>(
        ServiceSecretCheck::Parts{*disturbed_, *keys_, clock_});
    ServiceTokenIssuer::Checks checks;
    checks.secret = secrets_.get();
    tokens_ = std::make_unique<ServiceTokenIssuer>(Policy(), checks,
                                                   ServiceTokenIssuer::Parts{*keys_, clock_, log_});
    for (const char* role : {"reader", "writer"}) {
      ASSERT_TRUE(roles_->Create(call_, admin_, {role, "", {}}).ok());
    }
    ASSERT_TRUE(roles_->Create(call_, admin_, {"orders.admin", "", {"orders"}}).ok());
  }

  static ServiceAccountFields Fields() {
    ServiceAccountFields fields;
    fields.audiences = {"orders", "tessera"};
    fields.scopes = {"read", "write"};
    fields.roles = {"reader", "orders.admin"};
    return fields;
  }
  CreatedServiceAccount AddService(const std::string& name,
                                   ServiceAccountFields fields = Fields()) {
    auto created = services_->Create(call_, admin_, {name, std::move(fields), false});
    EXPECT_TRUE(created.ok()) << created.status();
    return created.ok() ? *std::move(created) : CreatedServiceAccount();
  }

  static ServiceTokenInput Asking(const Secret& secret, std::string audience = "orders",
                                  std::vector<std::string> scopes = {}) {
    return {SecretCredential{secret}, std::move(audience), std::move(scopes)};
  }
  // As the wire does it.
  absl::StatusOr<IssuedServiceToken> Issue(ServiceTokenInput input) {
    auto checked = tokens_->Check(call_, std::move(input));
    if (!checked.ok()) return checked.status();
    return tokens_->Issue(call_, *checked);
  }
  // The reason of a refusal, or `issued`.
  std::string Try(const Secret& secret, const std::string& audience = "orders",
                  const std::vector<std::string>& scopes = {}) {
    const auto issued = Issue(Asking(secret, audience, scopes));
    return issued.ok() ? "issued" : ReasonOf(issued.status());
  }
  Secret TokenOf(const Secret& secret, const std::string& audience = "orders") {
    auto issued = Issue(Asking(secret, audience));
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? std::move(issued->access_token) : Secret();
  }
  // What the token says; by a facade that knows all audiences.
  Claims ClaimsOf(const Secret& token) {
    auto known = AllKnowing().Validate(token);
    EXPECT_TRUE(known.ok() && known->claims != nullptr) << known->inactive_reason;
    return known->claims != nullptr ? *known->claims : Claims();
  }
  std::string Inactive(const Secret& token) {
    auto known = AllKnowing().Validate(token);
    EXPECT_TRUE(known.ok()) << known.status();
    return known->inactive_reason;
  }

  absl::StatusOr<ServiceAccountView> Change(const ServiceId& id, ServiceAccountFields fields,
                                            std::string etag = "") {
    return services_->Update(call_, admin_, {id, std::move(etag), std::move(fields)});
  }
  absl::StatusOr<ServiceAccountView> SetServiceState(const ServiceId& id,
                                                     storage::ServiceAccountState state) {
    ServiceAccountFields fields;
    fields.state = state;
    return Change(id, std::move(fields));
  }
  absl::StatusOr<RotatedSecret> Rotate(const ServiceId& id, absl::Duration keep_old_for) {
    return services_->RotateSecret(call_, admin_, {id, keep_old_for});
  }

  std::unique_ptr<DisturbedStore> disturbed_;
  std::unique_ptr<ServiceAccountFacade> services_;
  std::unique_ptr<ServiceSecretCheck> secrets_;
  std::unique_ptr<ServiceTokenIssuer> tokens_;

 private:
  const AuthFacade& AllKnowing() {
    if (validator_ == nullptr) {
      validator_ = std::make_unique<AuthFacade>(
          Policy(), AuthFacade::Parts{*store_, *keys_, *hasher_, *feed_, clock_, log_, *throttle_});
    }
    return *validator_;
  }
  std::unique_ptr<AuthFacade> validator_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_SERVICE_ROOM_H_
