#include "storage/sql/sql_repositories.h"

#include <utility>

#include "storage/sql/sql_audit_repository.h"
#include "storage/sql/sql_group_repository.h"
#include "storage/sql/sql_key_repository.h"
#include "storage/sql/sql_password_repository.h"
#include "storage/sql/sql_replica_repository.h"
#include "storage/sql/sql_request_repository.h"
#include "storage/sql/sql_revocation_repository.h"
#include "storage/sql/sql_role_repository.h"
#include "storage/sql/sql_second_factor_repository.h"
#include "storage/sql/sql_service_account_repository.h"
#include "storage/sql/sql_session_repository.h"
#include "storage/sql/sql_throttle_repository.h"
#include "storage/sql/sql_user_repository.h"
#include "storage/sql/transaction.h"

namespace tessera::storage::sql {

WorkOutcome RunWork(soci::session& session, const Engine& engine, LogSink& log, Store::Work work) {
  Transaction transaction(session, engine, log);
  SqlUserRepository users(transaction);
  SqlRoleRepository roles(transaction);
  SqlGroupRepository groups(transaction);
  SqlSessionRepository sessions(transaction);
  SqlRevocationRepository revocations(transaction);
  SqlKeyRepository keys(transaction);
  SqlServiceAccountRepository services(transaction);
  SqlReplicaRepository replicas(transaction);
  SqlPasswordRepository passwords(transaction);
  SqlRequestRepository requests(transaction);
  SqlSecondFactorRepository factors(transaction);
  SqlThrottleRepository throttle(transaction);
  SqlAuditRepository audit(transaction);
  Repositories repositories{users,    roles,     groups,   sessions, revocations, keys, services,
                            replicas, passwords, requests, factors,  throttle,    audit};
  try {
    absl::Status status = work(repositories);
    if (!transaction.health().ok()) status = transaction.health();
    return {std::move(status), transaction.failure()};
  } catch (...) {
    return {StatusOf(std::current_exception(), "work", engine, log), Failure::kOther};
  }
}

}  // namespace tessera::storage::sql
