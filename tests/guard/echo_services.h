// The test service in the sync and the callback API, counting the entries of its handlers.
#ifndef TESSERA_TESTS_GUARD_ECHO_SERVICES_H_
#define TESSERA_TESTS_GUARD_ECHO_SERVICES_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "echo.grpc.pb.h"
#include "tessera/guard/guard.h"

namespace tessera::testing {

namespace echo = tessera::test::guard;

enum class Api { kSync, kCallback };

// What the two implementations share.
class EchoRecord {
 public:
  explicit EchoRecord(const Guard& guard) : guard_(guard) {}

  // To be called first by every handler.
  void Enter() { ++entered_; }
  int entered() const { return entered_; }
  echo::EchoResponse Reply(const grpc::ServerContextBase& context, const std::string& text) const;

 private:
  const Guard& guard_;
  std::atomic<int> entered_{0};
};

std::unique_ptr<grpc::Service> MakeEcho(Api api, EchoRecord& record);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_ECHO_SERVICES_H_
