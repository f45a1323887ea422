// A call that waits for keys stops nobody, however long its client would wait.
#include <gtest/gtest.h>

#include <future>

#include "tests/guard/held_keys.h"
#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

TEST(Shutdown, IsNotStoppedByAClientWithoutADeadlineThatIsParkedOnAnUnknownKeyInAnyApi) {
  for (const Api api : kApis) {
    SCOPED_TRACE(NameOf(api));
    const auto keys = std::make_shared<HeldKeys>();  // a fetch that never ends
    Theatre::Options options;
    options.api = api;
    options.adjust = [&](GuardOptions& guard) {
      guard.keys = keys;
      guard.max_park = absl::Minutes(1);
    };
    Theatre theatre(options);
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + theatre.GoodToken());
    auto call = std::async(std::launch::async, [&] {
      speech::Heard heard;
      return theatre.stub().Say(&context, speech::Line(), &heard);
    });
    ASSERT_TRUE(Eventually([&] { return keys->fetches() > 0; }));
    theatre.server().guard().Drain();
    theatre.server().server().Shutdown();  // for as long as it takes
    const grpc::Status status = call.get();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
    EXPECT_EQ(ReasonIn(status), "KEYS_UNAVAILABLE");
    EXPECT_EQ(theatre.entered(), 0);
  }
}

}  // namespace
}  // namespace tessera::testing
