// A user's session at tesserad, by name and password.
#ifndef TESSERA_CALLER_USER_GRANT_SOURCE_H_
#define TESSERA_CALLER_USER_GRANT_SOURCE_H_

#include <utility>

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

  const UserLogin login_;
  AuthRequests requests_;  // the last member: its thread uses the others
};

}  // namespace tessera

#endif  // TESSERA_CALLER_USER_GRANT_SOURCE_H_
