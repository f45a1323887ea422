// A service account's tokens: each is asked for anew, with the credentials as they are then.
#ifndef TESSERA_CALLER_SERVICE_GRANT_SOURCE_H_
#define TESSERA_CALLER_SERVICE_GRANT_SOURCE_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/clock.h"
#include "tessera/caller/auth_requests.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/grant_source.h"

namespace tessera {

// INVALID_ARGUMENT: not exactly one way to prove oneself, or one that lacks something.
absl::Status CheckServiceCredentials(const ServiceCredentials& credentials);

// Thread-safe. `clock` must outlive it.
class ServiceGrantSource final : public GrantSource {
 public:
  ServiceGrantSource(const AuthRequestsOptions& options, ServiceCredentials credentials,
                     const Clock& clock)
      : credentials_(std::move(credentials)), clock_(clock), requests_(options) {}
  ~ServiceGrantSource() override { Close(); }

  void Login(GrantDone done) override;
  void Renew(const Grant&, GrantDone done) override { Login(std::move(done)); }
  // There is no session to end.
  void Logout(const Secret&, Done done) override { done(absl::OkStatus()); }
  // Waits for the secret source to return, if it is running.
  void Close() override { requests_.Close(); }

 private:
  // A request with its credential. Blocks on files.
  absl::StatusOr<v1::IssueTokenRequest> MakeRequest() const;
  void Send(v1::IssueTokenRequest request, const GrantDone& done);

  const ServiceCredentials credentials_;
  const Clock& clock_;
  AuthRequests requests_;  // the last member: its thread uses the others
};

}  // namespace tessera

#endif  // TESSERA_CALLER_SERVICE_GRANT_SOURCE_H_
