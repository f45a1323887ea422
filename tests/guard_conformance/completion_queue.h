// What the two completion-queue services of this room share.
#ifndef TESSERA_TESTS_GUARD_CONFORMANCE_COMPLETION_QUEUE_H_
#define TESSERA_TESTS_GUARD_CONFORMANCE_COMPLETION_QUEUE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <thread>

#include "tessera/base/mutex.h"
#include "tests/guard_conformance/stage.h"

namespace tessera::testing {

// A call that is its own tag. One operation is under way at a time.
class QueuedCall {
 public:
  virtual ~QueuedCall() = default;
  // The operation has ended. False: it was the last.
  virtual bool Step(bool ok) = 0;

 protected:
  void* tag() { return this; }
};

// A queue and the thread that takes from it.
class QueuePerformer : public Performer {
 public:
  explicit QueuePerformer(GuardedServer& server) : queue_(server.builder().AddCompletionQueue()) {}

  void Begin() override {
    RequestFirst();
    thread_ = std::thread([this] { Run(); });
  }

 protected:
  // To be called by the derived destructors, after the server has stopped.
  void End() {
    {
      MutexLock lock(mu_);
      ended_ = true;
      queue_->Shutdown();
    }
    if (!thread_.joinable()) return Run();  // the server did not start
    thread_.join();
  }
  grpc::ServerCompletionQueue& queue() { return *queue_; }

 private:
  virtual void RequestFirst() = 0;

  void Run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) {
      auto* const call = static_cast<QueuedCall*>(tag);
      // Nothing may begin on a queue that was shut down.
      MutexLock lock(mu_);
      if (ended_ || !call->Step(ok)) delete call;
    }
  }

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CONFORMANCE_COMPLETION_QUEUE_H_
