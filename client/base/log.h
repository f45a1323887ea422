// Log events: one per decision, a name and its fields, no prose. Programs choose where they go.
#ifndef TESSERA_BASE_LOG_H_
#define TESSERA_BASE_LOG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera {

enum class Severity { kDebug, kInfo, kWarning, kError };

// `login.refused reason=bad_password user=usr_... peer=...`. Never holds a secret: log a token's
// Fingerprint.
struct LogEvent {
  Severity severity = Severity::kInfo;
  std::string_view name;                                         // a literal
  std::vector<std::pair<std::string_view, std::string>> fields;  // keys are literals
};

// Thread-safe. Write returns fast and never throws.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(const LogEvent& event) = 0;

  // Write with the fields spelled out: `log.Info("login.admitted", {{"user", id}})`.
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  void Info(std::string_view name, Fields fields = {}) {
    Write({Severity::kInfo, name, std::move(fields)});
  }
  void Warning(std::string_view name, Fields fields = {}) {
    Write({Severity::kWarning, name, std::move(fields)});
  }
  void Error(std::string_view name, Fields fields = {}) {
    Write({Severity::kError, name, std::move(fields)});
  }
};

// Drops everything. Lives as long as the process.
LogSink& NoLog();

}  // namespace tessera

#endif  // TESSERA_BASE_LOG_H_
