#include "tessera/cli/wire_status.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tessera/base/reason.h"
#include "tessera/cli/output.h"

namespace tessera::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A length-delimited field of less than 128 bytes.
std::string Field(int number, const std::string& value) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(value.size())) + value;
}

std::string BadRequest(const std::string& field, const std::string& description) {
  const std::string violation = Field(1, field) + Field(2, description);
  const std::string any =
      Field(1, "type.googleapis.com/google.rpc.BadRequest") + Field(2, Field(1, violation));
  return Field(3, any);
}

TEST(FromWire, KeepsCodeReasonAndText) {
  const absl::Status status =
      FromWire({grpc::StatusCode::NOT_FOUND, "USER_NOT_FOUND: no such user"}, "s:1");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(ReasonOf(status), "USER_NOT_FOUND");
  EXPECT_EQ(status.message(), "USER_NOT_FOUND: no such user");
}

TEST(FromWire, AStatusWithoutReasonIsNamedByItsCode) {
  const absl::Status status = FromWire({grpc::StatusCode::UNAVAILABLE, "refused"}, "s:1");
  EXPECT_EQ(ReasonOf(status), "UNAVAILABLE");
  EXPECT_EQ(status.message(), "UNAVAILABLE: cannot talk to s:1: refused");
}

TEST(FromWire, HintsAtTlsOnlyWhereThereWasNone) {
  const grpc::Status hung_up(grpc::StatusCode::UNAVAILABLE,
                             "failed to connect to all addresses; last error: Socket closed");
  const char* const hint = "(does the server speak TLS? then without --plaintext)";
  EXPECT_THAT(std::string(FromWire(hung_up, "s:1", true).message()), HasSubstr(hint));
  EXPECT_THAT(std::string(FromWire(hung_up, "s:1").message()), Not(HasSubstr(hint)));
  // The server was spoken to, and went away.
  const grpc::Status broken(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  EXPECT_THAT(std::string(FromWire(broken, "s:1", true).message()), Not(HasSubstr(hint)));
}

TEST(FromWire, DoubtsAServerThatDoesNotKnowTheCall) {
  EXPECT_EQ(FromWire({grpc::StatusCode::UNIMPLEMENTED, "no such method"}, "s:1").message(),
            "UNIMPLEMENTED: s:1 does not serve tessera's API: is it tesserad? (no such method)");
  EXPECT_EQ(FromWire({grpc::StatusCode::UNIMPLEMENTED, ""}, "s:1").message(),
            "UNIMPLEMENTED: s:1 does not serve tessera's API: is it tesserad?");
  EXPECT_EQ(FromWire({grpc::StatusCode::UNIMPLEMENTED, "FIELD_UNSUPPORTED: x"}, "s:1").message(),
            "FIELD_UNSUPPORTED: x");
}

TEST(FromWire, ReadsFieldViolations) {
  const grpc::Status wire(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID: see the fields",
                          BadRequest("user.username", "1 to 64 characters"));
  const auto violations = FieldViolationsOf(FromWire(wire, "s:1"));
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "user.username");
  EXPECT_EQ(violations[0].description, "1 to 64 characters");
}

TEST(FromWire, ShowsFieldViolationsUnlessTheTextNamesTheField) {
  const std::string details = BadRequest("user.username", "1 to 64\x1b characters");
  std::ostringstream err;
  PrintError(FromWire({grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID: bad", details}, "s:1"),
             false, err);
  EXPECT_EQ(err.str(), "tessera: FIELD_INVALID: bad\n  user.username: 1 to 64\\u{1b} characters\n");
  err.str("");
  PrintError(FromWire({grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID: user.username: 1 to 64",
                       details},
                      "s:1"),
             false, err);
  EXPECT_EQ(err.str(), "tessera: FIELD_INVALID: user.username: 1 to 64\n");
}

TEST(FromWire, JunkInTheDetailsIsNoCrash) {
  for (const std::string& junk : {std::string("\xff\xff\xff"), Field(3, "\x0a\x7f"),
                                  Field(3, Field(1, "x")), std::string(300, '\x1a')}) {
    const absl::Status status = FromWire({grpc::StatusCode::INTERNAL, "x", junk}, "s:1");
    EXPECT_TRUE(absl::IsInternal(status));
    EXPECT_TRUE(FieldViolationsOf(status).empty());
  }
}

}  // namespace
}  // namespace tessera::cli
