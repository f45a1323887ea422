#include <algorithm>
#include <string>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxIssuer = 64;
constexpr absl::Duration kLeastPeriod = absl::Seconds(15);
constexpr absl::Duration kMostPeriod = absl::Minutes(2);
constexpr absl::Duration kLeastChallenge = absl::Seconds(30);
constexpr absl::Duration kMostChallenge = absl::Minutes(15);
// Each step more is one more code that a guess may hit.
constexpr int kMostDrift = 2;

// A colon parts the issuer from the user's name in what authenticators read.
bool IsIssuer(const std::string& text) {
  return !text.empty() && text.size() <= kMaxIssuer && text.find(':') == text.npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

void CheckSecondFactor(Report& report) {
  const SecondFactorConfig& factor = report.config().second_factor;
  if (!IsIssuer(factor.issuer)) {
    report.Wrong("second_factor.issuer", factor.issuer,
                 "expected 1 to 64 printable ASCII characters without a colon");
  }
  if (factor.algorithm != "SHA1" && factor.algorithm != "SHA256" && factor.algorithm != "SHA512") {
    report.Wrong("second_factor.algorithm", factor.algorithm,
                 "expected one of \"SHA1\", \"SHA256\", \"SHA512\"");
  }
  if (factor.digits != 6 && factor.digits != 8) {
    report.Wrong("second_factor.digits", std::to_string(factor.digits), "expected 6 or 8");
  }
  if (factor.period % absl::Seconds(1) != absl::ZeroDuration()) {
    report.Wrong("second_factor.period", DurationText(factor.period), "expected whole seconds");
  }
  report.Within("second_factor.period", factor.period, kLeastPeriod, kMostPeriod);
  if (factor.drift > kMostDrift) {
    report.Wrong("second_factor.drift", std::to_string(factor.drift), "expected 0 to 2");
  }
  report.Within("second_factor.challenge_ttl", factor.challenge_ttl, kLeastChallenge,
                kMostChallenge);
}

}  // namespace tessera::server
