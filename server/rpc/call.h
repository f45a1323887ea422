// One unary call under way, and the steps that serve it on the lanes.
//
//   return Run(call, ParseLogin(*request))
//       .On(lanes.database, [this](const CallInfo& info, LoginInput in) { return ...BeginLogin; })
//       .On(lanes.hashing, ...)
//       .Answer([response](const IssuedGrant& grant) { Write(grant, response); });
#ifndef TESSERA_SERVER_RPC_CALL_H_
#define TESSERA_SERVER_RPC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/call_scope.h"
#include "server/call_info.h"
#include "server/lanes/worker_pool.h"
#include "server/rpc/call_source.h"
#include "server/rpc/caller_evidence.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/guard.h"

namespace tessera::server {

// The pools that blocking steps run on.
struct Lanes {
  WorkerPool& database;
  WorkerPool& urgent;  // renew, revoke, logout: kept moving when the database lane is full
  WorkerPool& hashing;
};

// A call without a deadline gets this one, and a later one is cut to it.
inline constexpr absl::Duration kMaxCallTime = absl::Seconds(60);
// Of the time that the caller has left, what the work leaves for the answer's way: one part in so
// many, and no more than this. So a store that is away is answered with UNAVAILABLE before the
// caller gives up by itself.
inline constexpr int kAnswerPart = 10;
inline constexpr absl::Duration kMaxAnswerTime = absl::Milliseconds(250);

// How long the work may take for a caller that waits for `left`; infinite: without a deadline.
absl::Duration WorkTime(absl::Duration left);

// What the port that took a call says of callers.
struct CallPort {
  ClientCertificates certificates = ClientCertificates::kUnverified;
  const CallSource* source = nullptr;  // null: no proxy is trusted
  const Guard* guard = nullptr;        // knows the caller; null: nobody does
  // Which method is called, in literals.
  std::string_view service = {};
  std::string_view method = {};
};

// Metadata that names the call, in what is logged of it and in the answer.
inline constexpr char kCorrelationMetadata[] = "x-request-id";

// Thread-safe. Uses the context until Finish, not after. The answer's trailing metadata holds the
// correlation id. Where the answer says that the authenticated caller may not do this, though the
// guard had admitted it, that is told (`call.refused`).
class Call {
 public:
  // `clock` counts the deadline: gRPC's is on the machine's clock.
  Call(grpc::CallbackServerContext& context, const Clock& clock, LogSink& log,
       const CallPort& port = {});

  const CallInfo& info() const { return info_; }
  // INVALID_ARGUMENT FIELD_INVALID: the call's metadata says what cannot be; Run refuses it then.
  const absl::Status& metadata() const { return metadata_; }
  bool Abandoned() const { return context_.IsCancelled(); }
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }
  // Exactly once.
  void Finish(const absl::Status& status);

 private:
  void TellIfRefused(const absl::Status& status) const;

  grpc::CallbackServerContext& context_;
  grpc::ServerUnaryReactor* const reactor_;
  absl::Status metadata_;
  const CallInfo info_;
  const CallPort port_;
  LogSink& log_;
};

// The address of a gRPC peer (`ipv4:10.0.0.7:4711`) without scheme and port.
std::string PeerAddress(const std::string& peer);

// What a step that returns only a status hands on.
struct Nothing {};

template <typename Result>
struct StepResult;
template <typename T>
struct StepResult<absl::StatusOr<T>> {
  using Value = T;
  static absl::StatusOr<T> Wrap(absl::StatusOr<T> result) { return result; }
};
template <>
struct StepResult<absl::Status> {
  using Value = Nothing;
  static absl::StatusOr<Nothing> Wrap(const absl::Status& status) {
    if (status.ok()) return Nothing();
    return status;
  }
};

// Steps that end in a T. The first one that fails ends the call; nothing runs before Answer.
template <typename T>
class Steps {
 public:
  using Done = std::function<void(absl::StatusOr<T>)>;
  using Source = std::function<void(const Done&)>;

  Steps(std::shared_ptr<Call> call, Source source)
      : call_(std::move(call)), source_(std::move(source)) {}

  // Then `step(const CallInfo&, T)` on a thread of `lane`, unless the deadline has passed or the
  // caller has gone when its turn comes. It returns a Status or a StatusOr.
  template <typename Step>
  auto On(WorkerPool& lane, Step step) && {
    return std::move(*this).Then(step, [call = call_,
                                        &lane](std::function<void(absl::Status)> run) {
      lane.Submit({call->info().deadline, [call] { return call->Abandoned(); }, std::move(run)});
    });
  }

  // Then `step(const CallInfo&, T)` at once, on the thread that is at it: memory only.
  template <typename Step>
  auto Here(Step step) && {
    return std::move(*this).Then(
        step, [](const std::function<void(absl::Status)>& run) { run(absl::OkStatus()); });
  }

  // If `needed(const T&)`, calls `fetch` and goes on when that calls back, on its thread; what it
  // fails with ends the call. Both must not block.
  template <typename Test>
  Steps After(std::function<void(std::function<void(absl::Status)>)> fetch, Test needed) && {
    return Steps(call_, [source = std::move(source_), fetch = std::move(fetch),
                         needed = std::move(needed)](const Done& done) {
      source([fetch, needed, done](absl::StatusOr<T> value) {
        if (!value.ok() || !needed(*value)) return done(std::move(value));
        auto held = std::make_shared<T>(*std::move(value));
        fetch([done, held](absl::Status fetched) {
          if (!fetched.ok()) return done(std::move(fetched));
          done(std::move(*held));
        });
      });
    });
  }

  // Goes on only if `needed(const T&)`, and else ends the call with OK and what the response holds;
  // on the thread that is at it: memory only.
  template <typename Test>
  Steps OnlyIf(Test needed) && {
    return Steps(call_, [call = call_, source = std::move(source_),
                         needed = std::move(needed)](const Done& done) {
      source([call, needed, done](absl::StatusOr<T> value) {
        if (value.ok() && !needed(*value)) return call->Finish(absl::OkStatus());
        done(std::move(value));
      });
    });
  }

  // Sets off: all steps, then `write(const T&)`, then the end of the call.
  template <typename Write>
  grpc::ServerUnaryReactor* Answer(Write write) && {
    grpc::ServerUnaryReactor* const reactor = call_->reactor();
    source_([call = call_, write = std::move(write)](const absl::StatusOr<T>& value) {
      if (value.ok()) write(*value);
      call->Finish(value.status());
    });
    return reactor;
  }

 private:
  template <typename Step, typename Place>
  auto Then(Step step, Place place) && {
    using Result = StepResult<std::invoke_result_t<const Step&, const CallInfo&, T>>;
    using NextDone = std::function<void(absl::StatusOr<typename Result::Value>)>;
    return Steps<typename Result::Value>(
        call_, [call = call_, source = std::move(source_), step = std::move(step),
                place = std::move(place)](const NextDone& done) {
          source([call, step, place, done](absl::StatusOr<T> value) {
            if (!value.ok()) return done(value.status());
            auto held = std::make_shared<T>(*std::move(value));
            place([call, step, done, held](absl::Status turn) {
              if (!turn.ok()) return done(std::move(turn));
              auto result = [&] {
                const CallScope scope(call->info());
                return Result::Wrap(step(call->info(), std::move(*held)));
              }();
              done(std::move(result));
            });
          });
        });
  }

  std::shared_ptr<Call> call_;
  Source source_;
};

// Begins with what the request was parsed to.
template <typename T>
Steps<T> Run(std::shared_ptr<Call> call, absl::StatusOr<T> parsed) {
  if (parsed.ok() && !call->metadata().ok()) parsed = call->metadata();
  return Steps<T>(std::move(call), [parsed = std::move(parsed)](
                                       const typename Steps<T>::Done& done) { done(parsed); });
}

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_CALL_H_
