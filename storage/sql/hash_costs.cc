#include "storage/sql/hash_costs.h"

#include <string>
#include <vector>

#include "storage/sql/statement.h"

namespace tessera::storage::sql {
namespace {

// False if there is no such row. Others that touch it wait for this transaction's end.
bool Touch(soci::session& session, std::string_view cost) {
  return Statement(session, "UPDATE password_costs SET writes = writes + 1 WHERE cost = :cost")
             .Bind("cost", cost)
             .Run() == 1;
}

void Insert(soci::session& session, std::string_view cost) {
  Statement(session, "INSERT INTO password_costs (cost, writes) VALUES (:cost, 1)")
      .Bind("cost", cost)
      .Run();
}

// A user whose row says nothing was written by an older program: it may have any cost.
bool IsInUse(soci::session& session, const std::string& cost) {
  std::string user;
  Statement by_cost(session, "SELECT id FROM users WHERE hash_cost = :cost LIMIT 1");
  if (by_cost.Bind("cost", cost).Into(user).One()) return true;
  return Statement(session, "SELECT id FROM users WHERE hash_cost IS NULL LIMIT 1")
      .Into(user)
      .One();
}

std::vector<std::string> All(soci::session& session) {
  std::vector<std::string> costs;
  std::string cost;
  Statement(session, "SELECT cost FROM password_costs ORDER BY cost").Into(cost).Each([&] {
    costs.push_back(cost);
  });
  return costs;
}

}  // namespace

std::string_view HashCostOf(std::string_view password_hash) {
  const size_t tag = password_hash.rfind('$');
  if (tag == password_hash.npos || tag == 0) return {};
  const size_t salt = password_hash.rfind('$', tag - 1);
  return salt == password_hash.npos ? std::string_view() : password_hash.substr(0, salt);
}

absl::Status NoteHashCost(Transaction& transaction, std::string_view password_hash) {
  const std::string_view cost = HashCostOf(password_hash);
  if (cost.empty()) return absl::OkStatus();
  const absl::Status noted =
      transaction.Do("password_costs.note",
                     [&](soci::session& session) {
                       if (!Touch(session, cost)) Insert(session, cost);
                     },
                     {.primary = absl::AlreadyExistsError("noted meanwhile")});
  if (!absl::IsAlreadyExists(noted)) return noted;
  return transaction.Do("password_costs.touch",
                        [&](soci::session& session) { Touch(session, cost); });
}

// The row first, then the look: a hash that is being written now is behind the row's lock.
int64_t ForgetUnusedHashCosts(soci::session& session, int64_t limit) {
  int64_t forgotten = 0;
  for (const std::string& cost : All(session)) {
    if (forgotten == limit) break;
    if (IsInUse(session, cost) || !Touch(session, cost) || IsInUse(session, cost)) continue;
    Statement(session, "DELETE FROM password_costs WHERE cost = :cost").Bind("cost", cost).Run();
    ++forgotten;
  }
  return forgotten;
}

}  // namespace tessera::storage::sql
