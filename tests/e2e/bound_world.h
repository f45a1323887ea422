// A tesserad and a guarded service whose ports verify the certificates of clients, and where tokens
// are bound to certificates and devices, or travel in cookies.
#ifndef TESSERA_TESTS_E2E_BOUND_WORLD_H_
#define TESSERA_TESTS_E2E_BOUND_WORLD_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/e2e/authority.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {

class VerifyingOrders;

// What a call shows.
struct Shown {
  std::string certificate = "operator";  // the NAME of one in the world's folder
  std::string token = {};
  std::string device = {};
  std::string access_cookie = {};  // as the page at kOrigin sends it
  std::string refresh_cookie = {};
};

class BoundWorld {
 public:
  static constexpr char kOrigin[] = "https://app.example.test";
  static constexpr char kAccessCookie[] = "__Host-tessera-access";
  static constexpr char kRefreshCookie[] = "__Host-tessera-refresh";
  static constexpr char kPassword[] = "a password of somebody";

  explicit BoundWorld(TestEngine engine);
  ~BoundWorld();

  // Both are up.
  void Start();

  Tesserad& tesserad() { return *tesserad_; }
  SharedClock& clock() { return tesserad_->clock(); }
  // Signs certificates: `billing` and `copy` of billing.example, `mail` of mail.example, and with
  // no name `ada`, `mallory` and `operator`, as which everything goes that shows nothing else.
  const Authority& authority() const { return authority_; }

  // For tesserad and the service alike.
  std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const std::string& certificate) const;
  // A connection of its own to tesserad.
  std::shared_ptr<grpc::Channel> ChannelOf(const std::string& certificate) const;
  std::unique_ptr<v1::AuthService::Stub> AuthOf(const std::string& certificate) const;
  std::unique_ptr<v1::UserService::Stub> UsersOf(const std::string& certificate) const;
  std::unique_ptr<grpc::ClientContext> AsAdmin() const;

  std::string AddUser(const std::string& username) const;
  // With a secret of its own.
  Tesserad::Service AddService(const v1::ServiceAccount& account) const;
  void DeleteService(const std::string& id) const;

  // The metadata of a call that shows this.
  static std::unique_ptr<grpc::ClientContext> ContextOf(const Shown& shown);
  // `ACTIVE` or the reason of the refusal: of ValidateToken, of the server's own guard, of the
  // service's guard, and of that at a method that asks for the token's device.
  std::string Validate(const Shown& shown) const;
  std::string AtTesserad(const Shown& shown) const;
  std::string AtOrders(const Shown& shown) const;
  std::string AtOrdersByDevice(const Shown& shown) const;

  const std::string& orders_address() const;

 private:
  TemporaryFolder folder_;
  Authority authority_{folder_};
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> tesserad_;
  std::unique_ptr<VerifyingOrders> orders_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_BOUND_WORLD_H_
