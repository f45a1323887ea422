#include "tessera/base/reason.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tessera {
namespace {

constexpr char kReasonUrl[] = "tessera/reason";
constexpr char kFieldUrl[] = "tessera/field";
constexpr char kRetryUrl[] = "tessera/retry_nanoseconds";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string PayloadOf(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::Status FieldRefusal(std::string_view reason, std::string_view field, std::string_view text) {
  absl::Status status = Refusal(absl::StatusCode::kInvalidArgument, reason, text);
  status.SetPayload(kFieldUrl, absl::Cord(View(field)));
  return status;
}

}  // namespace

absl::Status Refusal(absl::StatusCode code, std::string_view reason, std::string_view text) {
  absl::Status status(code, absl::StrCat(View(reason), ": ", View(text)));
  status.SetPayload(kReasonUrl, absl::Cord(View(reason)));
  return status;
}

absl::Status RetryableRefusal(absl::StatusCode code, std::string_view reason, std::string_view text,
                              absl::Duration delay) {
  absl::Status status = Refusal(code, reason, text);
  status.SetPayload(kRetryUrl, absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(delay))));
  return status;
}

absl::Status FieldInvalid(std::string_view field, std::string_view expectation) {
  return FieldRefusal(reason::kFieldInvalid, field,
                      absl::StrCat(View(field), ": ", View(expectation)));
}

absl::Status FieldUnsupported(std::string_view field) {
  return FieldRefusal(reason::kFieldUnsupported, field,
                      absl::StrCat(View(field), ": not served by this version"));
}

std::string ReasonOf(const absl::Status& status) { return PayloadOf(status, kReasonUrl); }

std::string FieldOf(const absl::Status& status) { return PayloadOf(status, kFieldUrl); }

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  int64_t nanoseconds = 0;
  if (!absl::SimpleAtoi(PayloadOf(status, kRetryUrl), &nanoseconds)) return std::nullopt;
  return absl::Nanoseconds(nanoseconds);
}

std::string_view ReasonInMessage(std::string_view message) {
  const size_t end = message.find(": ");
  if (end == std::string_view::npos || end == 0) return {};
  const std::string_view head = message.substr(0, end);
  const bool fits = head.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == head.npos;
  return fits ? head : std::string_view();
}

}  // namespace tessera
