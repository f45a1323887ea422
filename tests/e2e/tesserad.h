// A real tesserad of a test's own: a process on a random loopback port, with SQLite in a temporary
// folder or, alone or as one of several replicas, on MariaDB.
#ifndef TESSERA_TESTS_E2E_TESSERAD_H_
#define TESSERA_TESTS_E2E_TESSERAD_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/e2e/shared_clock.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {

enum class Transport { kPlaintext, kTls };

// A certificate for 127.0.0.1 and localhost that is its own authority.
struct Certificate {
  std::string certificate_pem, key_pem;
  static Certificate Make(const TemporaryFolder& folder);
};

// What the replicas of one installation share: a folder with the master key, the administrator's
// first password and a certificate; a clock; the database.
struct Installation {
  // On SQLite, for one server alone.
  Installation() : Installation(nullptr) {}
  // `on` outlives this.
  explicit Installation(MariaDbDatabase& on) : Installation(&on) {}

  std::string ClockFile() const { return folder.Path("clock"); }

  MariaDbDatabase* const database;
  const TemporaryFolder folder;
  const Certificate certificate;

 private:
  explicit Installation(MariaDbDatabase* on);
};

class Tesserad {
 public:
  struct Options {
    Transport transport = Transport::kPlaintext;
    std::string extra_config = {};            // more TOML, tables included
    std::vector<std::string> run_under = {};  // `strace -f ...`
    // Absent: one of its own, on SQLite.
    std::shared_ptr<const Installation> installation = nullptr;
    std::vector<std::string> environment = {};  // `TESSERA_TOKENS_LEEWAY=1s`
    int port = 0;                               // 0: another one at each start
    bool own_clock = false;                     // not the installation's
  };
  static constexpr char kIssuer[] = "https://tessera.test";
  static constexpr char kAdminPassword[] = "correct horse battery";

  explicit Tesserad(Options options);

  // Starts the process and waits until it is ready; fails the test if it does not come up.
  void Start();
  // The two halves of it.
  void Launch();
  void AwaitReady();
  // In order, as SIGTERM does; fails the test if the process complains.
  void Stop();
  // As `kill -9` does.
  void KillHard();
  bool running() const { return program_ != nullptr; }

  std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials() const;
  // With a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  std::unique_ptr<v1::AuthService::Stub> Auth() const {
    return v1::AuthService::NewStub(NewChannel());
  }
  std::unique_ptr<v1::UserService::Stub> Users() const {
    return v1::UserService::NewStub(NewChannel());
  }

  v1::TokenGrant Login(const std::string& username, const std::string& password,
                       const std::string& audience = "");
  v1::TokenGrant LoginAdmin(const std::string& audience = "") {
    return Login("admin", kAdminPassword, audience);
  }
  // Makes a user and gives it the roles, as the administrator; the id.
  std::string AddUser(const std::string& username, const std::string& password,
                      const std::vector<std::string>& roles = {});
  struct NewService {
    std::string name;
    std::vector<std::string> roles = {};
    std::vector<std::string> audiences = {};
    std::vector<std::string> scopes = {};
  };
  // Makes a service account, as the administrator; its id and its secret.
  struct Service {
    std::string id, secret;
  };
  Service AddService(const NewService& service);
  // The secret of a service account that may read the revocations; made when first asked for.
  // Thread-safe.
  std::string FeedSecret();
  void AddRole(const std::string& name, const std::vector<std::string>& audiences);

  SharedClock& clock() { return clock_; }
  const Installation& installation() const { return *options_.installation; }
  const Certificate& certificate() const { return options_.installation->certificate; }
  Program& program() { return *program_; }
  // `127.0.0.1:PORT`; known before the first start if the options say the port.
  const std::string& address() const { return address_; }
  // What it is started with, for starting another of it.
  std::vector<std::string> command() const;
  std::vector<std::string> environment() const;

 private:
  std::string ServerConfig() const;
  std::string StorageConfig() const;
  void WriteConfig() const;

  const TemporaryFolder folder_;  // its own: configuration, SQLite
  const Options options_;
  const std::string clock_file_;
  SharedClock clock_;
  Mutex feed_mu_;
  std::string feed_secret_ ABSL_GUARDED_BY(feed_mu_);
  std::unique_ptr<Program> program_;
  std::string address_;
};

// A client context with `authorization: Bearer` for each token.
std::unique_ptr<grpc::ClientContext> ContextWith(const std::vector<std::string>& tokens);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_TESSERAD_H_
