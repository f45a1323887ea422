// The checks of `keys.*`.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr std::string_view kShared = "HS256";
// Tokens outlive so many keys then that there is no room for more.
constexpr absl::Duration kOftenEnough = absl::Hours(1);

void CheckAlgorithm(Report& report) {
  const KeysConfig& keys = report.config().keys;
  constexpr std::array<std::string_view, 4> kNames = {"ES256", "EdDSA", "RS256", kShared};
  if (std::find(kNames.begin(), kNames.end(), keys.algorithm) == kNames.end()) {
    report.Wrong("keys.algorithm", keys.algorithm,
                 "expected one of \"ES256\", \"EdDSA\", \"RS256\", \"HS256\"");
  }
  if (keys.algorithm == kShared && keys.hs256_file.empty()) {
    report.Wrong("keys.hs256_file", "",
                 "expected the path of the file through which guards get the shared keys, for "
                 "keys.algorithm = \"HS256\"");
  }
  if (keys.algorithm != kShared && !keys.hs256_file.empty()) {
    report.Wrong("keys.hs256_file", keys.hs256_file,
                 "expected nothing beside keys.algorithm = \"" + keys.algorithm + "\"");
  }
  if (keys.algorithm == kShared) {
    report.Warn(
        "keys.algorithm = \"HS256\": whoever can verify tokens can also make them; only for guards "
        "that are trusted like this server");
  }
}

void CheckRotation(Report& report) {
  const KeysConfig& keys = report.config().keys;
  report.Within("keys.publish_ahead", keys.publish_ahead, absl::ZeroDuration(), kMaxPublishAhead);
  report.Within("keys.acknowledge_timeout", keys.acknowledge_timeout, absl::ZeroDuration(),
                kMaxAcknowledgeTimeout);
  if (keys.rotate_every == absl::ZeroDuration()) return;
  report.Within("keys.rotate_every", keys.rotate_every, kMinRotateEvery, kMaxRotateEvery);
  if (keys.rotate_every < kOftenEnough) {
    report.Warn("keys.rotate_every: " + DurationText(keys.rotate_every) +
                " makes keys faster than tokens expire: rotation stops while too many are kept");
  }
}

}  // namespace

void CheckKeys(Report& report) {
  if (report.config().keys.master_key_file.empty()) {
    report.Wrong("keys.master_key_file", "",
                 "expected a file of lines `id:base64 of 32 bytes`, mode 0600");
  }
  CheckAlgorithm(report);
  CheckRotation(report);
}

}  // namespace tessera::server
