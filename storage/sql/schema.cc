#include "storage/sql/schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace tessera::storage::sql {
namespace {

// Binary ids and sealed keys are stored as lower-case hex: plain text binds alike on
// every engine, SOCI has no blobs for MySQL, and a person can read a dump. All times are BIGINT
// microseconds since 1970.

// `{id}` and the like stand for the engine's types.
std::string Ddl(const Engine& engine, std::string_view text) {
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                             {{"{id}", engine.Text(64)},
                              {"{name}", engine.Text(255)},
                              {"{text}", engine.LongText()},
                              {"{end}", engine.TableSuffix()}});
}

void AddUsersAndRoles(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS users (id {id} NOT NULL PRIMARY KEY,"
                      " username {name} NOT NULL, display_name {text} NOT NULL,"
                      " state BIGINT NOT NULL, version BIGINT NOT NULL, revision BIGINT NOT NULL,"
                      " password_hash {text} NOT NULL, created_at BIGINT NOT NULL,"
                      " updated_at BIGINT NOT NULL, last_login_at BIGINT NULL,"
                      " UNIQUE (username)){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS roles (id {id} NOT NULL PRIMARY KEY,"
                      " name {name} NOT NULL, description {text} NOT NULL,"
                      " created_at BIGINT NOT NULL, UNIQUE (name)){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS role_audiences (role_id {id} NOT NULL,"
                      " place BIGINT NOT NULL, audience {name} NOT NULL,"
                      " PRIMARY KEY (role_id, place),"
                      " FOREIGN KEY (role_id) REFERENCES roles (id)){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS user_roles (user_id {id} NOT NULL,"
                      " role_id {id} NOT NULL, granted_at BIGINT NOT NULL,"
                      " PRIMARY KEY (user_id, role_id),"
                      " FOREIGN KEY (user_id) REFERENCES users (id),"
                      " FOREIGN KEY (role_id) REFERENCES roles (id)){end}"));
  steps.push_back(engine.CreateIndex("user_roles_by_role", "user_roles (role_id, user_id)"));
}

void AddSessions(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS sessions (id {id} NOT NULL PRIMARY KEY,"
                      " user_id {id} NOT NULL, user_version BIGINT NOT NULL,"
                      " generation BIGINT NOT NULL, mac_kid {name} NOT NULL,"
                      " audience {name} NOT NULL, created_at BIGINT NOT NULL,"
                      " auth_time BIGINT NOT NULL, rotated_at BIGINT NOT NULL,"
                      " access_until BIGINT NOT NULL, idle_expires_at BIGINT NOT NULL,"
                      " expires_at BIGINT NOT NULL, revoked_at BIGINT NULL,"
                      // The earliest of the last three.
                      " ends_at BIGINT NOT NULL,"
                      " FOREIGN KEY (user_id) REFERENCES users (id)){end}"));
  steps.push_back(engine.CreateIndex("sessions_by_user", "sessions (user_id, id)"));
  steps.push_back(engine.CreateIndex("sessions_by_end", "sessions (ends_at, id)"));
}

void AddFeed(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS revocations (seq BIGINT NOT NULL PRIMARY KEY,"
                      " kind BIGINT NOT NULL, id_hash {id} NOT NULL,"
                      " min_user_version BIGINT NOT NULL, expires_at BIGINT NOT NULL){end}"));
  steps.push_back(engine.CreateIndex("revocations_by_expiry", "revocations (expires_at, seq)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS feed (id BIGINT NOT NULL PRIMARY KEY,"
                      " seq BIGINT NOT NULL){end}"));
  steps.push_back("INSERT INTO feed (id, seq) VALUES (1, 0)");
}

void AddKeys(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS signing_keys (kid {name} NOT NULL PRIMARY KEY,"
                      " key_use BIGINT NOT NULL, algorithm {id} NOT NULL, state BIGINT NOT NULL,"
                      " public_jwk {text} NOT NULL, sealed {text} NOT NULL,"
                      " master_key_id {name} NOT NULL, created_at BIGINT NOT NULL,"
                      " activated_at BIGINT NULL, retired_at BIGINT NULL){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS key_set (id BIGINT NOT NULL PRIMARY KEY,"
                      " version BIGINT NOT NULL){end}"));
  steps.push_back("INSERT INTO key_set (id, version) VALUES (1, 0)");
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS store_meta (name {id} NOT NULL PRIMARY KEY,"
                      " content {name} NOT NULL){end}"));
}

void AddAdministration(const Engine& engine, Steps& steps) {
  // One row, and every administrative write counts it up: that is what makes them take turns.
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS administration (id BIGINT NOT NULL PRIMARY KEY,"
                      " writes BIGINT NOT NULL){end}"));
  steps.push_back("INSERT INTO administration (id, writes) VALUES (1, 0)");
}

// What a session knows of its device, certificate and login. LONGTEXT takes no default on MySQL,
// and SQLite asks for one where NULL is not allowed: so the long ones may be NULL.
void AddBindings(const Engine& engine, Steps& steps) {
  for (const char* column :
       {"scopes {text} NULL", "amr {name} NULL", "acr {id} NULL", "device_hash {id} NULL",
        "device_label {name} NULL", "certificate {id} NULL", "address {name} NULL",
        "claims {text} NULL"}) {
    steps.push_back(Ddl(engine, absl::StrCat("ALTER TABLE sessions ADD COLUMN ", column)));
  }
  steps.push_back(Ddl(engine, "ALTER TABLE users ADD COLUMN attributes {text} NULL"));
}

void AddKeyLife(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(
      engine, "ALTER TABLE signing_keys ADD COLUMN published_version BIGINT NOT NULL DEFAULT 0"));
  steps.push_back(Ddl(engine, "ALTER TABLE signing_keys ADD COLUMN verify_until BIGINT NULL"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS replicas (id {id} NOT NULL PRIMARY KEY,"
                      " reported_at BIGINT NOT NULL, key_set_version BIGINT NOT NULL,"
                      " guards_key_set_version BIGINT NOT NULL){end}"));
  steps.push_back(engine.CreateIndex("replicas_by_report", "replicas (reported_at, id)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS leases (name {id} NOT NULL PRIMARY KEY,"
                      " holder {id} NOT NULL, ends_at BIGINT NOT NULL){end}"));
}

void AddServiceAccounts(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS service_accounts (id {id} NOT NULL PRIMARY KEY,"
                      " name {name} NOT NULL, description {text} NOT NULL, state BIGINT NOT NULL,"
                      " version BIGINT NOT NULL, revision BIGINT NOT NULL,"
                      " public_jwks {text} NOT NULL, created_at BIGINT NOT NULL,"
                      " updated_at BIGINT NOT NULL, UNIQUE (name)){end}"));
  // Kind 1: audience, 2: served audience, 3: scope.
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS service_account_lists (service_id {id} NOT NULL,"
                      " kind BIGINT NOT NULL, place BIGINT NOT NULL, content {name} NOT NULL,"
                      " PRIMARY KEY (service_id, kind, place),"
                      " FOREIGN KEY (service_id) REFERENCES service_accounts (id)){end}"));
  // Kind 1: certificate name, 2: Kubernetes name.
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS service_account_names (kind BIGINT NOT NULL,"
                      " content {name} NOT NULL, service_id {id} NOT NULL, place BIGINT NOT NULL,"
                      " PRIMARY KEY (kind, content),"
                      " FOREIGN KEY (service_id) REFERENCES service_accounts (id)){end}"));
  steps.push_back(engine.CreateIndex("service_account_names_by_account",
                                     "service_account_names (service_id, kind, place)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS service_account_roles (service_id {id} NOT NULL,"
                      " role_id {id} NOT NULL, PRIMARY KEY (service_id, role_id),"
                      " FOREIGN KEY (service_id) REFERENCES service_accounts (id),"
                      " FOREIGN KEY (role_id) REFERENCES roles (id)){end}"));
  steps.push_back(
      engine.CreateIndex("service_account_roles_by_role", "service_account_roles (role_id)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS service_secrets (id {id} NOT NULL PRIMARY KEY,"
                      " service_id {id} NOT NULL, hash {name} NOT NULL, hash_kid {name} NOT NULL,"
                      " created_at BIGINT NOT NULL, expires_at BIGINT NULL,"
                      " FOREIGN KEY (service_id) REFERENCES service_accounts (id)){end}"));
  steps.push_back(
      engine.CreateIndex("service_secrets_by_account", "service_secrets (service_id, id)"));
  steps.push_back(
      engine.CreateIndex("service_secrets_by_expiry", "service_secrets (expires_at, id)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS used_assertions (assertion_hash {id} NOT NULL"
                      " PRIMARY KEY, used_by {id} NOT NULL, expires_at BIGINT NOT NULL){end}"));
  steps.push_back(engine.CreateIndex("used_assertions_by_expiry",
                                     "used_assertions (expires_at, assertion_hash)"));
}

// How far pruning had come, and when a session was last used without a step to the next generation.
void AddPruningTime(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS pruning (id BIGINT NOT NULL PRIMARY KEY,"
                      " pruned_at BIGINT NULL){end}"));
  steps.push_back("INSERT INTO pruning (id, pruned_at) VALUES (1, NULL)");
  steps.push_back("ALTER TABLE sessions ADD COLUMN last_used_at BIGINT NULL");
}

// An email address as it was given, and in a table of its own folded, which makes it unique. A
// program that does not know the table frees the address all the same when it removes the user.
void AddEmails(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine, "ALTER TABLE users ADD COLUMN email {name} NULL"));
  steps.push_back(Ddl(engine, "ALTER TABLE users ADD COLUMN email_key {name} NULL"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS user_emails (email_key {name} NOT NULL"
                      " PRIMARY KEY, user_id {id} NOT NULL, UNIQUE (user_id),"
                      " FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE){end}"));
}

void AddAnsweredRequests(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS answered_requests (request_hash {id} NOT NULL"
                      " PRIMARY KEY, fingerprint {id} NOT NULL, answer {id} NOT NULL,"
                      " expires_at BIGINT NOT NULL){end}"));
  steps.push_back(engine.CreateIndex("answered_requests_by_expiry",
                                     "answered_requests (expires_at, request_hash)"));
}

// What a hash costs is all of it but the last two fields: those are 22 and 43 characters, and the
// signs before them, of every hash that was stored until now.
void AddPasswordCosts(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine, "ALTER TABLE users ADD COLUMN hash_cost {name} NULL"));
  steps.push_back(engine.CreateIndex("users_by_hash_cost", "users (hash_cost)"));
  steps.push_back(
      "UPDATE users SET hash_cost = SUBSTR(password_hash, 1, LENGTH(password_hash) - 67)"
      " WHERE hash_cost IS NULL AND LENGTH(password_hash) > 67");
  steps.push_back("UPDATE users SET hash_cost = '' WHERE hash_cost IS NULL");
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS password_costs (cost {name} NOT NULL PRIMARY KEY,"
                      " writes BIGINT NOT NULL){end}"));
  steps.push_back(
      "INSERT INTO password_costs (cost, writes) SELECT DISTINCT hash_cost, 0 FROM users"
      " WHERE hash_cost <> '' AND hash_cost NOT IN (SELECT cost FROM password_costs)");
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS password_resets (user_id {id} NOT NULL"
                      " PRIMARY KEY, user_version BIGINT NOT NULL, hash {name} NOT NULL,"
                      " hash_kid {name} NOT NULL, expires_at BIGINT NOT NULL,"
                      " FOREIGN KEY (user_id) REFERENCES users (id)){end}"));
  steps.push_back(
      engine.CreateIndex("password_resets_by_expiry", "password_resets (expires_at, user_id)"));
}

// Not `groups`, which is a word of MySQL's.
void AddGroups(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS user_groups (id {id} NOT NULL PRIMARY KEY,"
                      " name {name} NOT NULL, description {text} NOT NULL,"
                      " created_at BIGINT NOT NULL, UNIQUE (name)){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS group_members (group_id {id} NOT NULL,"
                      " user_id {id} NOT NULL, added_at BIGINT NOT NULL,"
                      " PRIMARY KEY (group_id, user_id),"
                      " FOREIGN KEY (group_id) REFERENCES user_groups (id),"
                      " FOREIGN KEY (user_id) REFERENCES users (id)){end}"));
  steps.push_back(engine.CreateIndex("group_members_by_user", "group_members (user_id, group_id)"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS group_roles (group_id {id} NOT NULL,"
                      " role_id {id} NOT NULL, granted_at BIGINT NOT NULL,"
                      " PRIMARY KEY (group_id, role_id),"
                      " FOREIGN KEY (group_id) REFERENCES user_groups (id),"
                      " FOREIGN KEY (role_id) REFERENCES roles (id)){end}"));
  steps.push_back(engine.CreateIndex("group_roles_by_role", "group_roles (role_id, group_id)"));
  // Held no more; not all members' sessions have been ended for it.
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS group_role_losses (group_id {id} NOT NULL,"
                      " role_id {id} NOT NULL, lost_at BIGINT NOT NULL,"
                      " ended_until {id} NOT NULL,"
                      " PRIMARY KEY (group_id, role_id),"
                      " FOREIGN KEY (group_id) REFERENCES user_groups (id),"
                      " FOREIGN KEY (role_id) REFERENCES roles (id)){end}"));
  steps.push_back(
      engine.CreateIndex("group_role_losses_by_role", "group_role_losses (role_id, group_id)"));
  steps.push_back("ALTER TABLE sessions ADD COLUMN include_groups BIGINT NOT NULL DEFAULT 0");
}

void AddSecondFactors(const Engine& engine, Steps& steps) {
  steps.push_back(
      Ddl(engine,
          "CREATE TABLE IF NOT EXISTS second_factors (user_id {id} NOT NULL PRIMARY KEY,"
          " confirmed BIGINT NOT NULL, algorithm {id} NOT NULL, digits BIGINT NOT NULL,"
          " period BIGINT NOT NULL, sealed {text} NOT NULL, seal_kid {name} NOT NULL,"
          " last_step BIGINT NOT NULL, created_at BIGINT NOT NULL,"
          " FOREIGN KEY (user_id) REFERENCES users (id)){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS recovery_codes (user_id {id} NOT NULL,"
                      " hash {id} NOT NULL, hash_kid {name} NOT NULL,"
                      " PRIMARY KEY (user_id, hash),"
                      " FOREIGN KEY (user_id) REFERENCES users (id)){end}"));
}

void AddThrottle(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS throttle (id {id} NOT NULL PRIMARY KEY,"
                      " attempts BIGINT NOT NULL, blocked_until BIGINT NOT NULL,"
                      " expires_at BIGINT NOT NULL){end}"));
  steps.push_back(engine.CreateIndex("throttle_by_expiry", "throttle (expires_at, id)"));
}

// The chains, and one row that says which there are.
void AddAudit(const Engine& engine, Steps& steps) {
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS audit_events (replica_id {id} NOT NULL,"
                      " place BIGINT NOT NULL, event_time BIGINT NOT NULL,"
                      " event_name {id} NOT NULL, actor {name} NOT NULL, target {name} NOT NULL,"
                      " asked_from {id} NOT NULL, done BIGINT NOT NULL, reason {id} NOT NULL,"
                      " correlation {id} NOT NULL, details {text} NOT NULL,"
                      " times BIGINT NOT NULL, kid {id} NOT NULL, mac {id} NOT NULL,"
                      " PRIMARY KEY (replica_id, place)){end}"));
  steps.push_back(
      engine.CreateIndex("audit_events_by_time", "audit_events (event_time, replica_id, place)"));
  for (const char* column : {"actor", "target", "correlation"}) {
    steps.push_back(engine.CreateIndex(
        absl::StrCat("audit_events_by_", column),
        absl::StrCat("audit_events (", column, ", event_time, replica_id, place)")));
  }
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS audit_chains (replica_id {id} NOT NULL"
                      " PRIMARY KEY, place BIGINT NOT NULL, kid {id} NOT NULL, mac {id} NOT NULL,"
                      " tag {id} NOT NULL, floor_place BIGINT NOT NULL, floor_kid {id} NOT NULL,"
                      " floor_mac {id} NOT NULL, floor_tag {id} NOT NULL,"
                      " updated_at BIGINT NOT NULL){end}"));
  steps.push_back(Ddl(engine,
                      "CREATE TABLE IF NOT EXISTS audit_register (id BIGINT NOT NULL PRIMARY KEY,"
                      " chains {id} NOT NULL, kid {id} NOT NULL, tag {id} NOT NULL,"
                      " config {text} NULL){end}"));
  steps.push_back("INSERT INTO audit_register (id, chains, kid, tag) VALUES (1, '', '', '')");
}

// A role with the time gives nobody anything any more; it and its grants are yet to be removed.
void AddDeletedRoles(const Engine& engine, Steps& steps) {
  steps.push_back("ALTER TABLE roles ADD COLUMN deleted_at BIGINT NULL");
  steps.push_back(engine.CreateIndex("roles_by_deletion", "roles (deleted_at, id)"));
}

}  // namespace

Steps AllSteps(const Engine& engine) {
  Steps steps;
  AddUsersAndRoles(engine, steps);
  AddSessions(engine, steps);
  AddFeed(engine, steps);
  AddKeys(engine, steps);
  AddAdministration(engine, steps);
  AddBindings(engine, steps);
  AddKeyLife(engine, steps);
  AddServiceAccounts(engine, steps);
  AddPruningTime(engine, steps);
  AddEmails(engine, steps);
  AddAnsweredRequests(engine, steps);
  AddPasswordCosts(engine, steps);
  AddGroups(engine, steps);
  AddSecondFactors(engine, steps);
  AddThrottle(engine, steps);
  AddAudit(engine, steps);
  AddDeletedRoles(engine, steps);
  return steps;
}

}  // namespace tessera::storage::sql
