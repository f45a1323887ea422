#include <arpa/inet.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/duration.h"
#include "server/config/mysql_url.h"
#include "server/config/report.h"
#include "server/config/settings.h"
#include "server/names/user_name.h"

namespace tessera::server {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";
constexpr uint32_t kMinMemoryKib = 8 * 1024;
constexpr uint32_t kMaxMemoryKib = 1024 * 1024;
constexpr uint32_t kMaxPasses = 16;
// Beyond it times in tokens and rows mean another thing on each replica.
constexpr absl::Duration kTellingClockDifference = absl::Seconds(60);

struct HostPort {
  std::string host;
  int port = 0;
};

// `host:port`, `[v6]:port`.
std::optional<HostPort> SplitHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || digits.front() == '-' || port > 65535) return std::nullopt;
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  in6_addr v6;
  const bool is_v6 = inet_pton(AF_INET6, std::string(host).c_str(), &v6) == 1;
  if (bracketed != is_v6) return std::nullopt;
  if (!is_v6 && host.find_first_of(":[]/ \t") != std::string_view::npos) return std::nullopt;
  return HostPort{std::string(host), port};
}

// Collects what is wrong. The methods are named after the tables.
class Checker {
 public:
  Checker(const Settings& settings, Config& config, std::vector<std::string>& problems)
      : settings_(settings), config_(config), problems_(problems) {}

  void All() {
    Listen();
    Transport();
    Storage();
    Tokens();
    Passwords();
    Bootstrap();
    Unserved();
  }

 private:
  void Wrong(std::string_view key, std::string_view value, std::string_view expectation) {
    problems_.push_back(Problem(key, value, expectation, settings_));
  }
  void Warn(std::string warning) { config_.warnings.push_back(std::move(warning)); }
  bool IsSet(const std::string& key) const { return settings_.count(key) > 0; }

  void Listen() {
    if (!SplitHostPort(config_.server.listen)) {
      Wrong("server.listen", config_.server.listen,
            "expected host:port such as \"127.0.0.1:7443\" or \"[::1]:7443\"");
    }
    if (!SplitHostPort(config_.ops.listen)) {
      Wrong("ops.listen", config_.ops.listen, "expected host:port such as \"127.0.0.1:9464\"");
    }
  }

  void Transport() {
    const ServerConfig& server = config_.server;
    if (server.plaintext) {
      PlaintextRules();
      return;
    }
    constexpr std::string_view kWanted =
        "expected a PEM file (or set server.plaintext = true to serve without TLS)";
    if (server.tls.certificate.empty()) Wrong("server.tls.certificate", "", kWanted);
    if (server.tls.key.empty()) Wrong("server.tls.key", "", kWanted);
  }

  void PlaintextRules() {
    const ServerConfig& server = config_.server;
    const std::pair<std::string_view, const std::string&> files[] = {
        {"server.tls.certificate", server.tls.certificate},
        {"server.tls.key", server.tls.key},
        {"server.tls.client_ca", server.tls.client_ca}};
    for (const auto& [key, file] : files) {
      if (!file.empty()) Wrong(key, file, "expected nothing beside server.plaintext = true");
    }
    if (IsLoopback(server.listen)) return;
    if (!server.plaintext_off_loopback) {
      Wrong("server.listen", server.listen,
            "expected a loopback address, for server.plaintext = true sends passwords and tokens "
            "unprotected; if a proxy before it ends TLS, set server.plaintext_off_loopback = true");
      return;
    }
    Warn("server.plaintext_off_loopback: passwords and tokens pass unprotected to " +
         server.listen);
  }

  void Storage() {
    const StorageConfig& storage = config_.storage;
    if (IsMysqlUrl(storage.url)) {
      Mysql();
    } else {
      Sqlite();
    }
    if (storage.connections < 1 || storage.connections > kMaxConnections) {
      Wrong("storage.connections", std::to_string(storage.connections), "expected 1 to 256");
    }
  }

  void Sqlite() {
    const StorageConfig& storage = config_.storage;
    const std::string path = SqlitePath(storage);
    if (path.empty()) {
      Wrong("storage.url", storage.url,
            "expected \"sqlite:PATH\" or \"mysql://USER@HOST:PORT/DATABASE\"");
    } else if (path.front() == ':' || path.rfind("//", 0) == 0) {
      Wrong("storage.url", storage.url, "expected the path of a file after \"sqlite:\"");
    }
    const StorageConfig unset;
    ForMysqlAlone("storage.password_file", storage.password_file == unset.password_file);
    ForMysqlAlone("storage.tls_ca", storage.tls_ca == unset.tls_ca);
    ForMysqlAlone("storage.plaintext_off_loopback", !storage.plaintext_off_loopback);
    ForMysqlAlone("storage.relaxed_durability", !storage.relaxed_durability);
    ForMysqlAlone("storage.migrate", storage.migrate);
    ForMysqlAlone("storage.wait_at_start", storage.wait_at_start == unset.wait_at_start);
    ForMysqlAlone("storage.max_clock_difference",
                  storage.max_clock_difference == unset.max_clock_difference);
  }

  void ForMysqlAlone(const std::string& key, bool unset) {
    if (unset) return;
    const auto set = settings_.find(key);
    problems_.push_back(key +
                        ": expected nothing, for it means something beside a mysql:// url "
                        "alone" +
                        (set == settings_.end() ? "" : " (" + set->second.origin + ")"));
  }

  void Mysql() {
    const StorageConfig& storage = config_.storage;
    const absl::StatusOr<MysqlUrl> url = ParseMysqlUrl(storage.url);
    if (url.ok()) {
      MysqlTransport(url->host);
    } else {
      const absl::string_view why = url.status().message();
      Wrong("storage.url", storage.url, std::string_view(why.data(), why.size()));
    }
    if (storage.password_file.empty()) {
      Wrong("storage.password_file", "",
            "expected a file of mode 0600 whose first line is the password of the url's user");
    }
    Within("storage.wait_at_start", storage.wait_at_start, absl::ZeroDuration(), kMaxWaitAtStart);
    Within("storage.max_clock_difference", storage.max_clock_difference, kMinClockDifference,
           kMaxClockDifference);
    MysqlWarnings();
  }

  void MysqlTransport(const std::string& host) {
    const StorageConfig& storage = config_.storage;
    if (!storage.tls_ca.empty() && storage.plaintext_off_loopback) {
      Wrong("storage.tls_ca", storage.tls_ca,
            "expected nothing beside storage.plaintext_off_loopback = true");
      return;
    }
    if (!storage.tls_ca.empty() || IsLoopbackHost(host)) return;
    if (!storage.plaintext_off_loopback) {
      Wrong("storage.tls_ca", "",
            "expected the PEM file of the authority that signed the database's certificate, for "
            "its host is not loopback; if something else protects that way, set "
            "storage.plaintext_off_loopback = true");
      return;
    }
    Warn("storage.plaintext_off_loopback: password hashes and sealed keys pass unprotected to " +
         host);
  }

  void MysqlWarnings() {
    const StorageConfig& storage = config_.storage;
    if (storage.relaxed_durability) {
      Warn(
          "storage.relaxed_durability: what was acknowledged may be lost with the database's "
          "machine");
    }
    if (storage.max_clock_difference > kTellingClockDifference) {
      Warn("storage.max_clock_difference: " + DurationText(storage.max_clock_difference) +
           " is more than tokens and revocations allow for");
    }
  }

  void Tokens() {
    Report report(settings_, config_, problems_);
    CheckKeys(report);
    CheckTokens(report);
    CheckCookies(report);
    CheckKubernetes(report);
    CheckMesh(report);
    CheckUsers(report);
    CheckThrottle(report);
    CheckTrustedProxies(report);
    CheckSecondFactor(report);
    CheckAudit(report);
  }

  void Within(std::string_view key, absl::Duration value, absl::Duration least,
              absl::Duration most) {
    if (value >= least && value <= most) return;
    Wrong(key, DurationText(value),
          "expected " + DurationText(least) + " to " + DurationText(most));
  }

  void Passwords() {
    const PasswordsConfig& passwords = config_.passwords;
    if (passwords.memory_kib < kMinMemoryKib || passwords.memory_kib > kMaxMemoryKib) {
      Wrong("passwords.memory_kib", std::to_string(passwords.memory_kib),
            "expected 8192 to 1048576");
    }
    if (passwords.passes < 1 || passwords.passes > kMaxPasses) {
      Wrong("passwords.passes", std::to_string(passwords.passes), "expected 1 to 16");
    }
    if (passwords.min_length < kLeastMinLength || passwords.min_length > kMostMinLength) {
      Wrong("passwords.min_length", std::to_string(passwords.min_length), "expected 8 to 128");
    }
    Within("passwords.reset_token_ttl", passwords.reset_token_ttl, kMinResetTokenTtl,
           kMaxResetTokenTtl);
  }

  void Bootstrap() {
    const std::string& name = config_.bootstrap.admin_username;
    if (!FoldUserName(name, "bootstrap.admin_username").ok()) {
      Wrong("bootstrap.admin_username", name,
            "expected a user name: 1 to 64 letters, digits or visible ASCII characters");
    }
  }

  void Unserved() {
    for (const char* key : {"ops.listen"}) {
      if (IsSet(key)) Warn(std::string(key) + ": accepted, but this build does not serve it");
    }
  }

  const Settings& settings_;
  Config& config_;
  std::vector<std::string>& problems_;
};

}  // namespace

void Check(const Settings& settings, Config& config, std::vector<std::string>& problems) {
  Checker(settings, config, problems).All();
}

std::string SqlitePath(const StorageConfig& storage) {
  if (storage.url.rfind(kSqliteScheme, 0) != 0) return "";
  return storage.url.substr(kSqliteScheme.size());
}

bool IsLoopback(std::string_view listen) {
  const std::optional<HostPort> address = SplitHostPort(listen);
  return address.has_value() && IsLoopbackHost(address->host);
}

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

}  // namespace tessera::server
