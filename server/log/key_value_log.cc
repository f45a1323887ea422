#include "server/log/key_value_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "tessera/base/clock.h"

namespace tessera::server {
namespace {

constexpr char kPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kJsonTime[] = "%Y-%m-%d%ET%H:%M:%E3SZ";
constexpr char kBarePattern[] = "%v";
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
  explicit SpdlogSink(LogFormat format)
      : format_(format), logger_("tesserad", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    const char* pattern = format == LogFormat::kJson ? kBarePattern : kPattern;
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger_.flush_on(spdlog::level::info);
    logger_.set_error_handler([](const std::string&) {});  // there is nowhere to tell it
  }

  void Write(const LogEvent& event) override {
    const std::string line = format_ == LogFormat::kJson
                                 ? FormatEventAsJson(event, SystemClock().Now())
                                 : FormatEvent(event);
    logger_.log(LevelOf(event.severity), spdlog::string_view_t(line));
  }

 private:
  const LogFormat format_;
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

std::string FormatEventAsJson(const LogEvent& event, absl::Time now) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime(kJsonTime, now, absl::UTCTimeZone());
  line["level"] = spdlog::level::to_string_view(LevelOf(event.severity)).data();
  line["event"] = std::string(event.name);
  for (const auto& [key, value] : event.fields) {
    std::string shown = value.substr(0, kMaxLoggedValueBytes);
    if (shown.size() < value.size()) shown += "...";
    line.emplace(std::string(key), std::move(shown));  // the first of a name stays
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::unique_ptr<LogSink> StandardErrorLog(LogFormat format) {
  return std::make_unique<SpdlogSink>(format);
}

}  // namespace tessera::server
