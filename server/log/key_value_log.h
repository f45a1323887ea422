// Log events as lines on standard error: time, severity, name, `key=value`.
#ifndef TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_
#define TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_

#include <memory>
#include <string>

#include "tessera/base/log.h"

namespace tessera::server {

// A longer value is cut.
inline constexpr size_t kMaxLoggedValueBytes = 1024;

// The event without time and severity: `login.refused reason=bad_password peer=10.0.0.7`. A value
// that holds anything but plain visible ASCII is quoted, with quotes, backslashes, control
// characters and all bytes beyond ASCII escaped (`\"`, `\\`, `\x0a`): no value can look like
// another field or another line.
std::string FormatEvent(const LogEvent& event);

// Writes to standard error, one line an event, whole lines only.
std::unique_ptr<LogSink> StandardErrorLog();

}  // namespace tessera::server

#endif  // TESSERA_SERVER_LOG_KEY_VALUE_LOG_H_
