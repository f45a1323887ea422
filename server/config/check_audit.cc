// The checks of `audit.*` and `log.*`.
#include <string>
#include <string_view>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr std::string_view kText = "text";
constexpr std::string_view kJson = "json";

}  // namespace

void CheckAudit(Report& report) {
  report.Within("audit.retention", report.config().audit.retention, kMinAuditRetention,
                kMaxAuditRetention);
  const int events = report.config().audit.max_events;
  if (events < kLeastAuditEvents || events > kMostAuditEvents) {
    report.Wrong("audit.max_events", std::to_string(events), "expected 1000 to 2000000000");
  }
  const std::string& format = report.config().log.format;
  if (format != kText && format != kJson) {
    report.Wrong("log.format", format, "expected \"text\" or \"json\"");
  }
}

}  // namespace tessera::server
