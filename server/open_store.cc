#include "server/open_store.h"

#include <string>
#include <utility>

#include "server/auth/secret_file.h"
#include "server/config/mysql_url.h"
#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using OpenedStore = absl::StatusOr<std::unique_ptr<storage::Store>>;

absl::StatusOr<storage::MysqlOptions> MysqlOptionsOf(const StoreOpening& opening) {
  const StorageConfig& config = opening.storage;
  TESSERA_ASSIGN_OR_RETURN(MysqlUrl url, ParseMysqlUrl(config.url));
  storage::MysqlOptions options;
  TESSERA_ASSIGN_OR_RETURN(options.password,
                           ReadSecretLine(config.password_file, "storage.password_file"));
  options.host = std::move(url.host);
  options.port = url.port;
  options.user = std::move(url.user);
  options.database = std::move(url.database);
  options.tls_ca = config.tls_ca;
  options.connections = opening.connections;
  options.relaxed_durability = config.relaxed_durability;
  options.migrate = config.migrate;
  return options;
}

void Pause() {
  Mutex mutex;
  CondVar nobody;
  MutexLock lock(mutex);
  nobody.WaitFor(mutex, kReachAgainAfter);
}

bool IsStopAsked(const StoreOpening& opening) {
  return opening.stop_asked != nullptr && opening.stop_asked();
}

// Nothing could be asked of the database. What it refused (and `storage.failed` tells) is not
// mended by waiting: an account that may not change the schema, say.
bool IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) && ReasonOf(status).empty();
}

OpenedStore OpenMysql(const StoreOpening& opening, const Clock& clock, LogSink& log) {
  TESSERA_ASSIGN_OR_RETURN(const storage::MysqlOptions options, MysqlOptionsOf(opening));
  const absl::Duration wait = opening.storage.wait_at_start;
  const absl::Duration give_up = clock.Monotonic() + wait;
  bool away = false;
  while (true) {
    OpenedStore store = storage::OpenMysqlStore(options, clock, log);
    if (store.ok() && away) log.Info("storage.reached");
    if (!IsAway(store.status()) || clock.Monotonic() >= give_up) return store;
    if (!away) {
      log.Warning("storage.away", {{"cause", std::string(store.status().message())},
                                   {"wait", absl::FormatDuration(wait)}});
    }
    away = true;
    if (IsStopAsked(opening)) return absl::CancelledError("stopped while the database was away");
    Pause();
  }
}

}  // namespace

OpenedStore OpenStore(const StoreOpening& opening, const Clock& clock, LogSink& log) {
  if (IsMysqlUrl(opening.storage.url)) return OpenMysql(opening, clock, log);
  const std::string path = SqlitePath(opening.storage);
  if (path.empty()) {
    return absl::InvalidArgumentError(
        "storage.url: expected sqlite:PATH or mysql://USER@HOST:PORT/DATABASE");
  }
  return storage::OpenSqliteStore({path, opening.connections}, clock, log);
}

absl::Status MigrateStore(const StorageConfig& storage, const Clock& clock, LogSink& log) {
  StorageConfig migrating = storage;
  migrating.migrate = true;
  return OpenStore({migrating, 1, nullptr}, clock, log).status();
}

}  // namespace tessera::server
