#include "tessera/cli/exit_code.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"

namespace tessera::cli {
namespace {

struct Mapping {
  absl::StatusCode status;
  int exit;
};

class EveryCode : public ::testing::TestWithParam<Mapping> {};

TEST_P(EveryCode, KeepsItsNumber) {
  EXPECT_EQ(static_cast<int>(ExitCodeOf(absl::Status(GetParam().status, "text"))), GetParam().exit);
}

INSTANTIATE_TEST_SUITE_P(
    ExitCode, EveryCode,
    ::testing::Values(
        Mapping{absl::StatusCode::kOk, 0}, Mapping{absl::StatusCode::kCancelled, 1},
        Mapping{absl::StatusCode::kUnknown, 1}, Mapping{absl::StatusCode::kInvalidArgument, 8},
        Mapping{absl::StatusCode::kDeadlineExceeded, 7}, Mapping{absl::StatusCode::kNotFound, 5},
        Mapping{absl::StatusCode::kAlreadyExists, 6},
        Mapping{absl::StatusCode::kPermissionDenied, 4},
        Mapping{absl::StatusCode::kResourceExhausted, 7},
        Mapping{absl::StatusCode::kFailedPrecondition, 6}, Mapping{absl::StatusCode::kAborted, 6},
        Mapping{absl::StatusCode::kOutOfRange, 8}, Mapping{absl::StatusCode::kUnimplemented, 1},
        Mapping{absl::StatusCode::kInternal, 1}, Mapping{absl::StatusCode::kUnavailable, 7},
        Mapping{absl::StatusCode::kDataLoss, 1}, Mapping{absl::StatusCode::kUnauthenticated, 3}));

TEST(ExitCode, AMistakeOfTheUserIsNotAValueThatTheServerRefused) {
  EXPECT_EQ(ExitCodeOf(UsageError("x")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(FieldInvalid("user.username", "x")), ExitCode::kInvalid);
}

TEST(ExitCode, RefusedPlaintextAndABadConfigurationAreUsage) {
  const auto code = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(ExitCodeOf(Refusal(code, local_reason::kPlaintextRefused, "x")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(Refusal(code, local_reason::kConfigInvalid, "x")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(Refusal(code, local_reason::kUnsafeFile, "x")), ExitCode::kConflict);
}

// Of a command about a user, 5 means that the user is unknown.
TEST(ExitCode, AnUnknownContextIsUsageAndNotAThingNotFound) {
  const auto code = absl::StatusCode::kNotFound;
  EXPECT_EQ(ExitCodeOf(Refusal(code, local_reason::kContextNotFound, "x")), ExitCode::kUsage);
}

TEST(WithAdvice, KeepsCodeAndReason) {
  const absl::Status status = WithAdvice(UsageError("x"), " (y)");
  EXPECT_EQ(ReasonOf(status), local_reason::kUsage);
  EXPECT_EQ(status.message(), "USAGE: x (y)");
}

}  // namespace
}  // namespace tessera::cli
