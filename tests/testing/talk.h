// A small service of somebody's own behind a GuardedServer.
#ifndef TESSERA_TESTS_TESTING_TALK_H_
#define TESSERA_TESTS_TESTING_TALK_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "speech.grpc.pb.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/testing/fake_issuer.h"
#include "tessera/testing/guarded_server.h"

namespace tessera::testing {

namespace speech = tessera::test::conformance;

inline constexpr char kSay[] = "/tessera.test.conformance.Speech/Say";

// Says who is calling.
class Talk final : public speech::Speech::Service {
 public:
  explicit Talk(const Guard& guard) : guard_(guard) {}

  grpc::Status Say(grpc::ServerContext* context, const speech::Line*,
                   speech::Heard* heard) override {
    auto caller = guard_.PrincipalOf(*context);
    heard->set_subject(caller->subject());
    MutexLock lock(mu_);
    last_ = std::move(caller);
    return grpc::Status::OK;
  }
  grpc::Status Open(grpc::ServerContext* context, const speech::Line* line,
                    speech::Heard* heard) override {
    return Say(context, line, heard);
  }
  // Who called last.
  std::shared_ptr<const Principal> last() const {
    MutexLock lock(mu_);
    return last_;
  }

 private:
  const Guard& guard_;
  mutable Mutex mu_;
  std::shared_ptr<const Principal> last_ ABSL_GUARDED_BY(mu_);
};

// A rule that asks for a token, and for what `change` adds.
template <typename Change>
Rule Asking(Change change) {
  Rule rule;
  rule.admission = Admission::kAuthenticated;
  change(rule);
  return rule;
}
inline Rule AnyToken() {
  return Asking([](Rule&) {});
}

// Say, under a rule of the test's own.
class TalkServer {
 public:
  explicit TalkServer(const FakeIssuer& issuer, const Rule& rule = AnyToken())
      : TalkServer(issuer.MakeGuardOptions(), rule) {}
  TalkServer(GuardOptions options, const Rule& rule) {
    options.rules[kSay] = rule;
    auto server = GuardedServer::Create(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto talk = std::make_unique<Talk>(server_->guard());
    talk_ = talk.get();
    server_->Register(std::move(talk));
    const absl::Status started = server_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }

  grpc::Status Say(const MetadataMap& metadata) const {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    speech::Heard heard;
    return speech::Speech::NewStub(server_->ChannelWith(metadata))
        ->Say(&context, speech::Line(), &heard);
  }
  // `admitted`, or the reason of the refusal.
  std::string Verdict(const std::string& token, MetadataMap metadata = {}) const {
    metadata.emplace("authorization", "Bearer " + token);
    const grpc::Status status = Say(metadata);
    return status.ok() ? "admitted" : std::string(ReasonInMessage(status.error_message()));
  }
  const Talk& talk() const { return *talk_; }
  GuardedServer& server() { return *server_; }

 private:
  std::unique_ptr<GuardedServer> server_;
  Talk* talk_ = nullptr;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_TESTING_TALK_H_
