// Log events as lines on standard error: time, severity, name, `key=value`; or JSON.
#ifndef TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_
#define TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tessera/base/log.h"

namespace tessera::server {

// A longer value is cut.
inline constexpr size_t kMaxLoggedValueBytes = 1024;

// The event without time and severity: `login.refused reason=bad_password peer=10.0.0.7`. A value
// that holds anything but plain visible ASCII is quoted, with quotes, backslashes, control
// characters and all bytes beyond ASCII escaped (`\"`, `\\`, `\x0a`): no value can look like
// another field or another line.
std::string FormatEvent(const LogEvent& event);

// The event as a JSON object, without line feeds: `time` (RFC 3339, UTC), `level`, `event`, and the
// fields by their names. Values are cut as in FormatEvent; bytes that are no UTF-8 come out as
// U+FFFD. A field cannot take the place of another: one of the same name stands there once.
std::string FormatEventAsJson(const LogEvent& event, absl::Time now);

enum class LogFormat { kText, kJson };

// Writes to standard error, one line an event, whole lines only.
std::unique_ptr<LogSink> StandardErrorLog(LogFormat format = LogFormat::kText);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_
