#include <string>
#include <utility>

#include "server/config/report.h"
#include "server/names/ip_network.h"

namespace tessera::server {
namespace {

constexpr int kMostAttempts = 1'000'000;
// Guesses beyond this many are more than NIST SP 800-63B (section 5.2.2) lets pass in a row.
constexpr int kTellingAttempts = 100;

void CheckCount(Report& report, const char* key, int count) {
  if (count >= 1 && count <= kMostAttempts) return;
  report.Wrong(key, std::to_string(count), "expected 1 to 1000000");
}

}  // namespace

void CheckThrottle(Report& report) {
  const ThrottleConfig& throttle = report.config().throttle;
  CheckCount(report, "throttle.attempts", throttle.attempts);
  CheckCount(report, "throttle.account_attempts", throttle.account_attempts);
  CheckCount(report, "throttle.source_attempts", throttle.source_attempts);
  CheckCount(report, "throttle.registrations", throttle.registrations);
  report.Within("throttle.first_delay", throttle.first_delay, kMinThrottleDelay, kMaxThrottleDelay);
  report.Within("throttle.max_delay", throttle.max_delay, throttle.first_delay, kMaxThrottleDelay);
  report.Within("throttle.forget_after", throttle.forget_after, throttle.max_delay,
                kMaxForgetAfter);
  report.Within("throttle.device_ttl", throttle.device_ttl, kMinDeviceTtl, kMaxDeviceTtl);
  for (const auto& [key, count] :
       {std::pair("throttle.attempts", throttle.attempts),
        std::pair("throttle.account_attempts", throttle.account_attempts)}) {
    if (count > kTellingAttempts) {
      report.Warn(std::string(key) + ": " + std::to_string(count) +
                  " guesses at one account pass without a delay");
    }
  }
}

void CheckTrustedProxies(Report& report) {
  for (const std::string& network : report.config().server.trusted_proxies) {
    if (IpNetwork::Parse(network).has_value()) continue;
    report.Wrong("server.trusted_proxies", network,
                 "expected networks such as \"10.0.0.0/8\" or \"2001:db8::/32\", or addresses");
  }
}

}  // namespace tessera::server
