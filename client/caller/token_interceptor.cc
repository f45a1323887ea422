#include "tessera/caller/token_interceptor.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tessera/base/clock.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/delegation.h"
#include "tessera/caller/parked_call.h"
#include "tessera/caller/reason.h"
#include "tessera/caller/transport_security.h"

namespace tessera {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;

constexpr char kHeader[] = "authorization";

absl::Status AuthorizationSet() {
  return Refusal(absl::StatusCode::kInvalidArgument, reason::kAuthorizationSet,
                 "the call brings authorization metadata of its own on a channel whose caller "
                 "adds the token");
}

absl::Status Cancelled() { return absl::CancelledError("cancelled while waiting for a token"); }

std::string HeaderOf(const LiveToken& token) {
  return "Bearer " + std::string(token.text.Reveal());
}

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

// The interceptor of one call. Batches of a call may run at once, so what they share is guarded.
//
// A call that cannot have its token is ended by cancelling it with a status and letting it go on:
// gRPC sends nothing of a call that was cancelled before its first batch. Hijack would not do for
// streams of the callback API, whose other batches are on their way before the token is decided on.
class TokenInterceptor final : public grpc::experimental::Interceptor {
 public:
  TokenInterceptor(const CallPolicy& policy, grpc::ClientContext& context)
      : policy_(policy),
        context_(context),
        delegation_(SupplyOf(context.credentials())),
        supply_(delegation_ == nullptr ? *policy.supply : *delegation_) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_CANCEL)) {
      EndWait();
    } else if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      Inspect(*methods->GetRecvStatus());
    } else if (methods->QueryInterceptionHookPoint(
                   InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      return Begin(*methods);
    }
    methods->Proceed();
  }

 private:
  void Begin(InterceptorBatchMethods& methods);
  void Park(InterceptorBatchMethods& methods);
  // The call goes on: with its token, or cancelled. It may be over, and this object gone, after it.
  void GoOn(InterceptorBatchMethods& methods, const TokenResult& result);
  void EndWait();
  void Inspect(grpc::Status& status);

  const CallPolicy& policy_;  // of the factory, which the channel holds
  grpc::ClientContext& context_;
  const std::shared_ptr<TokenSupply> delegation_;  // null: the caller's own token
  TokenSupply& supply_;

  Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<ParkedCall> parked_ ABSL_GUARDED_BY(mu_);
  std::optional<grpc::Status> failure_ ABSL_GUARDED_BY(mu_);  // what the call is to end with
  uint64_t serial_ ABSL_GUARDED_BY(mu_) = 0;                  // of the token it carries
};

void TokenInterceptor::Begin(InterceptorBatchMethods& methods) {
  if (!policy_.refusal.ok()) return GoOn(methods, policy_.refusal);
  if (methods.GetSendInitialMetadata()->count(kHeader) > 0) {
    return GoOn(methods, AuthorizationSet());
  }
  const auto now = supply_.Current();
  if (now.has_value()) return GoOn(methods, *now);
  Park(methods);
}

void TokenInterceptor::Park(InterceptorBatchMethods& methods) {
  auto slot = std::make_shared<std::weak_ptr<ParkedCall>>();
  const auto parked = std::make_shared<ParkedCall>(
      [this, &methods, slot](const std::optional<TokenResult>& result) {
        if (result.has_value()) return GoOn(methods, *result);
        if (const auto self = slot->lock()) supply_.Forget(*self);
        GoOn(methods, WaitedInVain(supply_.LastFailure()));
      });
  *slot = parked;
  {
    MutexLock lock(mu_);
    parked_ = parked;
    if (cancelled_) parked->Answer(Cancelled());
  }
  auto now = supply_.CurrentOrWait(parked);
  if (now.has_value()) parked->Answer(*std::move(now));
  const absl::Time longest = SystemClock().Now() + policy_.wait_limit;
  parked->Arm(std::min(longest, absl::FromChrono(context_.deadline())));
}

void TokenInterceptor::GoOn(InterceptorBatchMethods& methods, const TokenResult& result) {
  if (result.ok()) {
    TokenCarrier& carrier = *policy_.carrier;
    delegation_ == nullptr ? carrier.Put(**result, methods, context_)
                           : carrier.PutAlone(**result, methods, context_);
    MutexLock lock(mu_);
    serial_ = (*result)->serial;
    parked_.reset();
  } else {
    const grpc::Status failure = ToGrpc(result.status());
    grpc_call_cancel_with_status(context_.c_call(),
                                 static_cast<grpc_status_code>(failure.error_code()),
                                 failure.error_message().c_str(), nullptr);
    MutexLock lock(mu_);
    failure_ = failure;
    parked_.reset();
  }
  methods.Proceed();
}

void TokenInterceptor::EndWait() {
  std::shared_ptr<ParkedCall> parked;
  {
    MutexLock lock(mu_);
    cancelled_ = true;
    parked = parked_;
  }
  if (parked == nullptr) return;
  supply_.Forget(*parked);
  parked->Answer(Cancelled());
}

void TokenInterceptor::Inspect(grpc::Status& status) {
  uint64_t serial = 0;
  {
    MutexLock lock(mu_);
    if (failure_.has_value()) {
      status = *failure_;
      return;
    }
    serial = serial_;
  }
  if (serial == 0) {  // over before its token came
    const bool late = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (late) status = ToGrpc(WaitedInVain(supply_.LastFailure()));
    return EndWait();
  }
  if (!policy_.carrier->allow_plaintext() && IsPlaintextRefusal(status)) {
    status = ToGrpc(PlaintextRefused());
  } else if (IsTokenRefusal(status)) {
    supply_.Refused(serial);
  }
}

}  // namespace

bool IsTokenRefusal(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED &&
         ReasonOf(status).rfind("TOKEN_", 0) == 0;
}

void TokenCarrier::PutAlone(const LiveToken& token, InterceptorBatchMethods& methods,
                            grpc::ClientContext& context) {
  if (allow_plaintext_) {
    methods.GetSendInitialMetadata()->emplace(kHeader, HeaderOf(token));
    grpc_call_set_credentials(context.c_call(), nullptr);
  } else {
    SendOverPrivateConnection(*context.c_call(), token.text);
  }
}

void TokenCarrier::PutOn(const LiveToken& token, grpc::ClientContext& context) {
  if (allow_plaintext_) {
    context.AddMetadata(kHeader, HeaderOf(token));
  } else {
    context.set_credentials(CredentialsOf(token));
  }
}

void TokenCarrier::Put(const LiveToken& token, InterceptorBatchMethods& methods,
                       grpc::ClientContext& context) {
  if (allow_plaintext_) {
    methods.GetSendInitialMetadata()->emplace(kHeader, HeaderOf(token));
    if (!device_id_.empty()) {
      methods.GetSendInitialMetadata()->emplace(kDeviceHeader, std::string(device_id_.Reveal()));
    }
    return;
  }
  const auto own = context.credentials();
  const auto carried = CredentialsOf(token);
  context.set_credentials(own == nullptr ? carried : grpc::CompositeCallCredentials(own, carried));
}

std::shared_ptr<grpc::CallCredentials> TokenCarrier::CredentialsOf(const LiveToken& token) {
  MutexLock lock(mu_);
  if (credentials_ == nullptr || serial_ != token.serial) {
    credentials_ = OverPrivateConnection({token.text, device_id_});
    serial_ = token.serial;
  }
  return credentials_;
}

grpc::experimental::Interceptor* TokenInterceptorFactory::CreateClientInterceptor(
    grpc::experimental::ClientRpcInfo* info) {
  return new TokenInterceptor(policy_, *info->client_context());
}

}  // namespace tessera
