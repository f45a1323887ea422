// Who gets a tag from a completion queue comes after who started the operation with that tag, and
// after the thread of gRPC's that completed it. The functions' parameters are explained in
// grpc/grpc.h. (hidden.h says what this is for.)
#include <grpc/grpc.h>

#include "tests/tsan/hidden.h"

namespace {

using tessera::testing::Hidden;

constinit Hidden start_batch("grpc_call_start_batch");
constinit Hidden request_call("grpc_server_request_call");
constinit Hidden request_registered_call("grpc_server_request_registered_call");
constinit Hidden shutdown_and_notify("grpc_server_shutdown_and_notify");
// What completes an operation, inside libgrpc; C++, so its name is a longer one.
#define TESSERA_END_OP                                                                  \
  "_Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_" \
  "completionES1_S6_b"
constinit Hidden end_op(TESSERA_END_OP);
constinit Hidden next("grpc_completion_queue_next");
constinit Hidden pluck("grpc_completion_queue_pluck");

}  // namespace

extern "C" {

TESSERA_STAND_IN grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops,
                                                       size_t count, void* tag, void* reserved) {
  __tsan_release(tag);
  return start_batch.Call<grpc_call_error>(call, ops, count, tag, reserved);
}

TESSERA_STAND_IN grpc_call_error grpc_server_request_call(grpc_server* server, grpc_call** call,
                                                          grpc_call_details* details,
                                                          grpc_metadata_array* metadata,
                                                          grpc_completion_queue* call_queue,
                                                          grpc_completion_queue* queue, void* tag) {
  __tsan_release(tag);
  return request_call.Call<grpc_call_error>(server, call, details, metadata, call_queue, queue,
                                            tag);
}

TESSERA_STAND_IN grpc_call_error grpc_server_request_registered_call(
    grpc_server* server, void* method, grpc_call** call, gpr_timespec* deadline,
    grpc_metadata_array* metadata, grpc_byte_buffer** payload, grpc_completion_queue* call_queue,
    grpc_completion_queue* queue, void* tag) {
  __tsan_release(tag);
  return request_registered_call.Call<grpc_call_error>(server, method, call, deadline, metadata,
                                                       payload, call_queue, queue, tag);
}

TESSERA_STAND_IN void grpc_server_shutdown_and_notify(grpc_server* server,
                                                      grpc_completion_queue* queue, void* tag) {
  __tsan_release(tag);
  shutdown_and_notify.Call<void>(server, queue, tag);
}

// The status is passed by its address, as all that has a destructor.
void EndOp(grpc_completion_queue* queue, void* tag, void* status, void* done, void* argument,
           void* storage, bool internal) __asm__(TESSERA_END_OP);
TESSERA_STAND_IN void EndOp(grpc_completion_queue* queue, void* tag, void* status, void* done,
                            void* argument, void* storage, bool internal) {
  __tsan_release(tag);
  end_op.Call<void>(queue, tag, status, done, argument, storage, internal);
}

TESSERA_STAND_IN grpc_event grpc_completion_queue_next(grpc_completion_queue* queue,
                                                       gpr_timespec deadline, void* reserved) {
  const grpc_event event = next.Call<grpc_event>(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

TESSERA_STAND_IN grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                                        gpr_timespec deadline, void* reserved) {
  const grpc_event event = pluck.Call<grpc_event>(queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(tag);
  return event;
}

}  // extern "C"
