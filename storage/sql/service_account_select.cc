#include "storage/sql/service_account_select.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/sql/statement.h"

namespace tessera::storage::sql {
namespace {

constexpr char kSelect[] =
    "SELECT id, name, description, state, version, revision, public_jwks, created_at, updated_at"
    " FROM service_accounts ";

// What a SELECT of an account fills.
struct AccountRow {
  std::string id;
  int64_t state = 0;
  ServiceAccount account;

  void FillFrom(Statement& statement) {
    statement.Into(id).Into(account.name).Into(account.description).Into(state);
    statement.Into(account.version).Into(account.revision).Into(account.public_jwks);
    statement.Into(account.created_at).Into(account.updated_at);
  }
  ServiceAccount Take() const {
    ServiceAccount result = account;
    result.id = ServiceId(id);
    // A state that this program does not know gets no token.
    result.state = state == 0 ? ServiceAccountState::kActive : ServiceAccountState::kDisabled;
    return result;
  }
};

// Walks along with rows that come in the order of the accounts' ids.
class Walk {
 public:
  explicit Walk(std::vector<ServiceAccount>& accounts)
      : at_(accounts.begin()), end_(accounts.end()) {}
  // Null for an account that came up since the accounts were read.
  ServiceAccount* To(const std::string& id) {
    while (at_ != end_ && at_->id.str() < id) ++at_;
    return at_ != end_ && at_->id.str() == id ? &*at_ : nullptr;
  }

 private:
  std::vector<ServiceAccount>::iterator at_;
  std::vector<ServiceAccount>::iterator end_;
};

// Where the content of one kind goes; null for a kind that this program does not know.
using Place = std::vector<std::string>* (*)(ServiceAccount& account, int64_t kind);

// Reads what `table` has of `accounts`, which are all that there are between the first and the
// last.
void Fill(soci::session& session, const char* table, Place place,
          std::vector<ServiceAccount>& accounts) {
  Walk walk(accounts);
  std::string id;
  int64_t kind = 0;
  std::string content;
  Statement statement(session, absl::StrCat("SELECT service_id, kind, content FROM ", table,
                                            " WHERE service_id >= :first AND service_id <= :last"
                                            " ORDER BY service_id, kind, place"));
  statement.Bind("first", accounts.front().id.str()).Bind("last", accounts.back().id.str());
  statement.Into(id).Into(kind).Into(content).Each([&] {
    ServiceAccount* const account = walk.To(id);
    std::vector<std::string>* const list = account == nullptr ? nullptr : place(*account, kind);
    if (list != nullptr) list->push_back(content);
  });
}

std::vector<std::string>* ListOf(ServiceAccount& account, int64_t kind) {
  if (kind == kAudience) return &account.audiences;
  if (kind == kServedAudience) return &account.served_audiences;
  return kind == kScope ? &account.scopes : nullptr;
}

std::vector<std::string>* NamesOf(ServiceAccount& account, int64_t kind) {
  if (kind == kCertificateName) return &account.certificate_names;
  return kind == kKubernetesName ? &account.kubernetes_names : nullptr;
}

void FillRoles(soci::session& session, std::vector<ServiceAccount>& accounts) {
  Walk walk(accounts);
  std::string id;
  std::string role_id;
  Role row;
  std::optional<std::string> audience;
  Statement statement(session,
                      "SELECT g.service_id, r.id, r.name, r.description, r.created_at, a.audience"
                      " FROM service_account_roles AS g INNER JOIN roles AS r ON r.id = g.role_id"
                      " AND r.deleted_at IS NULL"
                      " LEFT JOIN role_audiences AS a ON a.role_id = r.id"
                      " WHERE g.service_id >= :first AND g.service_id <= :last"
                      " ORDER BY g.service_id, r.name, a.place");
  statement.Bind("first", accounts.front().id.str()).Bind("last", accounts.back().id.str());
  statement.Into(id).Into(role_id).Into(row.name).Into(row.description).Into(row.created_at);
  statement.Into(audience).Each([&] {
    ServiceAccount* const account = walk.To(id);
    if (account == nullptr) return;
    std::vector<Role>& roles = account->roles;
    if (roles.empty() || roles.back().id.str() != role_id) {
      roles.push_back(row);
      roles.back().id = RoleId(role_id);
    }
    if (audience.has_value()) roles.back().audiences.push_back(*audience);
  });
}

std::vector<ServiceAccount> Collect(soci::session& session, Statement& statement) {
  std::vector<ServiceAccount> accounts;
  AccountRow row;
  row.FillFrom(statement);
  statement.Each([&] { accounts.push_back(row.Take()); });
  if (accounts.empty()) return accounts;
  Fill(session, "service_account_lists", ListOf, accounts);
  Fill(session, "service_account_names", NamesOf, accounts);
  FillRoles(session, accounts);
  return accounts;
}

}  // namespace

std::optional<ServiceAccount> SelectServiceAccount(soci::session& session, std::string_view id) {
  Statement statement(session, absl::StrCat(kSelect, "WHERE id = :id"));
  std::vector<ServiceAccount> accounts = Collect(session, statement.Bind("id", id));
  if (accounts.empty()) return std::nullopt;
  return std::move(accounts.front());
}

std::vector<ServiceAccount> SelectServiceAccounts(soci::session& session, const ServiceId& after,
                                                  int limit) {
  Statement statement(session, absl::StrCat(kSelect, "WHERE id > :after ORDER BY id LIMIT :limit"));
  return Collect(session, statement.Bind("after", after.str()).Bind("limit", int64_t{limit}));
}

}  // namespace tessera::storage::sql
