#include "tessera/cli/exit_code.h"

#include <string>

#include "tessera/base/reason.h"

namespace tessera::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  const std::string why = ReasonOf(status);
  if (why == local_reason::kUsage || why == local_reason::kConfigInvalid ||
      why == local_reason::kPlaintextRefused || why == local_reason::kContextNotFound) {
    return ExitCode::kUsage;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kUnauthenticated;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kPermissionDenied;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kConflict;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kUnavailable;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return ExitCode::kInvalid;
    default:
      return ExitCode::kInternal;
  }
}

absl::Status UsageError(std::string_view text) {
  return Refusal(absl::StatusCode::kInvalidArgument, local_reason::kUsage, text);
}

absl::Status WithAdvice(const absl::Status& status, std::string_view advice) {
  const std::string why = ReasonOf(status);
  const std::string text(status.message().substr(why.size() + 2));
  return Refusal(status.code(), why, text + std::string(advice));
}

}  // namespace tessera::cli
