// Credentials whose processor admits every call: what gRPC itself asks for being asked.
#ifndef TESSERA_TESTS_BENCH_ADMIT_ALL_H_
#define TESSERA_TESTS_BENCH_ADMIT_ALL_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

namespace tessera::bench {

// Plaintext. The processor is of the same kind as the guard's (in C-core, answering at once), and
// looks at nothing.
std::shared_ptr<grpc::ServerCredentials> AdmitAllCredentials();

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_ADMIT_ALL_H_
