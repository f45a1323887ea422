#include "server/audit/call_scope.h"

namespace tessera::server {
namespace {

thread_local const CallInfo* current = nullptr;

}  // namespace

CallScope::CallScope(const CallInfo& call) : outer_(current) { current = &call; }

CallScope::~CallScope() { current = outer_; }

const CallInfo* CallScope::Current() { return current; }

}  // namespace tessera::server
