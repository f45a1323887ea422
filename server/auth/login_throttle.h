// Slows down who guesses, without giving anybody the means to lock somebody else out.
//
// Every guess is counted before it is checked, in counters that all replicas share, and taken back
// when it was right. A counter lets its first attempts pass; from then on each one begins a longer
// delay, during which further ones are refused with THROTTLED and not counted. A counter forgets an
// attempt for each `max_delay` that passes, and all when nothing has happened for `forget_after`.
//
// A password for a name is counted three times: for the name from this source, for the name from
// anywhere, for the source. Names are counted alike whether a user has them or not. A login that
// shows the proof of a device that has logged in before (server/auth/device_proof.h) is counted for
// this user on this device, and on all such devices together: no stranger's attempts are in its
// way, and whoever has gathered proofs guesses no more often for that. Codes are counted likewise:
// for the user without a proof; or on this device, and on all devices.
#ifndef TESSERA_SERVER_AUTH_LOGIN_THROTTLE_H_
#define TESSERA_SERVER_AUTH_LOGIN_THROTTLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/device_proof.h"
#include "server/auth/key_ring.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// `throttle.*` of the configuration.
struct ThrottlePolicy {
  int attempts = 5;           // at one account from one source, or from one device
  int account_attempts = 50;  // at one account from wherever; from all its devices as many again
  int source_attempts = 100;  // from one source, at whatever account
  int registrations = 10;     // from one source
  absl::Duration first_delay = absl::Seconds(1);     // doubles with each attempt,
  absl::Duration max_delay = absl::Minutes(15);      // up to this
  absl::Duration forget_after = absl::Hours(1);      // at least max_delay
  absl::Duration device_ttl = absl::Hours(24 * 90);  // of a device proof that no login renews
};

// An attempt that has been counted, under way for as long as this lives; the throttle outlives it.
// Only LoginThrottle makes one.
class Reservation {
 private:
  friend class LoginThrottle;
  struct Held {
    std::string id;
    int64_t attempts = 0;  // with this one
    bool reset = false;    // a right guess ends the counter; else it takes back this attempt alone
  };
  std::vector<Held> held_;
  absl::Time at_;
  std::shared_ptr<void> under_way_;
};

// Whom a login names, as far as it is known.
struct LoginSubject {
  std::string name;                   // folded; as typed if no user can have it
  std::optional<std::string> device;  // that ReadDeviceProof found
  UserId user = {};                   // who has the name, for the log; empty: nobody
};

// Thread-safe. All that is called Reserve... blocks on the store for one short write; where
// attempts that are under way here are as many as may pass, it waits for one of them, which may be
// right: kLongestWait at most. It fails with RESOURCE_EXHAUSTED THROTTLED: too many attempts of
// late; RetryInfo says when to try again. UNAVAILABLE KEYS_UNAVAILABLE: nothing can be counted yet.
class LoginThrottle {
 public:
  // That an attempt waits for others of its counter, in all: a hash takes less.
  static constexpr absl::Duration kLongestWait = absl::Seconds(5);
  // The devices of a user have as many codes together as so many devices have each:
  // server/auth/SECOND_FACTORS.md has the sum.
  static constexpr int kDevicesOfCodes = 2;

  // All references must outlive the throttle.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const Clock& clock;
    LogSink& log;
  };
  LoginThrottle(const ThrottlePolicy& policy, Parts parts) : policy_(policy), parts_(parts) {}

  // The device that `proof` (which may be empty) shows for `owner`; absent for any other, and for
  // another version of the user. Memory only.
  std::optional<std::string> DeviceOf(const Secret& proof, const ProofOwner& owner) const;
  // A proof for the owner's next login from `device` (absent: a new one); empty while there is no
  // key for it. Memory only.
  Secret NewDeviceProof(const ProofOwner& owner,
                        const std::optional<std::string>& device = std::nullopt) const;

  // Whether ReserveLogin would refuse now; counts nothing. In a transaction of the caller's.
  absl::Status LookIn(storage::Repositories& in, const CallInfo& call,
                      const LoginSubject& subject) const;
  // Counts a password for a name. Call it once a hashing slot is there, before the hash.
  absl::StatusOr<Reservation> ReserveLogin(const CallInfo& call, const LoginSubject& subject) const;
  // Counts a code of the second factor, whatever the challenge; `device`: that DeviceOf found.
  absl::StatusOr<Reservation> ReserveCode(const CallInfo& call, const UserId& user,
                                          const std::optional<std::string>& device) const;
  // Counts an old password shown by a user who is logged in.
  absl::StatusOr<Reservation> ReserveOldPassword(const CallInfo& call, const UserId& user) const;
  // Counts a password reset, by source.
  absl::StatusOr<Reservation> ReserveReset(const CallInfo& call) const;
  // Counts a registration, by source. One that succeeds stays counted.
  absl::StatusOr<Reservation> ReserveRegistration(const CallInfo& call) const;

  // The guess was right. If the store fails the attempt stays counted; that is all. Blocks on the
  // store.
  void Succeeded(const CallInfo& call, const Reservation& reservation) const;

 private:
  struct Counted;
  struct Verdict;
  class Turn;
  using Counters = std::vector<Counted>;

  absl::StatusOr<Counted> CounterOf(char kind, std::string_view first, std::string_view second,
                                    int limit) const;
  static absl::StatusOr<Counters> AllOf(const std::vector<absl::StatusOr<Counted>>& counters);
  absl::StatusOr<Counters> LoginCounters(const CallInfo& call, const LoginSubject& subject) const;
  static std::vector<std::string> IdsOf(const Counters& counters);
  Verdict Judge(const std::vector<storage::ThrottleCounter>& found, const Counters& counters,
                absl::Time now) const;
  absl::Status Refused(const CallInfo& call, const UserId& user, const Verdict& verdict) const;
  absl::Status CountIn(storage::Repositories& in, const Counters& counters,
                       Reservation& reservation, Verdict& verdict) const;
  absl::Status Count(const CallInfo& call, const Counters& counters, Reservation& reservation,
                     Verdict& verdict) const;
  // `user`: whom it is about, for the log; empty: nobody, or not known. Fails as `asked` does.
  absl::StatusOr<Reservation> Reserve(const CallInfo& call, const UserId& user,
                                      const absl::StatusOr<Counters>& asked) const;

  // Whether an attempt that may yet be right is being counted or under way here.
  bool IsBusy(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);
  // Something at this counter has ended.
  void Changed(const std::string& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ThrottlePolicy policy_;
  const Parts parts_;
  // What this process does at a counter that a right guess ends.
  struct Here {
    bool counting = false;  // one attempt at a time
    int waiting = 0;
    int under_way = 0;
  };
  mutable Mutex mu_;
  mutable CondVar changed_;
  mutable std::map<std::string, Here> here_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_LOGIN_THROTTLE_H_
