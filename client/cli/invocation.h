// One run of the program: what it was given, and the server's methods as plain calls.
#ifndef TESSERA_CLI_INVOCATION_H_
#define TESSERA_CLI_INVOCATION_H_

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tessera/base/clock.h"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/cli/api.h"
#include "tessera/cli/context_store.h"
#include "tessera/cli/credential_store.h"
#include "tessera/cli/device_store.h"
#include "tessera/cli/output.h"
#include "tessera/cli/prompt.h"
#include "tessera/cli/proof_store.h"
#include "tessera/cli/settings.h"
#include "tessera/cli/token_keeper.h"

namespace tessera::cli {

// What the program stands on. Everything must outlive the run.
struct World {
  std::ostream& out;
  std::ostream& err;
  Sources sources;
  Environment environment;
  const Clock& clock;
  bool err_is_terminal = false;  // progress is shown
};

// Not thread-safe.
class Invocation {
 public:
  Invocation(World& world, Flags flags, Settings settings);

  World& world() { return world_; }
  const Flags& flags() const { return flags_; }
  const Settings& settings() const { return settings_; }
  const ContextStore& contexts() const { return contexts_; }
  const CredentialStore& credentials() const { return credentials_; }
  const DeviceStore& devices() const { return devices_; }
  const ProofStore& proofs() const { return proofs_; }
  bool json() const { return settings_.json; }

  // Connects when first asked. Warns about plaintext to another machine, each time.
  absl::StatusOr<Api*> Server();

  // A public method of AuthService.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAuth(AuthMethod<Request, Response> method, const Request& request) {
    absl::StatusOr<Api*> api = Server();
    if (!api.ok()) return api.status();
    return (*api)->CallAuth(method, request);
  }

  // A method of AuthService that asks who is calling, with a live token for tessera itself; once
  // more with a new token if that one was refused.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAuthAsUser(AuthMethod<Request, Response> method,
                                          const Request& request) {
    return AsUser<Response>(
        [&](const Secret& token) { return api_->CallAuth(method, request, token); });
  }

  // Likewise, of UserService.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallUsers(UserMethod<Request, Response> method, const Request& request) {
    return AsUser<Response>(
        [&](const Secret& token) { return api_->CallUsers(method, request, token); });
  }

  // A public method of UserService.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallUsersAsNobody(UserMethod<Request, Response> method,
                                             const Request& request) {
    absl::StatusOr<Api*> api = Server();
    if (!api.ok()) return api.status();
    return (*api)->CallUsers(method, request);
  }

  // As TokenKeeper::Token.
  absl::StatusOr<Secret> LiveToken(const std::string& audience);
  // As TokenKeeper::TokenInsteadOf; `refused` is what LiveToken gave.
  absl::StatusOr<Secret> LiveTokenInsteadOf(const std::string& audience, const Secret& refused) {
    return keeper_->TokenInsteadOf(audience, refused);
  }
  // Whether a newer token may get past a refusal with this reason.
  static bool RenewalMends(std::string_view why);

  void PrintJson(const nlohmann::ordered_json& value);
  void PrintLine(const std::string& text);  // escaped; nothing with --json

 private:
  // `call(token)` once, and once more if its token was refused.
  template <typename Response, typename Call>
  absl::StatusOr<Response> AsUser(const Call& call) {
    absl::StatusOr<Secret> token = LiveToken("");
    if (!token.ok()) return token.status();
    absl::StatusOr<Response> response = call(*token);
    const absl::Status& status = response.status();
    if (!absl::IsUnauthenticated(status) || !RenewalMends(ReasonOf(status))) return response;
    token = LiveTokenInsteadOf("", *token);
    if (!token.ok()) return token.status();
    return call(*token);
  }

  World& world_;
  Flags flags_;
  Settings settings_;
  ContextStore contexts_;
  CredentialStore credentials_;
  DeviceStore devices_;
  ProofStore proofs_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<TokenKeeper> keeper_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_INVOCATION_H_
