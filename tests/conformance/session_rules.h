// What the rules of sessions are told by.
#ifndef TESSERA_TESTS_CONFORMANCE_SESSION_RULES_H_
#define TESSERA_TESTS_CONFORMANCE_SESSION_RULES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/conformance/conformance.h"

namespace tessera::storage {

class SessionRules : public Conformance {
 protected:
  Session Stored(const SessionId& id) {
    std::optional<Session> found;
    Read([&](Repositories& r) {
      found = Must(r.sessions.Find(id));
      return absl::OkStatus();
    });
    EXPECT_TRUE(found.has_value());
    return found.value_or(Session());
  }
  bool Exists(const SessionId& id) {
    bool exists = false;
    Read([&](Repositories& r) {
      exists = Must(r.sessions.Find(id)).has_value();
      return absl::OkStatus();
    });
    return exists;
  }
  std::vector<Session> Listed(const UserId& user, const SessionId& before, int limit) {
    std::vector<Session> sessions;
    Read([&](Repositories& r) {
      sessions = Must(r.sessions.ListLive(user, now(), before, limit));
      return absl::OkStatus();
    });
    return sessions;
  }
  int64_t DeleteEnded(absl::Time before, int limit) {
    int64_t deleted = 0;
    Write([&](Repositories& r) {
      deleted = Must(r.sessions.DeleteEnded(before, limit));
      return absl::OkStatus();
    });
    return deleted;
  }
  // From the first generation, a minute later.
  SessionRotation RotationOf(const Session& session) {
    return {.id = session.id,
            .from_generation = session.generation,
            .mac_kid = "mac-2",
            .rotated_at = now() + absl::Minutes(1),
            .access_until = now() + absl::Minutes(16),
            .idle_expires_at = now() + absl::Minutes(61),
            .address = "10.0.0.8"};
  }
};

}  // namespace tessera::storage

#endif  // TESSERA_TESTS_CONFORMANCE_SESSION_RULES_H_
