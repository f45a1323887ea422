// A real gRPC server in this process that plays tesserad's part in logging in, and a service that
// looks at the token of each call.
#ifndef TESSERA_TESTS_CALLER_FAKE_AUTH_SERVER_H_
#define TESSERA_TESTS_CALLER_FAKE_AUTH_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::testing {

// A counter that tests wait on. Thread-safe.
class Counter {
 public:
  void Add() {
    MutexLock lock(mu_);
    ++value_;
    changed_.NotifyAll();
  }
  int value() {
    MutexLock lock(mu_);
    return value_;
  }
  // True once `value` is reached, within a minute.
  bool WaitFor(int value) {
    const absl::Duration end = SystemClock().Monotonic() + absl::Minutes(1);
    MutexLock lock(mu_);
    while (value_ < value) {
      const absl::Duration left = end - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(mu_, left);
    }
    return true;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mu_) = 0;
};

// A door that calls wait at while it is shut. Thread-safe.
class Gate {
 public:
  void Shut() {
    MutexLock lock(mu_);
    open_ = false;
  }
  void Open() {
    MutexLock lock(mu_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    MutexLock lock(mu_);
    while (!open_) changed_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = true;
};

// Grants `access-N` and `refresh-N`, N rising by one with each grant.
class FakeAuthService final : public v1::AuthService::Service {
 public:
  using Judge = std::function<grpc::Status()>;

  explicit FakeAuthService(const Clock& clock) : clock_(clock) {}

  grpc::Status IssueToken(grpc::ServerContext*, const v1::IssueTokenRequest* request,
                          v1::IssueTokenResponse* response) override {
    {
      MutexLock lock(mu_);
      last_issue_ = *request;
    }
    return Answer(issues, issue_judge_, [&] {
      v1::TokenGrant grant;
      Fill(grant);
      response->set_access_token(grant.access_token());
      *response->mutable_access_expires_at() = grant.access_expires_at();
    });
  }
  // Grants `exchanged-N`, N rising by one with each.
  grpc::Status ExchangeToken(grpc::ServerContext* context, const v1::ExchangeTokenRequest* request,
                             v1::ExchangeTokenResponse* response) override {
    const auto own = context->client_metadata().find("authorization");
    {
      MutexLock lock(mu_);
      last_exchange_ = *request;
      last_actor_ = own == context->client_metadata().end()
                        ? "none"
                        : std::string(own->second.data(), own->second.size());
    }
    return Answer(exchanges, exchange_judge_, [&] {
      MutexLock lock(mu_);
      response->set_access_token(absl::StrCat("exchanged-", ++exchanged_));
      response->mutable_access_expires_at()->set_seconds(absl::ToUnixSeconds(clock_.Now() + life_));
    });
  }
  grpc::Status Login(grpc::ServerContext*, const v1::LoginRequest* request,
                     v1::LoginResponse* response) override {
    Remember(request->password());
    {
      MutexLock lock(mu_);
      last_login_ = *request;
    }
    return Answer(logins, login_judge_, [&] {
      if (challenges) {
        response->mutable_challenge()->set_challenge_token("tsc_challenge");
      } else {
        Fill(*response->mutable_grant());
        response->mutable_grant()->set_device_proof("tsd_" + response->grant().access_token());
      }
    });
  }
  grpc::Status RenewToken(grpc::ServerContext*, const v1::RenewTokenRequest* request,
                          v1::RenewTokenResponse* response) override {
    Remember(request->refresh_token());
    {
      MutexLock lock(mu_);
      last_renewal_ = *request;
    }
    return Answer(renewals, renew_judge_, [&] { Fill(*response->mutable_grant()); });
  }
  grpc::Status Logout(grpc::ServerContext*, const v1::LogoutRequest* request,
                      v1::LogoutResponse*) override {
    Remember(request->refresh_token());
    return Answer(logouts, logout_judge_, [] {});
  }

  // What a request is answered with from now on; OK grants.
  void JudgeLogins(Judge judge) { Set(login_judge_, std::move(judge)); }
  void JudgeIssues(Judge judge) { Set(issue_judge_, std::move(judge)); }
  void JudgeRenewals(Judge judge) { Set(renew_judge_, std::move(judge)); }
  void JudgeExchanges(Judge judge) { Set(exchange_judge_, std::move(judge)); }
  void JudgeLogouts(Judge judge) { Set(logout_judge_, std::move(judge)); }
  void SetLife(absl::Duration life) {
    MutexLock lock(mu_);
    life_ = life;
  }
  // The password or refresh token of the latest request.
  std::string last_secret() {
    MutexLock lock(mu_);
    return last_secret_;
  }

  v1::LoginRequest last_login() {
    MutexLock lock(mu_);
    return last_login_;
  }
  v1::RenewTokenRequest last_renewal() {
    MutexLock lock(mu_);
    return last_renewal_;
  }
  v1::IssueTokenRequest last_issue() {
    MutexLock lock(mu_);
    return last_issue_;
  }

  v1::ExchangeTokenRequest last_exchange() {
    MutexLock lock(mu_);
    return last_exchange_;
  }
  std::string last_actor() {  // the `authorization` of the latest exchange
    MutexLock lock(mu_);
    return last_actor_;
  }

  Counter logins, renewals, logouts, issues, exchanges;  // requests that arrived
  std::atomic<bool> challenges{false};                   // logins are asked for a second factor
  Gate gate;  // requests wait here before they are judged

 private:
  void Set(Judge& which, Judge judge) {
    MutexLock lock(mu_);
    which = std::move(judge);
  }
  void Remember(const std::string& secret) {
    MutexLock lock(mu_);
    last_secret_ = secret;
  }
  grpc::Status Answer(Counter& counter, const Judge& which, const std::function<void()>& grant) {
    counter.Add();
    gate.Pass();
    Judge judge;
    {
      MutexLock lock(mu_);
      judge = which;
    }
    const grpc::Status status = judge == nullptr ? grpc::Status::OK : judge();
    if (status.ok()) grant();
    return status;
  }
  void Fill(v1::TokenGrant& grant) {
    MutexLock lock(mu_);
    ++granted_;
    grant.set_access_token(absl::StrCat("access-", granted_));
    grant.set_refresh_token(absl::StrCat("refresh-", granted_));
    grant.set_session_id("ses_test");
    grant.mutable_access_expires_at()->set_seconds(absl::ToUnixSeconds(clock_.Now() + life_));
    grant.mutable_refresh_expires_at()->set_seconds(
        absl::ToUnixSeconds(clock_.Now() + absl::Hours(24)));
  }

  const Clock& clock_;
  Mutex mu_;
  Judge login_judge_, renew_judge_, logout_judge_, issue_judge_, exchange_judge_;
  absl::Duration life_ ABSL_GUARDED_BY(mu_) = absl::Minutes(15);
  int granted_ ABSL_GUARDED_BY(mu_) = 0;
  std::string last_secret_ ABSL_GUARDED_BY(mu_);
  v1::LoginRequest last_login_ ABSL_GUARDED_BY(mu_);
  v1::RenewTokenRequest last_renewal_ ABSL_GUARDED_BY(mu_);
  v1::IssueTokenRequest last_issue_ ABSL_GUARDED_BY(mu_);
  v1::ExchangeTokenRequest last_exchange_ ABSL_GUARDED_BY(mu_);
  std::string last_actor_ ABSL_GUARDED_BY(mu_);
  int exchanged_ ABSL_GUARDED_BY(mu_) = 0;
};

// Remembers the `authorization` of each call; refuses the tokens it is told to.
class TokenLog {
 public:
  grpc::Status Take(const grpc::ServerContextBase& context) {
    std::vector<std::string> seen;
    const auto range = context.client_metadata().equal_range("authorization");
    for (auto it = range.first; it != range.second; ++it) {
      seen.emplace_back(it->second.data(), it->second.size());
    }
    const auto device = context.client_metadata().find("tessera-device-id");
    MutexLock lock(mu_);
    device_ = device == context.client_metadata().end()
                  ? ""
                  : std::string(device->second.data(), device->second.size());
    tokens_.insert(tokens_.end(), seen.begin(), seen.end());
    ++calls_;
    if (seen.size() == 1 && seen[0] == refused_) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, refusal_);
    }
    return grpc::Status::OK;
  }
  void Refuse(const std::string& token, const std::string& refusal) {
    MutexLock lock(mu_);
    refused_ = token;
    refusal_ = refusal;
  }
  std::vector<std::string> tokens() {
    MutexLock lock(mu_);
    return tokens_;
  }
  std::string device() {  // of the latest call; empty for none
    MutexLock lock(mu_);
    return device_;
  }
  int calls() {
    MutexLock lock(mu_);
    return calls_;
  }

 private:
  Mutex mu_;
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mu_);
  std::string device_ ABSL_GUARDED_BY(mu_);
  std::string refused_ ABSL_GUARDED_BY(mu_), refusal_ ABSL_GUARDED_BY(mu_);
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};

// The unary method of the service that is called.
class UnaryTarget final : public v1::UserService::CallbackService {
 public:
  explicit UnaryTarget(TokenLog& log) : log_(log) {}
  grpc::ServerUnaryReactor* GetCurrentUser(grpc::CallbackServerContext* context,
                                           const v1::GetCurrentUserRequest*,
                                           v1::GetCurrentUserResponse*) override {
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(log_.Take(*context));
    return reactor;
  }

 private:
  TokenLog& log_;
};

// The streaming one: answers each message with a heartbeat.
class StreamTarget final : public v1::AuthService::Service {
 public:
  explicit StreamTarget(TokenLog& log) : log_(log) {}
  grpc::Status WatchRevocations(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::WatchRevocationsResponse, v1::WatchRevocationsRequest>* stream)
      override {
    const grpc::Status status = log_.Take(*context);
    if (!status.ok()) return status;
    v1::WatchRevocationsRequest request;
    v1::WatchRevocationsResponse response;
    response.mutable_heartbeat();
    while (stream->Read(&request)) stream->Write(response);
    return grpc::Status::OK;
  }

 private:
  TokenLog& log_;
};

// A server on a port of its own on loopback, or at `address`; ends with the object.
class RunningServer {
 public:
  RunningServer(const std::vector<grpc::Service*>& services,
                const std::shared_ptr<grpc::ServerCredentials>& credentials,
                const std::string& address = "") {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address.empty() ? "127.0.0.1:0" : address, credentials, &port);
    for (grpc::Service* const service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    address_ = address.empty() ? absl::StrCat("127.0.0.1:", port) : address;
  }
  ~RunningServer() { Stop(); }

  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::time_point());
  }
  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CALLER_FAKE_AUTH_SERVER_H_
