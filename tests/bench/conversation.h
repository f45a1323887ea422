// What the callers of the loader say, and what they make of the answers.
#ifndef TESSERA_TESTS_BENCH_CONVERSATION_H_
#define TESSERA_TESTS_BENCH_CONVERSATION_H_

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

#include "tests/bench/load_plan.h"

namespace tessera::bench {

// Not thread-safe. Callers are numbered from 0.
class Conversation {
 public:
  static std::unique_ptr<Conversation> For(const LoadTarget& target);
  virtual ~Conversation() = default;

  // False: there is nothing more to ask.
  virtual bool Next(int caller, grpc::ByteBuffer& request) = 0;
  // Empty: the answer is as it should be.
  virtual std::string Judge(int caller, grpc::ByteBuffer& answer) = 0;
};

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_CONVERSATION_H_
