#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/mutex.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/fetched_keys.h"
#include "tessera/guard/key_source.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera {
namespace {

// Makes plain calls: were it gRPC's callback API, the last reference to the channel might fall on
// gRPC's own thread, which 1.51 does not survive.
class ServerFetcher final : public guard::KeyFetcher {
 public:
  ServerFetcher(std::shared_ptr<grpc::Channel> channel, const ServerKeysOptions& options)
      : channel_(std::move(channel)),
        stub_(v1::AuthService::NewStub(channel_)),
        timeout_(options.fetch_timeout),
        refresh_after_(options.max_age / 2) {}

  absl::StatusOr<guard::FetchedKeySet> Fetch() override {
    grpc::ClientContext context;
    if (!Begin(context)) return absl::CancelledError("GetJwks: cancelled");
    // A channel that failed before waits up to two minutes; this one connects when it is asked.
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + timeout_));
    v1::GetJwksResponse response;
    const grpc::Status status = stub_->GetJwks(&context, v1::GetJwksRequest(), &response);
    End();
    if (!status.ok()) {
      return absl::UnavailableError(
          absl::StrCat("GetJwks: code ", static_cast<int>(status.error_code())));
    }
    TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(response.jwks_json()));
    return guard::FetchedKeySet{std::move(keys), VersionIn(response.jwks_json()), refresh_after_};
  }

  void Cancel() override {
    MutexLock lock(mu_);
    cancelled_ = true;
    if (call_ != nullptr) call_->TryCancel();
  }

 private:
  bool Begin(grpc::ClientContext& context) {
    MutexLock lock(mu_);
    if (!cancelled_) call_ = &context;
    return !cancelled_;
  }
  void End() {
    MutexLock lock(mu_);
    call_ = nullptr;
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::AuthService::Stub> stub_;
  const absl::Duration timeout_;
  const absl::Duration refresh_after_;
  Mutex mu_;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace

std::shared_ptr<KeySource> KeysFromServer(std::shared_ptr<grpc::Channel> channel,
                                          const ServerKeysOptions& options, const Clock& clock,
                                          LogSink& log) {
  return guard::MakeFetchedKeys(std::make_unique<ServerFetcher>(std::move(channel), options),
                                {options.min_interval, options.max_age, options.cache_file}, clock,
                                log);
}

}  // namespace tessera
