// One service in every API that gRPC has for it, counting the entries of its handlers.
#ifndef TESSERA_TESTS_GUARD_CONFORMANCE_STAGE_H_
#define TESSERA_TESTS_GUARD_CONFORMANCE_STAGE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "speech.grpc.pb.h"
#include "tessera/guard/guard.h"
#include "tessera/testing/guarded_server.h"

namespace tessera::testing {

namespace speech = tessera::test::conformance;

enum class Api { kSync, kCallback, kAsync, kAsyncGeneric, kCallbackGeneric };
inline constexpr Api kApis[] = {Api::kSync, Api::kCallback, Api::kAsync, Api::kAsyncGeneric,
                                Api::kCallbackGeneric};
const char* NameOf(Api api);
inline bool IsGeneric(Api api) { return api == Api::kAsyncGeneric || api == Api::kCallbackGeneric; }

inline constexpr char kPrefix[] = "/tessera.test.conformance.Speech/";
// As a line to Tail: it is answered again and again, until the call ends.
inline constexpr char kForEver[] = "for ever";

// What all implementations share. Thread-safe.
class Record {
 public:
  explicit Record(const Guard& guard) : guard_(guard) {}

  // To be called first by every handler.
  void Enter() { ++entered_; }
  int entered() const { return entered_; }
  speech::Heard Answer(const grpc::ServerContextBase& context, const std::string& text) const;

 private:
  const Guard& guard_;
  std::atomic<int> entered_{0};
};

// A service that plays. Made before the server starts, and destroyed after it has stopped.
class Performer {
 public:
  virtual ~Performer() = default;
  // Once the server has started.
  virtual void Begin() {}
};

std::unique_ptr<Performer> MakeSync(GuardedServer& server, Record& record);
std::unique_ptr<Performer> MakeCallback(GuardedServer& server, Record& record);
std::unique_ptr<Performer> MakeAsync(GuardedServer& server, Record& record);
std::unique_ptr<Performer> MakeAsyncGeneric(GuardedServer& server, Record& record);
std::unique_ptr<Performer> MakeCallbackGeneric(GuardedServer& server, Record& record);
std::unique_ptr<Performer> MakePerformer(Api api, GuardedServer& server, Record& record);

// The rules of the proto, for generic services: gRPC tells them no descriptor.
void GiveRules(GuardOptions& options);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CONFORMANCE_STAGE_H_
