// A server reactor's OnDone and OnCancel come after all who counted down to them. Both counters are
// atomic, but when it is libgrpc++ that counts the last one, TSan does not see it read the others'
// counts. (hidden.h says what this is for.)
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/server_callback.h>

#include "tests/tsan/hidden.h"

namespace {

using grpc::internal::ServerCallbackCall;
using tessera::testing::Hidden;

constinit Hidden schedule_on_done("_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
constinit Hidden call_on_cancel(
    "_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");

std::atomic_int& DoneCounter(ServerCallbackCall& call);
std::atomic_int& CancelCounter(ServerCallbackCall& call);

// An explicit instantiation may name private members, and nothing else may.
template <std::atomic_int ServerCallbackCall::*kDone, std::atomic_int ServerCallbackCall::*kCancel>
struct Counters {
  friend std::atomic_int& DoneCounter(ServerCallbackCall& call) { return call.*kDone; }
  friend std::atomic_int& CancelCounter(ServerCallbackCall& call) { return call.*kCancel; }
};
template struct Counters<&ServerCallbackCall::callbacks_outstanding_,
                         &ServerCallbackCall::on_cancel_conditions_remaining_>;

}  // namespace

namespace grpc::internal {

// What generic callback services are called by. libgrpc++ has it too, and counts down in it; the
// program's own takes its place, where TSan sees the counting as in the handlers of typed services.
template class CallbackBidiHandler<ByteBuffer, ByteBuffer>;

TESSERA_STAND_IN void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  __tsan_acquire(&DoneCounter(*this));
  schedule_on_done.Call<void>(this, inline_ondone);
}

TESSERA_STAND_IN void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  __tsan_acquire(&CancelCounter(*this));
  call_on_cancel.Call<void>(this, reactor);
}

}  // namespace grpc::internal
