// The call that a thread is serving, for what has no other way of knowing: log lines.
#ifndef TESSERA_SERVER_AUDIT_CALL_SCOPE_H_
#define TESSERA_SERVER_AUDIT_CALL_SCOPE_H_

#include "server/call_info.h"

namespace tessera::server {

// While it lives, this thread serves `call`, which must outlive it. Scopes nest.
class CallScope {
 public:
  explicit CallScope(const CallInfo& call);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  // The call of the innermost scope of this thread; null outside all.
  static const CallInfo* Current();

 private:
  const CallInfo* const outer_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_CALL_SCOPE_H_
