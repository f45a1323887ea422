// A channel to tesserad, and the rule about who may be talked to without TLS.
#ifndef TESSERA_CLI_CONNECTION_H_
#define TESSERA_CLI_CONNECTION_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/cli/context_store.h"

namespace grpc {
class Channel;
}

namespace tessera::cli {

// True for `localhost`, 127.0.0.0/8 and ::1, with or without brackets; for every other name false.
bool IsLoopback(std::string_view host);

// `host:port` or `[v6]:port`. INVALID_ARGUMENT USAGE: anything else.
absl::StatusOr<std::string> HostOf(const std::string& server);

// No network yet. PLAINTEXT_REFUSED: without TLS to another machine, and not
// `plaintext_off_loopback`; passwords, tokens and even keys must not travel so. USAGE: a bad
// address or CA file.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Context& context);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CONNECTION_H_
