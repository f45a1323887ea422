#include "tessera/caller/reason.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

namespace tessera {
namespace {

// Protobuf's wire format by hand, so that a test can also write what no library would.
std::string Varint(uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out.push_back(static_cast<char>(0x80 | (value & 0x7F)));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
  return out;
}

std::string Number(uint32_t id, uint64_t value) {
  return Varint(uint64_t{id} << 3) + Varint(value);
}

std::string Bytes(uint32_t id, const std::string& bytes) {
  return Varint((uint64_t{id} << 3) | 2) + Varint(bytes.size()) + bytes;
}

std::string Any(const std::string& type, const std::string& value) {
  return Bytes(1, "type.googleapis.com/" + type) + Bytes(2, value);
}

std::string ErrorInfo(const std::string& reason, const std::string& domain) {
  return Any("google.rpc.ErrorInfo", Bytes(1, reason) + Bytes(2, domain));
}

std::string RetryInfo(uint64_t seconds, uint64_t nanos) {
  return Any("google.rpc.RetryInfo", Bytes(1, Number(1, seconds) + Number(2, nanos)));
}

constexpr auto kCode = grpc::StatusCode::UNAUTHENTICATED;

std::string RpcStatus(const std::string& details) {
  return Number(1, static_cast<uint64_t>(kCode)) + Bytes(2, "text") + details;
}

grpc::Status WithDetails(const std::string& details, const std::string& message = "text") {
  return grpc::Status(kCode, message, details);
}

TEST(ReasonOf, ReadsErrorInfoOfDomainTessera) {
  const auto status = WithDetails(RpcStatus(Bytes(3, ErrorInfo("TOKEN_EXPIRED", "tessera"))));
  EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
}

TEST(ReasonOf, ReadsTheHeadOfTheMessageWhereThereAreNoDetails) {
  EXPECT_EQ(ReasonOf(grpc::Status(kCode, "TOKEN_REVOKED: the token was revoked")), "TOKEN_REVOKED");
}

TEST(ReasonOf, DetailsWinOverTheMessage) {
  const auto details = RpcStatus(Bytes(3, ErrorInfo("TOKEN_TYPE", "tessera")));
  EXPECT_EQ(ReasonOf(WithDetails(details, "TOKEN_EXPIRED: text")), "TOKEN_TYPE");
}

TEST(ReasonOf, AnotherDomainDoesNotCount) {
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(Bytes(3, ErrorInfo("TOKEN_TYPE", "example.com"))))), "");
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(Bytes(3, ErrorInfo("TOKEN_TYPE", ""))))), "");
  const auto both =
      Bytes(3, ErrorInfo("OTHER", "example.com")) + Bytes(3, ErrorInfo("ROLE_REQUIRED", "tessera"));
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(both))), "ROLE_REQUIRED");
}

TEST(ReasonOf, IsEmptyForSuccessAndForPlainText) {
  EXPECT_EQ(ReasonOf(grpc::Status::OK), "");
  EXPECT_EQ(ReasonOf(grpc::Status(kCode, "no such luck: never")), "");
  EXPECT_EQ(ReasonOf(grpc::Status(kCode, "")), "");
}

TEST(ReasonOf, SkipsDetailsAndFieldsThatItDoesNotKnow) {
  const auto details = Bytes(3, Any("google.rpc.BadRequest", "\xff\xff")) + Bytes(99, "later") +
                       Bytes(3, ErrorInfo("FIELD_INVALID", "tessera") + Number(7, 1));
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(details))), "FIELD_INVALID");
}

TEST(ReasonOf, ATextThatIsNoReasonIsNotHandedOn) {
  for (const std::string& reason : {std::string("rm -rf"), std::string("TOKEN\nX"),
                                    std::string(64, 'A'), std::string("\0A", 2)}) {
    EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(Bytes(3, ErrorInfo(reason, "tessera"))))), "");
  }
  const auto longest = RpcStatus(Bytes(3, ErrorInfo(std::string(63, 'A'), "tessera")));
  EXPECT_EQ(ReasonOf(WithDetails(longest)), std::string(63, 'A'));
}

TEST(ReasonOf, DetailsThatSpeakOfAnotherCodeDoNotCount) {
  const auto details = Number(1, 7) + Bytes(3, ErrorInfo("TOKEN_TYPE", "tessera"));
  EXPECT_EQ(ReasonOf(WithDetails(details, "TOKEN_EXPIRED: text")), "TOKEN_EXPIRED");
}

TEST(ReasonOf, OneBrokenFieldMakesAllDetailsVoid) {
  const auto good = RpcStatus(Bytes(3, ErrorInfo("TOKEN_TYPE", "tessera")));
  const std::string broken[] = {
      std::string("\x1a\x7f") + "short",                      // runs past the end
      std::string(10, '\xff') + "\x01",                       // varint of eleven bytes
      std::string("\x08") + std::string(9, '\xff') + "\x02",  // beyond 64 bits
      std::string("\x00\x01", 2),                             // field number 0
      "\x0b\x0c",                                             // a group
      "\x08",                                                 // key without value
      "\x0d\x01\x02",                                         // half a fixed32
      "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",         // a length of 2^64 - 1
  };
  for (const auto& tail : broken) EXPECT_EQ(ReasonOf(WithDetails(good + tail)), "");
}

TEST(ReasonOf, EveryPrefixAndEveryFlippedBitIsHarmless) {
  const auto good =
      RpcStatus(Bytes(3, ErrorInfo("TOKEN_TYPE", "tessera")) + Bytes(3, RetryInfo(2, 5)));
  for (size_t size = 0; size < good.size(); ++size) {
    const auto status = WithDetails(good.substr(0, size));
    EXPECT_TRUE(ReasonOf(status).empty() || ReasonOf(status) == "TOKEN_TYPE");
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_LE(ReasonOf(WithDetails(flipped)).size(), 63u);
    const auto delay = RetryDelayOf(WithDetails(flipped));
    EXPECT_TRUE(!delay.has_value() || *delay >= absl::ZeroDuration());
  }
}

TEST(ReasonOf, RandomBytesAreHarmless) {
  std::mt19937 random(20'240'601);  // fixed: a failure can be repeated
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_LE(ReasonOf(WithDetails(bytes)).size(), 63u);
  }
}

TEST(ReasonOf, MoreDetailsThanAnyServerSendsAreNotRead) {
  std::string details;
  for (int i = 0; i < 64; ++i) details += Bytes(3, Any("x", ""));
  const auto reason = Bytes(3, ErrorInfo("TOKEN_TYPE", "tessera"));
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(details.substr(0, details.size() / 64 * 63) + reason))),
            "TOKEN_TYPE");
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(details + reason))), "");
  EXPECT_EQ(ReasonOf(WithDetails(RpcStatus(reason + Bytes(9, std::string(65'536, 'x'))))), "");
}

TEST(RetryDelayOf, ReadsRetryInfo) {
  const auto status = WithDetails(RpcStatus(Bytes(3, RetryInfo(2, 500'000'000))));
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(2500));
}

TEST(RetryDelayOf, IsAbsentWhereTheStatusDoesNotSay) {
  EXPECT_EQ(RetryDelayOf(WithDetails(RpcStatus(""))), std::nullopt);
  EXPECT_EQ(RetryDelayOf(grpc::Status::OK), std::nullopt);
  EXPECT_EQ(RetryDelayOf(grpc::Status(kCode, "THROTTLED: text")), std::nullopt);
}

TEST(RetryDelayOf, ANegativeOrOversizedDelayIsRefused) {
  const auto delay = [](uint64_t seconds, uint64_t nanos) {
    return RetryDelayOf(WithDetails(RpcStatus(Bytes(3, RetryInfo(seconds, nanos)))));
  };
  EXPECT_EQ(delay(static_cast<uint64_t>(-1), 0), std::nullopt);
  EXPECT_EQ(delay(0, static_cast<uint64_t>(-1)), std::nullopt);
  EXPECT_EQ(delay(0, 1'000'000'000), std::nullopt);
  EXPECT_EQ(delay(315'576'000'001, 0), std::nullopt);
  EXPECT_EQ(delay(315'576'000'000, 0), absl::Seconds(315'576'000'000));
  EXPECT_EQ(delay(0, 0), absl::ZeroDuration());
}

}  // namespace
}  // namespace tessera
