// The first start: the reserved roles and the first administrator.
#ifndef TESSERA_SERVER_USER_BOOTSTRAP_H_
#define TESSERA_SERVER_USER_BOOTSTRAP_H_

#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/auth/password_hasher.h"
#include "server/auth/password_policy.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

struct BootstrapOptions {
  std::string self_audience;   // what the reserved roles are limited to
  std::string admin_username;  // `bootstrap.admin_username`
  // `bootstrap.admin_password_file`: its first line is the password, and only its owner may read
  // it. Empty: one is made up, and shown on `terminal`, or without one written to
  // `generated_password_file`.
  std::string admin_password_file;
  std::FILE* terminal = nullptr;
  // Made with mode 0600; empty: nowhere to write to.
  std::string generated_password_file;
  PasswordPolicy passwords = PasswordPolicy();
  // `users.initial_roles`: made where they are not there, for all audiences.
  std::vector<std::string> initial_roles = {};
};

// Adds the reserved and the initial roles that are not there. The administrator is added with the
// role `tessera.admin`, in one transaction, so exactly once in a store's life: one who was deleted
// later stays deleted. Replicas that start at the same time may all call it: one of them adds, and
// all end well; a generated password is handed over before the commit, and withdrawn by those who
// found that another was first. Blocks on the store and on a password hash.
//
// FAILED_PRECONDITION: a password is needed and there is no place to take it from or show it, or
// others may read the file that holds it.
// INVALID_ARGUMENT: user name or password is not acceptable. NOT_FOUND and others: the password
// file cannot be read or written. Also fails as storage/store.h says.
absl::Status Bootstrap(const BootstrapOptions& options, storage::Store& store,
                       const PasswordHasher& hasher, const Clock& clock, LogSink& log);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_BOOTSTRAP_H_
