#include "tessera/base/reason.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera {
namespace {

TEST(Refusal, CarriesCodeReasonAndText) {
  const absl::Status status =
      Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenExpired, "log in again");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(std::string(status.message()), "TOKEN_EXPIRED: log in again");
  EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
  EXPECT_EQ(FieldOf(status), "");
  EXPECT_EQ(RetryDelayOf(status), std::nullopt);
}

TEST(Refusal, RetryableOneCarriesItsDelayToTheNanosecond) {
  const absl::Status status =
      RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable, "later",
                       absl::Nanoseconds(1500001));
  EXPECT_EQ(ReasonOf(status), "KEYS_UNAVAILABLE");
  EXPECT_EQ(RetryDelayOf(status), absl::Nanoseconds(1500001));
}

TEST(Refusal, FieldInvalidNamesTheField) {
  const absl::Status status = FieldInvalid("user.username", "1 to 64 characters");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
  EXPECT_EQ(FieldOf(status), "user.username");
  EXPECT_EQ(std::string(status.message()), "FIELD_INVALID: user.username: 1 to 64 characters");
}

TEST(Refusal, FieldUnsupportedNamesTheField) {
  const absl::Status status = FieldUnsupported("device_id");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "FIELD_UNSUPPORTED");
  EXPECT_EQ(FieldOf(status), "device_id");
}

TEST(ReasonOf, AnyOtherStatusHasNone) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_EQ(ReasonOf(absl::InternalError("TOKEN_EXPIRED: looks like one")), "");
  EXPECT_EQ(RetryDelayOf(absl::UnavailableError("no")), std::nullopt);
}

TEST(ReasonInMessage, IsTheCapitalsBeforeTheFirstColon) {
  EXPECT_EQ(ReasonInMessage("TOKEN_EXPIRED: log in again"), "TOKEN_EXPIRED");
  EXPECT_EQ(ReasonInMessage("ROLE_REQUIRED: needs: one of two"), "ROLE_REQUIRED");
}

TEST(ReasonInMessage, IsEmptyForProse) {
  EXPECT_EQ(ReasonInMessage(""), "");
  EXPECT_EQ(ReasonInMessage(": text"), "");
  EXPECT_EQ(ReasonInMessage("TOKEN_EXPIRED"), "");
  EXPECT_EQ(ReasonInMessage("TOKEN_EXPIRED:no space"), "");
  EXPECT_EQ(ReasonInMessage("Connection refused: 111"), "");
  EXPECT_EQ(ReasonInMessage("TOKEN EXPIRED: text"), "");
}

}  // namespace
}  // namespace tessera
