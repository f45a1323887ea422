// Puts the token on every call of a channel.
#ifndef TESSERA_CALLER_TOKEN_INTERCEPTOR_H_
#define TESSERA_CALLER_TOKEN_INTERCEPTOR_H_

#include <grpcpp/support/client_interceptor.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/base/secret.h"
#include "tessera/caller/token_supply.h"

namespace grpc {
class CallCredentials;
}

namespace tessera {

// True if a server refused a call because of its token (UNAUTHENTICATED with a TOKEN_ reason).
bool IsTokenRefusal(const grpc::Status& status);

// How a token gets on a call: as metadata, or as call credentials that look at the connection
// first. Thread-safe.
class TokenCarrier {
 public:
  TokenCarrier(bool allow_plaintext, Secret device_id)
      : allow_plaintext_(allow_plaintext), device_id_(std::move(device_id)) {}

  bool allow_plaintext() const { return allow_plaintext_; }
  void Put(const LiveToken& token, grpc::experimental::InterceptorBatchMethods& methods,
           grpc::ClientContext& context);
  // A token of somebody else's, in place of the call's own credentials; without the device id,
  // which is this program's.
  void PutAlone(const LiveToken& token, grpc::experimental::InterceptorBatchMethods& methods,
                grpc::ClientContext& context);
  // For a call that has not begun, and no interceptor.
  void PutOn(const LiveToken& token, grpc::ClientContext& context);

 private:
  std::shared_ptr<grpc::CallCredentials> CredentialsOf(const LiveToken& token);

  const bool allow_plaintext_;
  const Secret device_id_;  // empty: calls name none
  Mutex mu_;
  uint64_t serial_ ABSL_GUARDED_BY(mu_) = 0;  // of what credentials_ were made from
  std::shared_ptr<grpc::CallCredentials> credentials_ ABSL_GUARDED_BY(mu_);
};

// What all interceptors of a caller share.
struct CallPolicy {
  std::shared_ptr<TokenSupply> supply;  // of calls that say nothing else
  std::shared_ptr<TokenCarrier> carrier;
  absl::Duration wait_limit;
  absl::Status refusal;  // not OK: every call of this channel fails with it
};

class TokenInterceptorFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(CallPolicy policy) : policy_(std::move(policy)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override;

 private:
  const CallPolicy policy_;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_INTERCEPTOR_H_
