#include "storage/sql/sql_password_repository.h"

#include "absl/strings/escaping.h"
#include "storage/sql/hash_costs.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/reason.h"

namespace tessera::storage::sql {
namespace {

absl::Status UserGone() {
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SqlPasswordRepository::HashCosts() {
  return transaction_.Do("password_costs.list", [&](soci::session& session) {
    std::vector<std::string> costs;
    std::string cost;
    Statement(session, "SELECT cost FROM password_costs ORDER BY cost").Into(cost).Each([&] {
      costs.push_back(cost);
    });
    return costs;
  });
}

absl::StatusOr<int64_t> SqlPasswordRepository::ForgetUnusedHashCosts(int limit) {
  return transaction_.Do("password_costs.forget", [&](soci::session& session) {
    return sql::ForgetUnusedHashCosts(session, limit);
  });
}

absl::Status SqlPasswordRepository::PutReset(const PasswordReset& reset) {
  return transaction_.Do(
      "password_resets.put",
      [&](soci::session& session) {
        Statement(session, "DELETE FROM password_resets WHERE user_id = :user")
            .Bind("user", reset.user_id.str())
            .Run();
        Statement(session,
                  "INSERT INTO password_resets (user_id, user_version, hash, hash_kid, expires_at)"
                  " VALUES (:user, :version, :hash, :kid, :expires_at)")
            .Bind("user", reset.user_id.str())
            .Bind("version", reset.user_version)
            .Bind("hash", absl::BytesToHexString(reset.hash))
            .Bind("kid", reset.hash_kid)
            .Bind("expires_at", reset.expires_at)
            .Run();
      },
      {.orphan = UserGone()});
}

absl::StatusOr<std::optional<PasswordReset>> SqlPasswordRepository::FindReset(const UserId& user) {
  return transaction_.Do(
      "password_resets.find", [&](soci::session& session) -> std::optional<PasswordReset> {
        PasswordReset reset;
        std::string hash;
        Statement statement(session,
                            "SELECT user_version, hash, hash_kid, expires_at FROM password_resets"
                            " WHERE user_id = :user");
        statement.Bind("user", user.str()).Into(reset.user_version).Into(hash);
        if (!statement.Into(reset.hash_kid).Into(reset.expires_at).One()) return std::nullopt;
        reset.user_id = user;
        reset.hash = absl::HexStringToBytes(hash);
        return reset;
      });
}

absl::StatusOr<bool> SqlPasswordRepository::TakeReset(const UserId& user, std::string_view hash) {
  return transaction_.Do("password_resets.take", [&](soci::session& session) {
    Statement statement(session,
                        "DELETE FROM password_resets WHERE user_id = :user AND hash = :hash");
    statement.Bind("user", user.str());
    return statement
               .Bind("hash", absl::BytesToHexString(absl::string_view(hash.data(), hash.size())))
               .Run() == 1;
  });
}

absl::StatusOr<int64_t> SqlPasswordRepository::DeleteExpiredResets(absl::Time before, int limit) {
  return transaction_.Do("password_resets.delete_expired", [&](soci::session& session) {
    return DeleteByName(session,
                        {"SELECT user_id FROM password_resets WHERE expires_at < :before"
                         " ORDER BY expires_at, user_id LIMIT :batch",
                         "DELETE FROM password_resets WHERE expires_at < :before AND user_id IN ",
                         [&](Statement& statement) { statement.Bind("before", before); }},
                        limit);
  });
}

}  // namespace tessera::storage::sql
