#include "tessera/guard/presented.h"

#include <algorithm>

namespace tessera::guard {
namespace {

constexpr std::string_view kCookieHeader = "cookie";
constexpr std::string_view kOriginHeader = "origin";
constexpr std::string_view kGrpcWebHeader = "x-grpc-web";

}  // namespace

void PresentedScan::See(std::string_view key, std::string_view value) {
  bearer_.See(key, value);
  if (key == kDeviceHeader) {
    ++devices_;
    device_id_ = value;
  }
  if (!cookie_.name.empty()) SeeForCookie(key, value);
}

void PresentedScan::SeeForCookie(std::string_view key, std::string_view value) {
  if (key == kCookieHeader) {
    found_.See(value);
  } else if (key == kOriginHeader) {
    ++origins_;
    origin_ = value;
  } else if (key == kGrpcWebHeader) {
    grpc_web_ = true;
  }
}

bool PresentedScan::IsOriginAllowed() const {
  const auto& allowed = cookie_.allowed_origins;
  return grpc_web_ && origins_ == 1 &&
         std::find(allowed.begin(), allowed.end(), origin_) != allowed.end();
}

Bearer PresentedScan::FindBearer() const {
  const Bearer bearer = bearer_.Result();
  if (found_.count() == 0) return bearer;
  if (found_.count() > 1 || bearer.kind != Bearer::Kind::kNone) {
    return {Bearer::Kind::kSeveral, {}};
  }
  if (!IsOriginAllowed()) return {Bearer::Kind::kForeignCookie, {}};
  return TokenIn(found_.value());
}

Presented PresentedScan::Result() const {
  return {FindBearer(), device_id_, devices_ > 1, nullptr};
}

bool MustHide(std::string_view key, const HiddenHeaders& hidden) {
  return IsTokenHeader(key) || (hidden.device_id && key == kDeviceHeader) ||
         (!hidden.cookie.name.empty() && key == kCookieHeader);
}

}  // namespace tessera::guard
