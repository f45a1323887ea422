#include "server/run_main.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"
#include "server/log/key_value_log.h"
#include "server/open_store.h"
#include "server/part_options.h"
#include "server/restore_store.h"
#include "server/server.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TESSERA_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESSERA_SANITIZED
#endif

namespace tessera::server {
namespace {

struct CommandLine {
  std::string config_file;
  bool check_config = false;
  bool print_config = false;
  bool migrate = false;
  bool store_restored = false;
};

// Keys and passwords are in memory: no core file, no reading by a process of the same user.
// Sanitizers need what this takes away.
void HideMemory() {
#ifndef TESSERA_SANITIZED
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// From here on the ending signals wait for AwaitSignal, in every thread made later.
void PrepareSignals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// The next one of them ends the process.
int AwaitSignal() {
  const sigset_t signals = EndingSignals();
  int caught = 0;
  while (sigwait(&signals, &caught) != 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return caught;
}

// One of them has come and waits.
bool IsSignalled() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

LogFormat FormatOf(const Config& config) {
  return config.log.format == "json" ? LogFormat::kJson : LogFormat::kText;
}

void LogWarnings(const Config& config, LogSink& log) {
  for (const std::string& warning : config.warnings) {
    log.Warning("config.warning", {{"text", warning}});
  }
}

int Failed(std::string_view event, const absl::Status& status, LogSink& log) {
  log.Error(event, {{"cause", std::string(status.message())}});
  return kExitFailed;
}

// Signals end it as they end any program: whoever runs it again goes on where it stopped.
int Migrate(const Config& config, const Clock& clock) {
  HideMemory();
  signal(SIGPIPE, SIG_IGN);
  const std::unique_ptr<LogSink> log = StandardErrorLog(FormatOf(config));
  LogWarnings(config, *log);
  const absl::Status migrated = MigrateStore(config.storage, clock, *log);
  if (!migrated.ok()) return Failed("migrate.failed", migrated, *log);
  log->Info("migrate.done");
  return kExitOk;
}

int MarkRestored(const Config& config, const Clock& clock) {
  HideMemory();
  signal(SIGPIPE, SIG_IGN);
  const std::unique_ptr<LogSink> log = StandardErrorLog(FormatOf(config));
  LogWarnings(config, *log);
  const absl::StatusOr<int64_t> ended = RestoreStore(config, clock, *log);
  if (!ended.ok()) return Failed("store_restored.failed", ended.status(), *log);
  std::cout << "the store begins a new life: " << *ended
            << " sessions were ended, and all keys that sign were replaced\n";
  return kExitOk;
}

int Serve(const Config& config, const Clock& clock) {
  HideMemory();
  PrepareSignals();
  const std::unique_ptr<LogSink> log = StandardErrorLog(FormatOf(config));
  LogWarnings(config, *log);
  const absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Create(config, clock, *log, IsSignalled);
  if (absl::IsCancelled(server.status())) {
    log->Info("server.stopped");
    return kExitOk;
  }
  if (!server.ok()) return Failed("server.failed", server.status(), *log);
  const int caught = AwaitSignal();
  log->Info("server.signalled", {{"signal", caught == SIGTERM ? "SIGTERM" : "SIGINT"}});
  (*server)->Shutdown(kShutdownGrace);
  return kExitOk;
}

// Also the one file that is nothing but configuration.
int CheckConfig(const Config& config) {
  std::vector<std::string> warnings = config.warnings;
  const absl::Status blocklist = PasswordPolicyOf(config.passwords, warnings).status();
  for (const std::string& warning : warnings) std::cerr << "warning: " << warning << "\n";
  if (!blocklist.ok()) {
    std::cerr << "tesserad: " << blocklist.message() << "\n";
    return kExitUsage;
  }
  std::cout << "the configuration is good\n";
  return kExitOk;
}

int Execute(const CommandLine& line, const Clock& clock) {
  const absl::StatusOr<Config> config = LoadConfig(line.config_file, ProcessEnvironment());
  if (!config.ok()) {
    std::cerr << "tesserad: " << config.status().message() << "\n";
    return kExitUsage;
  }
  if (line.check_config) return CheckConfig(*config);
  if (line.print_config) {
    std::cout << PrintConfig(*config);
    return kExitOk;
  }
  if (line.store_restored) return MarkRestored(*config, clock);
  return line.migrate ? Migrate(*config, clock) : Serve(*config, clock);
}

}  // namespace

int RunMain(int argc, char** argv, const Clock& clock) {
  CommandLine line;
  CLI::App app("Issues, renews and revokes tokens for gRPC services", "tesserad");
  app.add_option("--config", line.config_file, "The configuration, a TOML file");
  CLI::Option* check = app.add_flag("--check-config", line.check_config,
                                    "Check the configuration and exit: 0 good, 2 not");
  CLI::Option* print = app.add_flag("--print-config", line.print_config,
                                    "Print the configuration in effect, secrets hidden, and exit");
  print->excludes(check);
  CLI::Option* migrate =
      app.add_flag("--migrate", line.migrate,
                   "Bring the database's schema up to date and exit: 0 done, 1 not")
          ->excludes(check)
          ->excludes(print);
  app.add_flag(
         "--store-restored", line.store_restored,
         "After a restored backup: end all sessions, replace all keys, and exit: 0 done, 1 not")
      ->excludes(check)
      ->excludes(print)
      ->excludes(migrate);
  app.set_version_flag("--version", "tesserad " TESSERA_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return Execute(line, clock);
}

}  // namespace tessera::server
