#include "storage/sql/sql_repositories.h"

#include <utility>

#include "storage/sql/sql_key_repository.h"
#include "storage/sql/sql_replica_repository.h"
#include "storage/sql/sql_revocation_repository.h"
#include "storage/sql/sql_role_repository.h"
#include "storage/sql/sql_service_account_repository.h"
#include "storage/sql/sql_session_repository.h"
#include "storage/sql/sql_user_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

WorkOutcome RunWork(soci::session& session, const Engine& engine, LogSink& log, Store::Work work) {
  Transaction transaction(session, engine, log);
  SqlUserRepository users(transaction);
  SqlRoleRepository roles(transaction);
  SqlSessionRepository sessions(transaction);
  SqlRevocationRepository revocations(transaction);
  SqlKeyRepository keys(transaction);
  SqlServiceAccountRepository services(transaction);
  SqlReplicaRepository replicas(transaction);
  Repositories repositories{users, roles, sessions, revocations, keys, services, replicas};
  try {
    absl::Status status = work(repositories);
    if (!transaction.health().ok()) status = transaction.health();
    return {std::move(status), transaction.failure()};
  } catch (...) {
    return {StatusOf(std::current_exception(), "work", engine, log), Failure::kOther};
  }
}

}  // namespace tessera::storage::sql
