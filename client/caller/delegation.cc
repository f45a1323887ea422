#include "tessera/caller/delegation.h"

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <map>
#include <string>
#include <utility>

#include "tessera/base/reason.h"

namespace tessera {
namespace {

// Fails every call that asks it.
class RefusingPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "tessera-on-behalf-of"; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<std::string, std::string>*) override {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "credentials on behalf of somebody are for channels of a caller, and "
                        "cannot be combined with others");
  }
};

// Lives as long as the process: gRPC gives it threads.
const std::shared_ptr<grpc::CallCredentials>& Refusing() {
  static const auto* const refusing = new std::shared_ptr<grpc::CallCredentials>(
      grpc::MetadataCredentialsFromPlugin(std::make_unique<RefusingPlugin>()));
  return *refusing;
}

// Deletes nothing: keeps what the pointer stands for.
struct StandsFor {
  std::shared_ptr<TokenSupply> supply;
  void operator()(grpc::CallCredentials*) const {}
};

TokenResult Only(const Secret& token) {
  auto live = std::make_shared<LiveToken>();
  live->text = token;
  live->serial = 1;
  return TokenResult(std::move(live));
}

}  // namespace

std::shared_ptr<grpc::CallCredentials> CredentialsFor(std::shared_ptr<TokenSupply> supply) {
  return {Refusing().get(), StandsFor{std::move(supply)}};
}

std::shared_ptr<TokenSupply> SupplyOf(const std::shared_ptr<grpc::CallCredentials>& credentials) {
  const auto* const stands_for = std::get_deleter<StandsFor>(credentials);
  return stands_for == nullptr ? nullptr : stands_for->supply;
}

FixedToken::FixedToken(const Secret& token, absl::Time expires_at, const Clock& clock)
    : result_(Only(token)), expires_at_(expires_at), clock_(clock) {}

FixedToken::FixedToken(absl::Status refusal)
    : result_(std::move(refusal)), expires_at_(absl::InfiniteFuture()), clock_(SystemClock()) {}

std::optional<TokenResult> FixedToken::Current() {
  if (clock_.Now() >= expires_at_) return TokenResult(SubjectExpired());
  return result_;
}

absl::Status SubjectExpired() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenExpired,
                 "the token of the call that is being served has expired");
}

}  // namespace tessera
