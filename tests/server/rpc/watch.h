// A guard at the end of a stream of revocations.
#ifndef TESSERA_TESTS_SERVER_RPC_WATCH_H_
#define TESSERA_TESTS_SERVER_RPC_WATCH_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/rpc/revocation_hub.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera::server {

using Stream = grpc::ClientReaderWriter<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>;

// Says in a call's metadata which account makes it; without it, each call is another's.
inline constexpr char kSubject[] = "subject";

class WatchService final : public v1::AuthService::CallbackService {
 public:
  explicit WatchService(RevocationHub& hub) : hub_(hub) {}
  RevocationHub::Reactor* WatchRevocations(grpc::CallbackServerContext* context) override {
    const auto given = context->client_metadata().find(kSubject);
    if (given == context->client_metadata().end()) {
      return hub_.Watch(*context, "usr_" + std::to_string(++calls_));
    }
    return hub_.Watch(*context, std::string(given->second.data(), given->second.size()));
  }

 private:
  RevocationHub& hub_;
  std::atomic<int> calls_{0};
};

// One guard's side of the stream.
class Watch {
 public:
  explicit Watch(v1::AuthService::Stub& stub, const std::string& epoch = "", uint64_t seq = 0) {
    Begin(stub, epoch, seq);
  }
  // As the account `subject`.
  static std::unique_ptr<Watch> Of(const std::string& subject, v1::AuthService::Stub& stub) {
    std::unique_ptr<Watch> watch(new Watch);
    watch->context_.AddMetadata(kSubject, subject);
    watch->Begin(stub, "", 0);
    return watch;
  }
  ~Watch() { context_.TryCancel(); }

  // The next event; an empty one when the stream is over.
  v1::WatchRevocationsResponse Next() {
    v1::WatchRevocationsResponse event;
    if (!stream_->Read(&event)) event.Clear();
    return event;
  }
  // The next one that is no heartbeat.
  v1::WatchRevocationsResponse NextNews() {
    v1::WatchRevocationsResponse event = Next();
    while (event.has_heartbeat()) event = Next();
    return event;
  }
  void Acknowledge(uint64_t seq) {
    v1::WatchRevocationsRequest request;
    request.mutable_acknowledgement()->set_seq(seq);
    stream_->Write(request);
  }
  void AcknowledgeKeys(uint64_t version) {
    v1::WatchRevocationsRequest request;
    request.mutable_acknowledgement()->set_key_set_version(version);
    stream_->Write(request);
  }
  grpc::Status End() {
    while (Next().event_case() != v1::WatchRevocationsResponse::EVENT_NOT_SET) {
    }
    return stream_->Finish();
  }
  Stream& stream() { return *stream_; }
  grpc::ClientContext& context() { return context_; }

 private:
  Watch() = default;
  void Begin(v1::AuthService::Stub& stub, const std::string& epoch, uint64_t seq) {
    stream_ = stub.WatchRevocations(&context_);
    v1::WatchRevocationsRequest request;
    request.mutable_resume()->set_store_epoch(epoch);
    request.mutable_resume()->set_seq(seq);
    stream_->Write(request);
  }

  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_RPC_WATCH_H_
