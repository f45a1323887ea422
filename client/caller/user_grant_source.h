// A user's session at tesserad, by name and password.
#ifndef TESSERA_CALLER_USER_GRANT_SOURCE_H_
#define TESSERA_CALLER_USER_GRANT_SOURCE_H_

#include <string>
#include <utility>

#include "tessera/base/mutex.h"
#include "tessera/base/secret.h"
#include "tessera/caller/auth_requests.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/grant_source.h"

namespace tessera {

// Thread-safe.
class UserGrantSource final : public GrantSource {
 public:
  UserGrantSource(const AuthRequestsOptions& options, UserLogin login)
      : login_(std::move(login)), requests_(options) {}
  ~UserGrantSource() override { Close(); }

  void Login(GrantDone done) override;
  // Brings the access token too, for servers that ask for it.
  void Renew(const Grant& held, GrantDone done) override;
  void Logout(const Secret& refresh_token, Done done) override;
  // Waits for the password source to return, if it is running.
  void Close() override { requests_.Close(); }

 private:
  void SendLogin(const Secret& password, const GrantDone& done);
  void Keep(std::string device_proof) ABSL_LOCKS_EXCLUDED(mu_);
  std::string DeviceProof() const ABSL_LOCKS_EXCLUDED(mu_);

  const UserLogin login_;
  mutable Mutex mu_;
  // What the last login was given: strangers' attempts do not hold the next one up.
  Secret device_proof_ ABSL_GUARDED_BY(mu_);
  AuthRequests requests_;  // the last member: its thread uses the others
};

}  // namespace tessera

#endif  // TESSERA_CALLER_USER_GRANT_SOURCE_H_
