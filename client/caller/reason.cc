#include "tessera/caller/reason.h"

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tessera/base/reason.h"
#include "tessera/caller/wire_reader.h"

namespace tessera {
namespace {

// Details are trailing metadata, which gRPC limits to 8 KiB by default; larger ones are not read.
constexpr size_t kMaxDetailsBytes = 64 << 10;
constexpr int kMaxDetails = 64;
// The bounds that google.rpc sets for a reason and google.protobuf.Duration for itself.
constexpr size_t kMaxReasonBytes = 63;
constexpr uint64_t kMaxSeconds = 315'576'000'000;
constexpr uint64_t kMaxNanos = 999'999'999;

constexpr std::string_view kDomain = "tessera";

struct Details {
  std::string reason;
  std::optional<absl::Duration> retry_delay;
};

bool IsBytes(const WireField& field, uint32_t id) {
  return field.id == id && field.kind == WireField::Kind::kBytes;
}

bool IsNumber(const WireField& field, uint32_t id) {
  return field.id == id && field.kind == WireField::Kind::kNumber;
}

bool LooksLikeReason(std::string_view text) {
  if (text.empty() || text.size() > kMaxReasonBytes) return false;
  return text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == text.npos;
}

// google.rpc.ErrorInfo: reason = 1, domain = 2. False if broken.
bool ReadErrorInfo(std::string_view message, Details& details) {
  std::string_view reason, domain;
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    if (IsBytes(*field, 1)) reason = field->bytes;
    if (IsBytes(*field, 2)) domain = field->bytes;
  }
  if (!reader.ok()) return false;
  if (domain == kDomain && LooksLikeReason(reason)) details.reason = std::string(reason);
  return true;
}

// google.protobuf.Duration: seconds = 1, nanos = 2. Negative ones are huge here, and refused.
bool ReadDuration(std::string_view message, Details& details) {
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    if (IsNumber(*field, 1)) seconds = field->number;
    if (IsNumber(*field, 2)) nanos = field->number;
  }
  if (!reader.ok() || seconds > kMaxSeconds || nanos > kMaxNanos) return false;
  details.retry_delay = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  return true;
}

// google.rpc.RetryInfo: retry_delay = 1.
bool ReadRetryInfo(std::string_view message, Details& details) {
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    if (IsBytes(*field, 1) && !ReadDuration(field->bytes, details)) return false;
  }
  return reader.ok();
}

// google.protobuf.Any: type_url = 1, value = 2.
bool ReadDetail(std::string_view message, Details& details) {
  std::string_view url, value;
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    if (IsBytes(*field, 1)) url = field->bytes;
    if (IsBytes(*field, 2)) value = field->bytes;
  }
  if (!reader.ok()) return false;
  const size_t slash = url.rfind('/');
  const std::string_view type = slash == url.npos ? std::string_view() : url.substr(slash + 1);
  if (type == "google.rpc.ErrorInfo") return ReadErrorInfo(value, details);
  if (type == "google.rpc.RetryInfo") return ReadRetryInfo(value, details);
  return true;
}

// google.rpc.Status: code = 1, details = 3. Empty if any part of it is broken, or if it speaks of
// another error than `status`.
Details ReadDetails(const grpc::Status& status) {
  const std::string bytes = status.error_details();
  if (bytes.size() > kMaxDetailsBytes) return {};
  Details details;
  int count = 0;
  WireReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (IsNumber(*field, 1) && field->number != static_cast<uint64_t>(status.error_code())) {
      return {};
    }
    if (!IsBytes(*field, 3)) continue;
    if (++count > kMaxDetails || !ReadDetail(field->bytes, details)) return {};
  }
  return reader.ok() ? details : Details();
}

// What gRPC puts before the text of credentials that fail (Caller::CallCredentials).
constexpr std::string_view kOfPlugin = "Getting metadata from plugin failed with error: ";

std::string_view WithoutPlugin(grpc::StatusCode code, std::string_view message) {
  const bool of_plugin = code == grpc::StatusCode::UNAVAILABLE && message.rfind(kOfPlugin, 0) == 0;
  return of_plugin ? message.substr(kOfPlugin.size()) : message;
}

}  // namespace

std::string ReasonOf(const grpc::Status& status) {
  if (status.ok()) return {};
  std::string reason = ReadDetails(status).reason;
  if (!reason.empty()) return reason;
  const std::string message = status.error_message();
  return std::string(ReasonInMessage(WithoutPlugin(status.error_code(), message)));
}

std::optional<absl::Duration> RetryDelayOf(const grpc::Status& status) {
  if (status.ok()) return std::nullopt;
  return ReadDetails(status).retry_delay;
}

}  // namespace tessera
