#include "tessera/caller/auth_failure.h"

#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/reason.h"
#include "tessera/caller/transport_security.h"

namespace tessera {
namespace {

constexpr size_t kMaxText = 256;

// The server's words without the reason at their head, as one printable line.
std::string TextOf(const grpc::Status& status, const Secret& secret) {
  std::string text = status.error_message();
  if (!secret.empty() && text.find(secret.Reveal()) != std::string::npos) return "(text withheld)";
  const std::string_view head = ReasonInMessage(text);
  if (!head.empty()) text.erase(0, head.size() + 2);
  if (text.size() > kMaxText) text.resize(kMaxText);
  const auto unprintable = [](char c) { return c < 0x20 || c > 0x7E; };
  std::replace_if(text.begin(), text.end(), unprintable, '?');
  return text;
}

bool MayBeTriedAgain(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status AuthFailure(std::string_view what, const grpc::Status& status, const Secret& secret) {
  if (IsPlaintextRefusal(status)) return PlaintextRefused();
  const std::string found = ReasonOf(status);
  const std::string text = absl::StrCat("the ", absl::string_view(what.data(), what.size()),
                                        " failed: ", TextOf(status, secret));
  if (MayBeTriedAgain(status.error_code())) {
    const auto named = found.empty() ? reason::kAuthServerUnavailable : std::string_view(found);
    const auto delay = RetryDelayOf(status);
    return delay.has_value() ? RetryableRefusal(absl::StatusCode::kUnavailable, named, text, *delay)
                             : Refusal(absl::StatusCode::kUnavailable, named, text);
  }
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    const auto named = found.empty() ? reason::kBadCredentials : std::string_view(found);
    return Refusal(absl::StatusCode::kUnauthenticated, named, text);
  }
  if (found.empty()) return absl::FailedPreconditionError(text);
  const auto delay = RetryDelayOf(status);
  return delay.has_value()
             ? RetryableRefusal(absl::StatusCode::kFailedPrecondition, found, text, *delay)
             : Refusal(absl::StatusCode::kFailedPrecondition, found, text);
}

}  // namespace tessera
