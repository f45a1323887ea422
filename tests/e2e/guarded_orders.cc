#include "tests/e2e/guarded_orders.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

// Answers an order whose item is the caller's id, so that a test sees whom the handler saw.
void DescribeCaller(const Guard& guard, const grpc::ServerContextBase& context, pb::Order& order) {
  order.set_order_id("order-1");
  order.set_item(guard.PrincipalOf(context)->claims.subject);
}

class SyncOrders final : public pb::OrderService::Service {
 public:
  SyncOrders(const Guard& guard, std::atomic<int>& entries) : guard_(guard), entries_(entries) {}

  grpc::Status GetStatus(grpc::ServerContext*, const pb::GetStatusRequest*,
                         pb::GetStatusResponse* response) override {
    ++entries_;
    response->set_status("open");
    return grpc::Status::OK;
  }
  grpc::Status ListMyOrders(grpc::ServerContext* context, const pb::ListMyOrdersRequest*,
                            pb::ListMyOrdersResponse* response) override {
    ++entries_;
    DescribeCaller(guard_, *context, *response->add_orders());
    return grpc::Status::OK;
  }
  grpc::Status CancelOrder(grpc::ServerContext* context, const pb::CancelOrderRequest*,
                           pb::CancelOrderResponse* response) override {
    ++entries_;
    DescribeCaller(guard_, *context, *response->mutable_order());
    return grpc::Status::OK;
  }
  grpc::Status WatchOrders(grpc::ServerContext* context, const pb::WatchOrdersRequest*,
                           grpc::ServerWriter<pb::WatchOrdersResponse>* writer) override {
    ++entries_;
    pb::WatchOrdersResponse first;
    DescribeCaller(guard_, *context, *first.mutable_order());
    writer->Write(first);
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return grpc::Status::CANCELLED;
  }

 private:
  const Guard& guard_;
  std::atomic<int>& entries_;
};

// Writes one order and then stays open until it is cancelled.
class OpenStream final : public grpc::ServerWriteReactor<pb::WatchOrdersResponse> {
 public:
  explicit OpenStream(pb::WatchOrdersResponse first) : first_(std::move(first)) {
    StartWrite(&first_);
  }
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  pb::WatchOrdersResponse first_;
};

class CallbackOrders final : public pb::OrderService::CallbackService {
 public:
  CallbackOrders(const Guard& guard, std::atomic<int>& entries)
      : guard_(guard), entries_(entries) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const pb::GetStatusRequest*,
                                      pb::GetStatusResponse* response) override {
    response->set_status("open");
    return Done(context);
  }
  grpc::ServerUnaryReactor* ListMyOrders(grpc::CallbackServerContext* context,
                                         const pb::ListMyOrdersRequest*,
                                         pb::ListMyOrdersResponse* response) override {
    DescribeCaller(guard_, *context, *response->add_orders());
    return Done(context);
  }
  grpc::ServerUnaryReactor* CancelOrder(grpc::CallbackServerContext* context,
                                        const pb::CancelOrderRequest*,
                                        pb::CancelOrderResponse* response) override {
    DescribeCaller(guard_, *context, *response->mutable_order());
    return Done(context);
  }
  grpc::ServerWriteReactor<pb::WatchOrdersResponse>* WatchOrders(
      grpc::CallbackServerContext* context, const pb::WatchOrdersRequest*) override {
    ++entries_;
    pb::WatchOrdersResponse first;
    DescribeCaller(guard_, *context, *first.mutable_order());
    return new OpenStream(std::move(first));
  }

 private:
  grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
    ++entries_;
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  const Guard& guard_;
  std::atomic<int>& entries_;
};

GuardOptions OptionsFor(Tesserad& tesserad, Caller& caller, const std::string& audience) {
  auto credentials = tesserad.ChannelCredentials();
  GuardOptions options;
  options.issuer = Tesserad::kIssuer;
  options.audience = audience;
  options.clock = &tesserad.clock();
  options.keys = KeysFromServer(tesserad.NewChannel(), {}, *options.clock, NoLog());
  options.revocations = RevocationsFromServer(caller.CreateChannel(tesserad.address(), credentials),
                                              *options.clock, NoLog(), options.keys);
  return options;
}

}  // namespace

GuardedOrders::GuardedOrders(Tesserad& tesserad, Transport transport, Api api,
                             const std::string& audience) {
  CallerOptions options;
  options.auth_server = tesserad.NewChannel();
  options.service.emplace();
  options.service->secret = [secret = tesserad.FeedSecret()] { return Secret(secret); };
  options.allow_plaintext = true;
  options.clock = &tesserad.clock();
  caller_ = *Caller::Create(options);
  guard_ = *Guard::Create(OptionsFor(tesserad, *caller_, audience));
  Start(tesserad, transport, api);
}

void GuardedOrders::Start(Tesserad& tesserad, Transport transport, Api api) {
  if (api == Api::kSync) {
    service_ = std::make_unique<SyncOrders>(*guard_, entries_);
  } else {
    service_ = std::make_unique<CallbackOrders>(*guard_, entries_);
  }
  const Certificate& own = tesserad.certificate();
  grpc::SslServerCredentialsOptions ssl;
  ssl.pem_key_cert_pairs.push_back({own.key_pem, own.certificate_pem});
  const bool tls = transport == Transport::kTls;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", tls ? guard_->Ssl(ssl) : guard_->Plaintext(), &port);
  builder.RegisterService(service_.get());
  auto server = guard_->Start(builder);
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  EXPECT_TRUE(guard_->WaitUntilReady(absl::Seconds(30)).ok());
  address_ = absl::StrCat("127.0.0.1:", port);
  channel_ = grpc::CreateChannel(address_, tls ? grpc::SslCredentials({own.certificate_pem, "", ""})
                                               : grpc::InsecureChannelCredentials());
}

GuardedOrders::~GuardedOrders() {
  guard_->Drain();
  server_->Shutdown(absl::ToChronoTime(SystemClock().Now() + absl::Seconds(5)));
}

}  // namespace tessera::testing
