#include "storage/sql/schema.h"

#include "absl/strings/str_replace.h"

namespace tessera::storage::sql {
namespace {

// Binary ids and sealed keys are stored as lower-case hex: plain text binds alike on
// every engine, SOCI has no blobs for MySQL, and a person can read a dump. All times are BIGINT
// microseconds since 1970.

// `{id}` and the like stand for the engine's types.
std::string Ddl(const Engine& engine, const char* text) {
  return absl::StrReplaceAll(text, {{"{id}", engine.Text(64)},
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

}  // namespace

Steps AllSteps(const Engine& engine) {
  Steps steps;
  AddUsersAndRoles(engine, steps);
  AddSessions(engine, steps);
  AddFeed(engine, steps);
  AddKeys(engine, steps);
  AddAdministration(engine, steps);
  return steps;
}

}  // namespace tessera::storage::sql
