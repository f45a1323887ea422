#include "tessera/cli/invocation.h"

#include <optional>
#include <ostream>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/connection.h"

namespace tessera::cli {

using tessera::v1::RenewTokenRequest;
using tessera::v1::RenewTokenResponse;

Invocation::Invocation(World& world, Flags flags, Settings settings)
    : world_(world),
      flags_(std::move(flags)),
      settings_(std::move(settings)),
      contexts_(settings_.folder),
      credentials_(settings_.folder, settings_.context_name),
      devices_(settings_.folder, settings_.context_name),
      proofs_(settings_.folder, settings_.context_name) {}

absl::StatusOr<Api*> Invocation::Server() {
  if (api_ != nullptr) return api_.get();
  const Context& context = settings_.context;
  TESSERA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, Connect(context));
  TESSERA_ASSIGN_OR_RETURN(const std::string host, HostOf(context.server));
  if (context.plaintext && !IsLoopback(host)) {
    PrintWarning("PLAINTEXT to another machine: everybody on the way to " + context.server +
                     " can read passwords and tokens",
                 json(), world_.err);
  }
  TESSERA_ASSIGN_OR_RETURN(std::optional<Secret> device_id, devices_.FindFor(context.server));
  api_ = std::make_unique<Api>(channel, Api::Options{context.server, settings_.timeout,
                                                     std::move(device_id), context.plaintext});
  return api_.get();
}

absl::StatusOr<Secret> Invocation::LiveToken(const std::string& audience) {
  if (keeper_ == nullptr) {
    TESSERA_ASSIGN_OR_RETURN(Api* const api, Server());
    RenewCall renew = [api](const StoredGrant& held, bool again) {
      RenewTokenRequest request;
      request.set_refresh_token(std::string(held.refresh_token.Reveal()));
      request.set_access_token(std::string(held.access_token.Reveal()));
      if (api->device_id().has_value()) {
        request.set_device_id(std::string(api->device_id()->Reveal()));
      }
      auto response = again ? api->CallAuthAgain(&AuthStub::RenewToken, request)
                            : api->CallAuth(&AuthStub::RenewToken, request);
      WipeString(*request.mutable_refresh_token());
      WipeString(*request.mutable_access_token());
      WipeString(*request.mutable_device_id());
      return response;
    };
    keeper_ = std::make_unique<TokenKeeper>(
        credentials_, std::move(renew), world_.clock,
        // Whoever holds the lock may use up its own two time-outs.
        TokenKeeper::Options{settings_.context.server, settings_.timeout * 2 + absl::Seconds(1)});
  }
  return keeper_->Token(audience);
}

bool Invocation::RenewalMends(std::string_view why) {
  return why == reason::kTokenExpired || why == reason::kTokenRevoked ||
         why == reason::kTokenUnknownKey;
}

void Invocation::PrintJson(const nlohmann::ordered_json& value) {
  world_.out << value.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void Invocation::PrintLine(const std::string& text) {
  if (!json()) world_.out << EscapeForTerminal(text) << '\n';
}

}  // namespace tessera::cli
