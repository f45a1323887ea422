#include "tessera/caller/service_grant_source.h"

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/caller/auth_failure.h"
#include "tessera/caller/client_assertion.h"
#include "tessera/token/bearer_token.h"
#include "tessera/token/key.h"

namespace tessera {
namespace {

// No key, secret or Kubernetes token is longer.
constexpr size_t kMaxFileBytes = size_t{16} * 1024;

// What a file holds; UNAVAILABLE while it cannot be read: it may be about to be replaced.
absl::StatusOr<Secret> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kMaxFileBytes + 1, '\0');
  if (file) file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto size = static_cast<size_t>(file.gcount());
  Secret content = Secret::CopyOf(std::string_view(bytes).substr(0, size));
  WipeString(bytes);
  if (!file.is_open() || file.bad() || size == 0) {
    return absl::UnavailableError("the file cannot be read, or is empty");
  }
  if (size > kMaxFileBytes) return absl::InvalidArgumentError("the file is longer than 16 KiB");
  return content;
}

absl::StatusOr<Secret> ReadFirstLine(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(const Secret content, ReadWhole(path));
  std::string_view line = content.Reveal();
  line = line.substr(0, line.find_first_of("\r\n"));
  if (line.empty()) return absl::UnavailableError("the file's first line is empty");
  return Secret::CopyOf(line);
}

absl::StatusOr<Secret> MakeAssertion(const AssertionKey& with, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const Secret jwk, ReadWhole(with.key_file));
  TESSERA_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPrivateJwk(jwk.Reveal()));
  return SignClientAssertion(with.service_account_id, with.issuer, key, now);
}

absl::Status NoCredential(const absl::Status& cause) {
  const auto code = absl::IsUnavailable(cause) ? cause.code() : absl::StatusCode::kUnauthenticated;
  return Refusal(code, reason::kCredentialSource,
                 absl::StrCat("the service account's credential source answered ",
                              absl::StatusCodeToString(cause.code())));
}

absl::StatusOr<Grant> TakeGrant(v1::IssueTokenResponse& from) {
  if (!IsBearerToken(from.access_token())) {
    return absl::FailedPreconditionError("the auth server's answer holds no usable token");
  }
  Grant grant;
  grant.access_token = Secret(std::move(*from.mutable_access_token()));
  grant.access_expires_at = TimeOf(from.access_expires_at());
  return grant;
}

// Takes the credential out of a request that has been answered.
Secret TakeCredential(v1::IssueTokenRequest& request) {
  switch (request.credential_case()) {
    case v1::IssueTokenRequest::kSecret:
      return Secret(std::move(*request.mutable_secret()));
    case v1::IssueTokenRequest::kAssertion:
      return Secret(std::move(*request.mutable_assertion()));
    case v1::IssueTokenRequest::kKubernetesToken:
      return Secret(std::move(*request.mutable_kubernetes_token()));
    default:
      return Secret();
  }
}

}  // namespace

SecretSource SecretFromFile(std::string path) {
  return [path = std::move(path)] { return ReadFirstLine(path); };
}

absl::Status CheckServiceCredentials(const ServiceCredentials& credentials) {
  const int ways = (credentials.secret != nullptr ? 1 : 0) + (credentials.assertion ? 1 : 0) +
                   (credentials.kubernetes_token_file.empty() ? 0 : 1) +
                   (credentials.certificate ? 1 : 0);
  if (ways != 1) {
    return absl::InvalidArgumentError(
        "service: exactly one of secret, assertion, kubernetes_token_file, certificate is wanted");
  }
  if (!credentials.assertion.has_value()) return absl::OkStatus();
  const AssertionKey& key = *credentials.assertion;
  if (key.service_account_id.empty() || key.key_file.empty() || key.issuer.empty()) {
    return absl::InvalidArgumentError(
        "service.assertion: service_account_id, key_file and issuer are required");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::IssueTokenRequest> ServiceGrantSource::MakeRequest() const {
  v1::IssueTokenRequest request;
  request.set_audience(credentials_.audience);
  request.mutable_scopes()->Assign(credentials_.scopes.begin(), credentials_.scopes.end());
  if (credentials_.secret != nullptr) {
    TESSERA_ASSIGN_OR_RETURN(const Secret secret, credentials_.secret());
    request.set_secret(std::string(secret.Reveal()));
  } else if (credentials_.assertion.has_value()) {
    TESSERA_ASSIGN_OR_RETURN(const Secret jwt,
                             MakeAssertion(*credentials_.assertion, clock_.Now()));
    request.set_assertion(std::string(jwt.Reveal()));
  } else if (!credentials_.kubernetes_token_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const Secret token, ReadFirstLine(credentials_.kubernetes_token_file));
    request.set_kubernetes_token(std::string(token.Reveal()));
  } else {
    request.mutable_certificate();
  }
  return request;
}

void ServiceGrantSource::Login(GrantDone done) {
  requests_.OnThread([this, done = std::move(done)] {
    absl::StatusOr<v1::IssueTokenRequest> request = MakeRequest();
    if (!request.ok()) return done(NoCredential(request.status()));
    Send(*std::move(request), done);
  });
}

void ServiceGrantSource::Send(v1::IssueTokenRequest request, const GrantDone& done) {
  const auto flight =
      std::make_shared<AuthExchange<v1::IssueTokenRequest, v1::IssueTokenResponse>>();
  auto* const call = flight.get();
  call->request = std::move(request);
  if (!requests_.Prepare(flight)) return;
  requests_.stub().async()->IssueToken(
      &call->context, &call->request, &call->response,
      call->Then([call, done](const grpc::Status& status) {
        const Secret sent = TakeCredential(call->request);
        if (!status.ok()) return done(AuthFailure("request for a token", status, sent));
        done(TakeGrant(call->response));
      }));
}

}  // namespace tessera
