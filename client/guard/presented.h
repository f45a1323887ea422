// What a call shows of its caller: token, device, and the connection's client certificate.
#ifndef TESSERA_GUARD_PRESENTED_H_
#define TESSERA_GUARD_PRESENTED_H_

#include <string>
#include <string_view>
#include <vector>

#include "tessera/base/cookie.h"
#include "tessera/guard/bearer.h"
#include "tessera/guard/token_cookie.h"

namespace tessera::guard {

// Metadata by which a call names its device; with it a token that was stolen from the device alone
// is of no use where a rule asks for one.
inline constexpr std::string_view kDeviceHeader = "tessera-device-id";

// The other end of the connection, as far as its TLS handshake proved it.
class Peer {
 public:
  virtual ~Peer() = default;
  // As in the claim `cnf.x5t#S256`; empty if the handshake verified no client certificate. Takes
  // time: asked only about tokens that are bound to one.
  virtual std::string CertificateThumbprint() const = 0;
};

struct Presented {
  Bearer bearer;
  // The device's id; several are as bad as another's.
  std::string_view device_id;
  bool several_devices = false;
  const Peer* peer = nullptr;  // null: no certificate
};

// Fed with every header of a call; the views must live as long as the answer is used, the options
// as long as the scan.
class PresentedScan {
 public:
  explicit PresentedScan(const TokenCookie& cookie) : cookie_(cookie), found_(cookie.name) {}

  void See(std::string_view key, std::string_view value);
  // The token is the header's or the cookie's; both, or the cookie twice, are several. A cookie
  // that a page of another origin may have made the browser send is no token.
  Presented Result() const;

 private:
  void SeeForCookie(std::string_view key, std::string_view value);
  bool IsOriginAllowed() const;
  Bearer FindBearer() const;

  const TokenCookie& cookie_;
  BearerScan bearer_;
  int devices_ = 0;
  std::string_view device_id_;
  CookieScan found_;
  bool grpc_web_ = false;
  int origins_ = 0;
  std::string_view origin_;
};

// What a handler must not see, for with it the handler could call others as its caller. The cookie
// must outlive this.
struct HiddenHeaders {
  const TokenCookie& cookie;  // without a name: none
  bool device_id = true;
};
// Whether the handler must not see a header of this name as it is.
bool MustHide(std::string_view key, const HiddenHeaders& hidden);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_PRESENTED_H_
