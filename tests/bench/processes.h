// The processes that a benchmark starts: tesserad, echo servers, the loader. What fails throws
// std::runtime_error: a benchmark without its servers has no figure.
#ifndef TESSERA_TESTS_BENCH_PROCESSES_H_
#define TESSERA_TESTS_BENCH_PROCESSES_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tessera/v1/auth_service.grpc.pb.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/bench/database.h"
#include "tests/bench/load_plan.h"

namespace tessera::bench {

inline constexpr char kIssuer[] = "https://bench.test";
inline constexpr char kAudience[] = "bench";
inline constexpr char kAdminPassword[] = "correct horse battery";

// What a password costs: as configured by default, or the least where logins are not what is
// measured.
enum class HashCost { kDefault, kLeast };

// The files that all replicas share: master key, passwords.
class TesseradFiles {
 public:
  TesseradFiles();
  const testing::TemporaryFolder& folder() const { return folder_; }
  std::string master_key() const { return folder_.Path("master.key"); }
  std::string admin_password() const { return folder_.Path("admin-password"); }

 private:
  testing::TemporaryFolder folder_;
};

// A real tesserad in plaintext on a loopback port, logging to a file.
class Tesserad {
 public:
  // Waits until it is ready. `files` and `database` must outlive it.
  Tesserad(const TesseradFiles& files, const Database& database, HashCost cost);

  pid_t pid() const { return program_->pid(); }
  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> NewChannel() const;
  std::unique_ptr<v1::AuthService::Stub> Auth() const {
    return v1::AuthService::NewStub(NewChannel());
  }

  v1::TokenGrant Login(const std::string& username, const std::string& audience) const;
  v1::TokenGrant LoginAdmin(const std::string& audience = kAudience) const {
    return Login("admin", audience);
  }
  // Makes a user who has the administrator's password.
  void AddUser(const std::string& username, const std::vector<std::string>& roles = {}) const;
  // Makes a service account that may read the revocations; its secret.
  std::string AddFeedReader() const;

 private:
  testing::TemporaryFolder folder_;
  std::unique_ptr<testing::Program> program_;
  std::string address_;
};

// bench_echo. `guarded_by` null: without a guard.
class EchoServer {
 public:
  // kIdle: admits all, and an interceptor that does nothing runs beside each call.
  enum class Processor { kNone, kAdmitAll, kIdle };
  explicit EchoServer(Processor processor);
  // Has keys and revocations from `tesserad`, whose service account with `feed_secret` reads them.
  EchoServer(const std::string& feed_secret, const Tesserad& tesserad);

  pid_t pid() const { return program_->pid(); }
  const std::string& address() const { return address_; }

 private:
  void Start(std::vector<std::string> arguments);

  testing::TemporaryFolder folder_;
  std::unique_ptr<testing::Program> program_;
  std::string address_;
};

// The loader at work, in a process of its own.
class Loader {
 public:
  explicit Loader(const LoadPlan& plan);
  // Waits for its end. Once.
  std::vector<LoadResult> Results();

 private:
  testing::TemporaryFolder folder_;
  absl::Duration limit_;
  std::unique_ptr<testing::Program> program_;
};

// A client context with a deadline, and `authorization: Bearer` unless `token` is empty.
std::unique_ptr<grpc::ClientContext> ContextWith(const std::string& token);

// Throws if it is an error.
void Check(const grpc::Status& status, const std::string& what);

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_PROCESSES_H_
