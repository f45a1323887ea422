#include "storage/sql/sql_second_factor_repository.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

absl::Status Enrolled() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTotpEnrolled,
                 "the user has a second factor already");
}

absl::Status UserGone() {
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

void BindFactor(Statement& statement, const SecondFactor& factor) {
  statement.Bind("user", factor.user_id.str())
      .Bind("algorithm", factor.algorithm)
      .Bind("digits", factor.digits)
      .Bind("period", factor.period_seconds)
      .Bind("sealed", absl::BytesToHexString(factor.sealed))
      .Bind("seal_kid", factor.seal_kid)
      .Bind("created_at", factor.created_at);
}

// False if no factor waits to be confirmed.
bool ReplaceOffered(soci::session& session, const SecondFactor& factor) {
  Statement statement(session,
                      "UPDATE second_factors SET algorithm = :algorithm, digits = :digits,"
                      " period = :period, sealed = :sealed, seal_kid = :seal_kid, last_step = 0,"
                      " created_at = :created_at WHERE user_id = :user AND confirmed = 0");
  BindFactor(statement, factor);
  return statement.Run() == 1;
}

void InsertCode(soci::session& session, const UserId& user, const RecoveryCode& code) {
  Statement(session,
            "INSERT INTO recovery_codes (user_id, hash, hash_kid) VALUES (:user, :hash, :kid)")
      .Bind("user", user.str())
      .Bind("hash", absl::BytesToHexString(code.hash))
      .Bind("kid", code.hash_kid)
      .Run();
}

void DeleteCodes(soci::session& session, const UserId& user) {
  DeleteByName(session,
               {"SELECT hash FROM recovery_codes WHERE user_id = :user ORDER BY hash LIMIT :batch",
                "DELETE FROM recovery_codes WHERE user_id = :user AND hash IN ",
                [&](Statement& statement) { statement.Bind("user", user.str()); }},
               std::numeric_limits<int64_t>::max());
}

// Of each user whose factor is behind, the step at `seconds`.
std::vector<std::pair<UserId, int64_t>> StepsBehind(soci::session& session, int64_t seconds,
                                                    int limit) {
  std::vector<std::pair<UserId, int64_t>> behind;
  std::string user;
  int64_t period = 0;
  Statement statement(
      session,
      "SELECT user_id, period FROM second_factors WHERE confirmed = 1"
      " AND period > 0 AND (last_step + 1) * period <= :seconds ORDER BY user_id LIMIT :limit");
  statement.Bind("seconds", seconds).Bind("limit", limit).Into(user).Into(period).Each([&] {
    behind.emplace_back(UserId(user), seconds / period);
  });
  return behind;
}

bool UseUp(soci::session& session, const UserId& user, int64_t step) {
  return Statement(session,
                   "UPDATE second_factors SET last_step = :step"
                   " WHERE user_id = :user AND confirmed = 1 AND last_step < :step")
             .Bind("step", step)
             .Bind("user", user.str())
             .Run() == 1;
}

bool DeleteFactor(soci::session& session, const UserId& user) {
  return Statement(session, "DELETE FROM second_factors WHERE user_id = :user")
             .Bind("user", user.str())
             .Run() == 1;
}

}  // namespace

void DeleteSecondFactor(soci::session& session, const UserId& user) {
  DeleteCodes(session, user);
  DeleteFactor(session, user);
}

absl::Status SqlSecondFactorRepository::Offer(const SecondFactor& factor) {
  return transaction_.Do(
      "second_factors.offer",
      [&](soci::session& session) {
        if (ReplaceOffered(session, factor)) return;
        Statement statement(session,
                            "INSERT INTO second_factors (user_id, confirmed, algorithm, digits,"
                            " period, sealed, seal_kid, last_step, created_at) VALUES (:user, 0,"
                            " :algorithm, :digits, :period, :sealed, :seal_kid, 0, :created_at)");
        BindFactor(statement, factor);
        statement.Run();
      },
      {.primary = Enrolled(), .orphan = UserGone()});
}

absl::StatusOr<std::optional<SecondFactor>> SqlSecondFactorRepository::Find(const UserId& user) {
  return transaction_.Do(
      "second_factors.find", [&](soci::session& session) -> std::optional<SecondFactor> {
        SecondFactor factor;
        int64_t confirmed = 0;
        std::string sealed;
        Statement statement(session,
                            "SELECT confirmed, algorithm, digits, period, sealed, seal_kid,"
                            " last_step, created_at FROM second_factors WHERE user_id = :user");
        statement.Bind("user", user.str());
        statement.Into(confirmed).Into(factor.algorithm).Into(factor.digits);
        statement.Into(factor.period_seconds).Into(sealed).Into(factor.seal_kid);
        statement.Into(factor.last_step).Into(factor.created_at);
        if (!statement.One()) return std::nullopt;
        factor.user_id = user;
        factor.confirmed = confirmed != 0;
        factor.sealed = absl::HexStringToBytes(sealed);
        return factor;
      });
}

absl::StatusOr<bool> SqlSecondFactorRepository::Confirm(const UserId& user, std::string_view sealed,
                                                        int64_t step) {
  return transaction_.Do("second_factors.confirm", [&](soci::session& session) {
    return Statement(session,
                     "UPDATE second_factors SET confirmed = 1, last_step = :step"
                     " WHERE user_id = :user AND confirmed = 0 AND sealed = :sealed")
               .Bind("step", step)
               .Bind("user", user.str())
               .Bind("sealed", absl::BytesToHexString({sealed.data(), sealed.size()}))
               .Run() == 1;
  });
}

absl::StatusOr<bool> SqlSecondFactorRepository::UseStep(const UserId& user, int64_t step) {
  return transaction_.Do("second_factors.use_step",
                         [&](soci::session& session) { return UseUp(session, user, step); });
}

absl::StatusOr<int64_t> SqlSecondFactorRepository::UseStepsUntil(absl::Time now, int limit) {
  return transaction_.Do("second_factors.use_steps_until", [&](soci::session& session) {
    const auto behind = StepsBehind(session, absl::ToUnixSeconds(now), limit);
    for (const auto& [user, step] : behind) UseUp(session, user, step);
    return static_cast<int64_t>(behind.size());
  });
}

absl::StatusOr<bool> SqlSecondFactorRepository::Delete(const UserId& user) {
  return transaction_.Do("second_factors.delete", [&](soci::session& session) {
    DeleteCodes(session, user);
    return DeleteFactor(session, user);
  });
}

absl::Status SqlSecondFactorRepository::ReplaceCodes(const UserId& user,
                                                     const std::vector<RecoveryCode>& codes) {
  return transaction_.Do("recovery_codes.replace",
                         [&](soci::session& session) {
                           DeleteCodes(session, user);
                           for (const RecoveryCode& code : codes) InsertCode(session, user, code);
                         },
                         {.orphan = UserGone()});
}

absl::StatusOr<std::vector<RecoveryCode>> SqlSecondFactorRepository::Codes(const UserId& user) {
  return transaction_.Do("recovery_codes.list", [&](soci::session& session) {
    std::vector<RecoveryCode> codes;
    std::string hash;
    RecoveryCode code;
    Statement statement(session, "SELECT hash, hash_kid FROM recovery_codes WHERE user_id = :user");
    statement.Bind("user", user.str()).Into(hash).Into(code.hash_kid).Each([&] {
      code.hash = absl::HexStringToBytes(hash);
      codes.push_back(code);
    });
    return codes;
  });
}

absl::StatusOr<bool> SqlSecondFactorRepository::UseCode(const UserId& user, std::string_view hash) {
  return transaction_.Do("recovery_codes.use", [&](soci::session& session) {
    return Statement(session, "DELETE FROM recovery_codes WHERE user_id = :user AND hash = :hash")
               .Bind("user", user.str())
               .Bind("hash", absl::BytesToHexString({hash.data(), hash.size()}))
               .Run() == 1;
  });
}

}  // namespace tessera::storage::sql
