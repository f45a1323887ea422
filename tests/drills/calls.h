// The calls that drills make, each with a deadline, and what an answer lets a client believe.
#ifndef TESSERA_TESTS_DRILLS_CALLS_H_
#define TESSERA_TESTS_DRILLS_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::testing {

struct Answer {
  grpc::Status status;

  bool done() const { return status.ok(); }
  // Nothing is known of what was asked for: it may have happened or not. To be asked again.
  bool open() const;
  std::string reason() const;
  std::string Text() const;  // for people: code and message
};

// Asks until the answer is clear, at most for a minute; the last answer.
Answer AskUntilClear(absl::FunctionRef<Answer()> ask);

// One connection's worth of calls. Thread-safe.
class Calls {
 public:
  Calls(std::shared_ptr<grpc::Channel> channel, absl::Duration limit);

  // A result is written only when the answer is done.
  Answer Login(const std::string& username, const std::string& password,
               const std::string& audience, v1::TokenGrant& grant) const;
  Answer Renew(const std::string& refresh_token, v1::TokenGrant& grant) const;
  Answer Revoke(const std::string& token) const;
  Answer Validate(const std::string& token, v1::ValidateTokenResponse& known) const;
  Answer Jwks(std::string& json) const;
  // These act as the administrator whose token it is.
  Answer CreateUser(const std::string& admin, const std::string& username,
                    const std::string& password, std::string& id) const;
  Answer FindUser(const std::string& admin, const std::string& username, std::string& id) const;
  Answer CreateRole(const std::string& admin, const std::string& role) const;
  Answer GrantRole(const std::string& admin, const std::string& user_id,
                   const std::string& role) const;
  Answer HoldsRole(const std::string& admin, const std::string& user_id, const std::string& role,
                   bool& holds) const;

 private:
  std::unique_ptr<grpc::ClientContext> Context(const std::string& token = "") const;

  const std::unique_ptr<v1::AuthService::Stub> auth_;
  const std::unique_ptr<v1::UserService::Stub> users_;
  const absl::Duration limit_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_CALLS_H_
