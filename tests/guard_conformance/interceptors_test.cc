// A service's own interceptors run beside the guard's, in every API: they know who calls, and see
// no token.
#include <gtest/gtest.h>

#include <set>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

namespace experimental = grpc::experimental;

// What the service's own interceptors saw. Thread-safe.
class Sightings {
 public:
  void Add(const std::string& what) {
    MutexLock lock(mu_);
    seen_.insert(what);
  }
  std::multiset<std::string> Take() {
    MutexLock lock(mu_);
    return std::exchange(seen_, {});
  }

 private:
  Mutex mu_;
  std::multiset<std::string> seen_ ABSL_GUARDED_BY(mu_);
};

class Onlooker final : public experimental::Interceptor {
 public:
  Onlooker(const Guard& guard, Sightings& sightings, experimental::ServerRpcInfo& info)
      : guard_(guard), sightings_(sightings), info_(info) {}

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    using Point = experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(Point::POST_RECV_INITIAL_METADATA)) {
      sightings_.Add("caller " + guard_.PrincipalOf(*info_.server_context())->subject());
      if (methods->GetRecvInitialMetadata()->count("authorization") > 0) sightings_.Add("a token");
    }
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("x-seen-by", "onlooker");
    }
    methods->Proceed();
  }

 private:
  const Guard& guard_;
  Sightings& sightings_;
  experimental::ServerRpcInfo& info_;
};

class OnlookerFactory final : public experimental::ServerInterceptorFactoryInterface {
 public:
  OnlookerFactory(const Guard& guard, Sightings& sightings)
      : guard_(guard), sightings_(sightings) {}
  experimental::Interceptor* CreateServerInterceptor(experimental::ServerRpcInfo* info) override {
    return new Onlooker(guard_, sightings_, *info);
  }

 private:
  const Guard& guard_;
  Sightings& sightings_;
};

bool WasSeen(const grpc::ClientContext& context) {
  return context.GetServerInitialMetadata().count("x-seen-by") == 2;
}

TEST(Interceptors, OfTheServiceKnowTheCallerAndSeeNoTokenInAnyApi) {
  for (const Api api : kApis) {
    SCOPED_TRACE(NameOf(api));
    Sightings sightings;
    Theatre::Options options;
    options.api = api;
    options.interceptors = [&](const Guard& guard) {
      Theatre::Interceptors own;
      own.push_back(std::make_unique<OnlookerFactory>(guard, sightings));
      own.push_back(std::make_unique<OnlookerFactory>(guard, sightings));
      return own;
    };
    Theatre theatre(options);
    speech::Heard heard;
    grpc::ClientContext admitted;
    Prepare(admitted, BearerOf(theatre.GoodToken()));
    ASSERT_TRUE(theatre.stub().Say(&admitted, speech::Line(), &heard).ok());
    EXPECT_EQ(heard.subject(), "usr_alice");
    EXPECT_TRUE(WasSeen(admitted));
    EXPECT_EQ(sightings.Take(),
              (std::multiset<std::string>{"caller usr_alice", "caller usr_alice"}));

    grpc::ClientContext anybody;
    Prepare(anybody, BearerOf("rubbish"));
    ASSERT_TRUE(theatre.stub().Open(&anybody, speech::Line(), &heard).ok());
    EXPECT_TRUE(WasSeen(anybody));
    EXPECT_EQ(sightings.Take(), (std::multiset<std::string>{"caller ", "caller "}));

    for (const Shape shape : kShapes) Call(theatre.stub(), shape, {});
    EXPECT_EQ(sightings.Take(), std::multiset<std::string>()) << "refused calls";
  }
}

}  // namespace
}  // namespace tessera::testing
