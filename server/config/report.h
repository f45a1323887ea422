// Where the checks of the configuration tell what they find. Not part of the room's interface.
#ifndef TESSERA_SERVER_CONFIG_REPORT_H_
#define TESSERA_SERVER_CONFIG_REPORT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/config/config.h"
#include "server/config/duration.h"
#include "server/config/settings.h"

namespace tessera::server {

// All references must outlive the report.
class Report {
 public:
  Report(const Settings& settings, Config& config, std::vector<std::string>& problems)
      : settings_(settings), config_(config), problems_(problems) {}

  const Config& config() const { return config_; }

  void Wrong(std::string_view key, std::string_view value, std::string_view expectation) {
    problems_.push_back(Problem(key, value, expectation, settings_));
  }
  // A value outside `least` to `most`, both included, is wrong.
  void Within(std::string_view key, absl::Duration value, absl::Duration least,
              absl::Duration most) {
    if (value >= least && value <= most) return;
    Wrong(key, DurationText(value),
          "expected " + DurationText(least) + " to " + DurationText(most));
  }
  void Warn(std::string warning) { config_.warnings.push_back(std::move(warning)); }

 private:
  const Settings& settings_;
  Config& config_;
  std::vector<std::string>& problems_;
};

// The checks of `keys.*`.
void CheckKeys(Report& report);
// The checks of `tokens.*` and of `cookies.*`.
void CheckTokens(Report& report);
void CheckCookies(Report& report);
// The checks of `audit.*` and `log.*`.
void CheckAudit(Report& report);
// The checks of `second_factor.*`.
void CheckSecondFactor(Report& report);
// The checks of `kubernetes.*`.
void CheckKubernetes(Report& report);
// The checks of `mesh.*`.
void CheckMesh(Report& report);
// The checks of `users.*`.
void CheckUsers(Report& report);
// The checks of `throttle.*`, and of `server.trusted_proxies`.
void CheckThrottle(Report& report);
void CheckTrustedProxies(Report& report);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_REPORT_H_
