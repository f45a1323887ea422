#include "server/log/key_value_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace tessera::server {
namespace {

constexpr char kPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kHexDigits[] = "0123456789abcdef";

bool IsPlain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

void AppendEscaped(char c, std::string& line) {
  if (c == '"' || c == '\\') {
    line += '\\';
    line += c;
  } else if (c >= ' ' && c < 0x7f) {
    line += c;
  } else {
    const auto byte = static_cast<unsigned char>(c);
    line += "\\x";
    line += kHexDigits[byte >> 4];
    line += kHexDigits[byte & 0xf];
  }
}

void AppendValue(std::string_view value, std::string& line) {
  const std::string_view shown = value.substr(0, kMaxLoggedValueBytes);
  if (!shown.empty() && std::all_of(shown.begin(), shown.end(), IsPlain)) {
    line += shown;
  } else {
    line += '"';
    for (const char c : shown) AppendEscaped(c, line);
    line += '"';
  }
  if (shown.size() < value.size()) line += "...";
}

spdlog::level::level_enum LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

class SpdlogSink final : public LogSink {
 public:
  SpdlogSink() : logger_("tesserad", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(kPattern, spdlog::pattern_time_type::utc));
    logger_.flush_on(spdlog::level::info);
    logger_.set_error_handler([](const std::string&) {});  // there is nowhere to tell it
  }

  void Write(const LogEvent& event) override {
    logger_.log(LevelOf(event.severity), spdlog::string_view_t(FormatEvent(event)));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::string FormatEvent(const LogEvent& event) {
  std::string line(event.name);
  for (const auto& [key, value] : event.fields) {
    line += ' ';
    line += key;
    line += '=';
    AppendValue(value, line);
  }
  return line;
}

std::unique_ptr<LogSink> StandardErrorLog() { return std::make_unique<SpdlogSink>(); }

}  // namespace tessera::server
