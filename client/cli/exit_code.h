// What the program's exit status means. Stable: scripts rely on it (README.md has the table).
#ifndef TESSERA_CLI_EXIT_CODE_H_
#define TESSERA_CLI_EXIT_CODE_H_

#include <string_view>

#include "absl/status/status.h"

namespace tessera::cli {

enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,          // unexpected, or the user broke it off
  kUsage = 2,             // the command line, a setting or a context is wrong
  kUnauthenticated = 3,   // not logged in, session ended, token not good
  kPermissionDenied = 4,  // logged in, but not allowed
  kNotFound = 5,
  kConflict = 6,     // exists already, changed meanwhile, or not possible in this state
  kUnavailable = 7,  // server away, too slow or too busy: try again
  kInvalid = 8,      // the server does not accept a value
};

// Reasons that arise in this program; those of the server are in tessera/base/reason.h.
namespace local_reason {
inline constexpr std::string_view kUsage = "USAGE";
inline constexpr std::string_view kConfigInvalid = "CONFIG_INVALID";
inline constexpr std::string_view kContextNotFound = "CONTEXT_NOT_FOUND";
inline constexpr std::string_view kPlaintextRefused = "PLAINTEXT_REFUSED";
inline constexpr std::string_view kNotLoggedIn = "NOT_LOGGED_IN";
inline constexpr std::string_view kUnsafeFile = "UNSAFE_FILE";
inline constexpr std::string_view kFileFailed = "FILE_FAILED";
inline constexpr std::string_view kBusy = "BUSY";
inline constexpr std::string_view kUnexpectedAnswer = "UNEXPECTED_ANSWER";
inline constexpr std::string_view kBrokenOff = "BROKEN_OFF";
inline constexpr std::string_view kAuditFault = "AUDIT_FAULT";
inline constexpr std::string_view kRowsFailed = "ROWS_FAILED";  // of a file; the others are done
}  // namespace local_reason

// By reason first, then by code; what is not listed is kInternal.
ExitCode ExitCodeOf(const absl::Status& status);

// INVALID_ARGUMENT USAGE: exit 2.
absl::Status UsageError(std::string_view text);
// This program's own refusal `status` with more text behind it.
absl::Status WithAdvice(const absl::Status& status, std::string_view advice);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_EXIT_CODE_H_
