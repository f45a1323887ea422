#include "tessera/guard/interceptor.h"

#include <grpc/grpc.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <forward_list>
#include <map>
#include <string>
#include <utility>

namespace tessera::guard {
namespace {

namespace experimental = grpc::experimental;
using Headers = std::multimap<grpc::string_ref, grpc::string_ref>;

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

Presented Read(const TokenCookie& cookie, const Headers& headers) {
  PresentedScan scan(cookie);
  for (const auto& [key, value] : headers) scan.See(View(key), View(value));
  return scan.Result();
}

// With the token, where the method's rule lets its service call on behalf of the caller.
std::shared_ptr<const Principal> PrincipalFor(const KnownToken& known, const Rule* rule,
                                              const Bearer& bearer) {
  if (rule == nullptr || !rule->forwards_token) return known.principal;
  auto principal = std::make_shared<Principal>(*known.principal);
  principal->token = std::make_shared<const KeptToken>(
      KeptToken{Secret::CopyOf(bearer.token), known.token.claims().expires_at});
  return principal;
}

StreamEnd EndOf(const Rule* rule) {
  return rule == nullptr ? StreamEnd() : StreamEnd{rule->stream, rule->stream_grace};
}

class CallInterceptor final : public experimental::Interceptor {
 public:
  CallInterceptor(const std::shared_ptr<Core>& core, experimental::ServerRpcInfo* info)
      : core_(core),
        context_(info->server_context()),
        path_(info->method()),
        // Of a generic service's calls gRPC says BIDI_STREAMING, whatever they are.
        streams_(info->type() != experimental::ServerRpcInfo::Type::UNARY) {}

  // The call lives until this has returned.
  ~CallInterceptor() override {
    if (stream_id_ != 0) core_->streams().Unregister(stream_id_);
    core_->principals().Unpin(context_, this);
  }

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      Enter(*methods->GetRecvInitialMetadata());
    }
    methods->Proceed();
  }

 private:
  void Enter(Headers& headers) {
    Presented presented = Read(core_->options().cookie, headers);
    const CallPeer peer(context_->c_call(), core_->certificates_are_verified(),
                        core_->certificates());
    presented.peer = &peer;
    auto known = core_->Claim(path_, presented);
    const bool anonymous = !known.ok() || *known == nullptr;
    const Rule* const rule = core_->RuleOf(path_);
    // Always: a call whose context had this address before may not have unpinned its own yet.
    core_->principals().Pin(
        context_, this,
        anonymous ? AnonymousPrincipal() : PrincipalFor(**known, rule, presented.bearer));
    if (!known.ok()) {
      core_->NoteRefusal(path_, presented.bearer, known.status());
      Cancel(known.status());
    } else if (!anonymous && streams_) {
      stream_id_ = core_->streams().Register(context_->c_call(), *known, EndOf(rule));
    }
    Scrub(headers);
  }

  // Takes tokens and device ids out of what the handler sees, and leaves it the other cookies.
  void Scrub(Headers& headers) {
    const HiddenHeaders hidden = core_->HiddenFrom(path_);
    for (auto header = headers.begin(); header != headers.end();) {
      const bool keeps = !MustHide(View(header->first), hidden) || KeepsOthers(*header);
      header = keeps ? std::next(header) : headers.erase(header);
    }
  }

  bool KeepsOthers(Headers::value_type& header) {
    const std::string_view key = View(header.first);
    if (IsTokenHeader(key) || key == kDeviceHeader) return false;
    cookies_.push_front(WithoutCookie(View(header.second), core_->options().cookie.name));
    const std::string& rest = cookies_.front();
    header.second = grpc::string_ref(rest.data(), rest.size());
    return !rest.empty();
  }

  void Cancel(const absl::Status& refusal) {
    const std::string message(refusal.message());
    grpc_call_cancel_with_status(context_->c_call(), static_cast<grpc_status_code>(refusal.code()),
                                 message.c_str(), nullptr);
  }

  const std::shared_ptr<Core> core_;
  grpc::ServerContextBase* const context_;
  const std::string path_;
  const bool streams_;
  std::forward_list<std::string> cookies_;  // as the handler sees them; they stay where they are
  // Atomic, because gRPC enters and destroys this on different threads, and thread sanitizers
  // cannot see how it hands the call on.
  std::atomic<uint64_t> stream_id_{0};
};

// The headers are the derived contexts' to show; a pointer to member reaches them in any.
struct ShownContext : grpc::ServerContextBase {
  static const Headers& HeadersOf(const grpc::ServerContextBase& context) {
    return (context.*(&ShownContext::client_metadata))();
  }
};

bool ShowsSecret(const grpc::ServerContextBase& context, const HiddenHeaders& hidden) {
  const Headers& headers = ShownContext::HeadersOf(context);
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return MustHide(View(header.first), hidden); });
}

}  // namespace

experimental::Interceptor* InterceptorFactory::CreateServerInterceptor(
    experimental::ServerRpcInfo* info) {
  if (core_->IsPublic(info->method()) &&
      !ShowsSecret(*info->server_context(), core_->HiddenFrom(info->method()))) {
    core_->principals().Clear(info->server_context());
    return nullptr;
  }
  return new CallInterceptor(core_, info);
}

}  // namespace tessera::guard
