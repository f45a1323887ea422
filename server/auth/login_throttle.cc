#include "server/auth/login_throttle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr std::string_view kContext = "tessera/throttle/v1";
constexpr size_t kCounterIdBytes = 16;
// Each run that comes to nothing means that another replica made the counter meanwhile.
constexpr int kMaxTries = 64;
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

// What is counted: a letter that keeps counters apart in what is hashed, a name for the log.
struct Kind {
  char letter;
  std::string_view name;
  bool reset;  // by a right guess; else it takes back its own attempt alone
};
// Not reset: who owns an account could else clear what the source has done to others, and whoever
// waits for the owner's next login could guess as often again.
constexpr Kind kKinds[] = {
    {'S', "source", false},       {'N', "account", false},     {'P', "pair", true},
    {'A', "devices", false},      {'D', "device", true},       {'C', "code", false},
    {'F', "code_devices", false}, {'E', "code_device", true},  {'O', "old_password", true},
    {'R', "reset", false},        {'G', "registration", false}};

const Kind& KindOf(char letter) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds),
                       [&](const Kind& kind) { return kind.letter == letter; });
}

std::string_view SourceOf(const CallInfo& call) {
  return call.source.empty() ? call.peer : call.source;
}

void AppendWithLength(std::string_view text, std::string& to) {
  absl::StrAppend(&to, text.size(), ":");
  to.append(text);
}

// The delay that the attempt with this number begins.
absl::Duration DelayAfter(int64_t attempts, int limit, const ThrottlePolicy& policy) {
  absl::Duration delay = policy.first_delay;
  for (int64_t i = limit; i < attempts && delay < policy.max_delay; ++i) delay *= 2;
  return std::min(delay, policy.max_delay);
}

}  // namespace

struct LoginThrottle::Counted {
  std::string id;
  const Kind* kind;
  int limit;
};

// What the counters say: as they are, and how long the one that holds an attempt up longest does.
struct LoginThrottle::Verdict {
  std::vector<std::optional<storage::ThrottleCounter>> rows;
  absl::Duration wait;
  const Kind* by = nullptr;  // null: none does
};

namespace {

using storage::Repositories;
using storage::ThrottleCounter;

// How long this counter holds a further attempt up. A delay longer than any is of another
// configuration, or of a clock that was set back: it binds nobody.
absl::Duration WaitFor(const std::optional<ThrottleCounter>& row, int limit, absl::Time now,
                       absl::Duration max_delay) {
  if (!row.has_value() || row->expires_at <= now || row->attempts < limit) {
    return absl::ZeroDuration();
  }
  const absl::Duration left = row->blocked_until - now;
  return left > max_delay ? absl::ZeroDuration() : std::max(left, absl::ZeroDuration());
}

// What is left of a counter: one attempt is forgotten for each max_delay, so that those of a long
// day do not add up, and a guesser gains nothing on the longest delay.
struct Remembered {
  int64_t attempts = 0;
  absl::Time since;  // that the last one was forgotten
};

// From `since` on: no less than forget_after from the last attempt.
absl::Duration LifeOf(const ThrottlePolicy& policy) {
  return policy.forget_after + policy.max_delay;
}

Remembered Remember(const std::optional<ThrottleCounter>& row, absl::Time now,
                    const ThrottlePolicy& policy) {
  const Remembered nothing{0, now};
  if (!row.has_value() || row->expires_at <= now) return nothing;
  const absl::Time since = std::min(now, row->expires_at - LifeOf(policy));
  absl::Duration rest;
  const int64_t forgotten = absl::IDivDuration(now - since, policy.max_delay, &rest);
  if (forgotten >= row->attempts) return nothing;
  return {row->attempts - forgotten, now - rest};
}

ThrottleCounter OneMore(std::string id, const std::optional<ThrottleCounter>& row, int limit,
                        absl::Time now, const ThrottlePolicy& policy) {
  ThrottleCounter next;
  next.id = std::move(id);
  const Remembered before = Remember(row, now, policy);
  next.attempts = before.attempts + 1;
  const absl::Duration delay =
      next.attempts < limit ? absl::ZeroDuration() : DelayAfter(next.attempts, limit, policy);
  next.blocked_until = now + delay;
  next.expires_at = before.since + LifeOf(policy);
  return next;
}

absl::Status TooManyAtOnce() {
  return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                          "too many attempts at once", absl::Seconds(1));
}

}  // namespace

std::optional<std::string> LoginThrottle::DeviceOf(const Secret& proof,
                                                   const ProofOwner& owner) const {
  return ReadDeviceProof(proof, owner, *parts_.keys.Current(), parts_.clock.Now(),
                         policy_.device_ttl);
}

Secret LoginThrottle::NewDeviceProof(const ProofOwner& owner,
                                     const std::optional<std::string>& device) const {
  auto proof =
      MintDeviceProof(owner, device.value_or(""), *parts_.keys.Current(), parts_.clock.Now());
  return proof.ok() ? *std::move(proof) : Secret();
}

// Keyed: a stolen table tells no names that were tried, and nobody can aim at another's counter.
absl::StatusOr<LoginThrottle::Counted> LoginThrottle::CounterOf(char kind, std::string_view first,
                                                                std::string_view second,
                                                                int limit) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const auto key = keys->secret_hashes.find(keys->secret_hash_kid);
  if (key == keys->secret_hashes.end()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the key of the counters is not loaded yet", kRetryForKey);
  }
  std::string message(kContext);
  message.push_back(kind);
  AppendWithLength(first, message);
  AppendWithLength(second, message);
  const Sha256Digest mac = HmacSha256(key->second.Reveal(), message);
  return Counted{std::string(mac.begin(), mac.begin() + kCounterIdBytes), &KindOf(kind), limit};
}

absl::StatusOr<LoginThrottle::Counters> LoginThrottle::AllOf(
    const std::vector<absl::StatusOr<Counted>>& counters) {
  Counters all;
  for (const absl::StatusOr<Counted>& counter : counters) {
    TESSERA_RETURN_IF_ERROR(counter.status());
    all.push_back(*counter);
  }
  return all;
}

// The last is the one that a right guess ends.
absl::StatusOr<LoginThrottle::Counters> LoginThrottle::LoginCounters(
    const CallInfo& call, const LoginSubject& subject) const {
  if (subject.device.has_value()) {
    return AllOf({CounterOf('A', subject.name, "", policy_.account_attempts),
                  CounterOf('D', subject.name, *subject.device, policy_.attempts)});
  }
  const std::string_view source = SourceOf(call);
  return AllOf({CounterOf('S', source, "", policy_.source_attempts),
                CounterOf('N', subject.name, "", policy_.account_attempts),
                CounterOf('P', source, subject.name, policy_.attempts)});
}

std::vector<std::string> LoginThrottle::IdsOf(const Counters& counters) {
  std::vector<std::string> ids;
  for (const Counted& counter : counters) ids.push_back(counter.id);
  return ids;
}

LoginThrottle::Verdict LoginThrottle::Judge(const std::vector<ThrottleCounter>& found,
                                            const Counters& counters, absl::Time now) const {
  Verdict verdict;
  verdict.rows.resize(counters.size());
  for (size_t i = 0; i < counters.size(); ++i) {
    for (const ThrottleCounter& row : found) {
      if (row.id == counters[i].id) verdict.rows[i] = row;
    }
    const absl::Duration wait = WaitFor(verdict.rows[i], counters[i].limit, now, policy_.max_delay);
    if (wait <= verdict.wait) continue;
    verdict.wait = wait;
    verdict.by = counters[i].kind;
  }
  return verdict;
}

absl::Status LoginThrottle::Refused(const CallInfo& call, const UserId& user,
                                    const Verdict& verdict) const {
  parts_.log.Warning("tessera.throttle", {{"counter", std::string(verdict.by->name)},
                                          {"user", user.str()},
                                          {"source", std::string(SourceOf(call))},
                                          {"retry_after", absl::FormatDuration(verdict.wait)},
                                          {"peer", call.peer}});
  return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kThrottled,
                          "too many attempts: try again later", verdict.wait);
}

absl::Status LoginThrottle::LookIn(Repositories& in, const CallInfo& call,
                                   const LoginSubject& subject) const {
  TESSERA_ASSIGN_OR_RETURN(const Counters counters, LoginCounters(call, subject));
  const std::string& own = counters.back().id;
  const bool busy = IsBusy(own);
  TESSERA_ASSIGN_OR_RETURN(const auto found, in.throttle.Find(IdsOf(counters)));
  const Verdict verdict = Judge(found, counters, parts_.clock.Now());
  if (verdict.by == nullptr || busy || IsBusy(own)) return absl::OkStatus();
  return Refused(call, subject.user, verdict);
}

// RESOURCE_EXHAUSTED: as `verdict` says. ABORTED: another attempt was counted meanwhile.
absl::Status LoginThrottle::CountIn(Repositories& in, const Counters& counters,
                                    Reservation& reservation, Verdict& verdict) const {
  const absl::Time now = parts_.clock.Now();
  reservation.held_.clear();
  reservation.at_ = now;
  TESSERA_ASSIGN_OR_RETURN(const auto found, in.throttle.Take(IdsOf(counters)));
  verdict = Judge(found, counters, now);
  if (verdict.by != nullptr) return absl::ResourceExhaustedError("throttled");
  for (size_t i = 0; i < counters.size(); ++i) {
    const std::optional<ThrottleCounter>& row = verdict.rows[i];
    const ThrottleCounter next = OneMore(counters[i].id, row, counters[i].limit, now, policy_);
    TESSERA_ASSIGN_OR_RETURN(const bool swapped, in.throttle.Swap(row, next));
    if (!swapped) return absl::AbortedError("counted meanwhile");
    reservation.held_.push_back({next.id, next.attempts, counters[i].kind->reset});
  }
  // Given back in the order in which they are taken, so that nobody waits for each other.
  std::sort(reservation.held_.begin(), reservation.held_.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return absl::OkStatus();
}

// Counted twice when a COMMIT's answer is lost: that is on the safe side.
absl::Status LoginThrottle::Count(const CallInfo& call, const Counters& counters,
                                  Reservation& reservation, Verdict& verdict) const {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    absl::Status counted = parts_.store.Write(
        storage::Repeat::kIdempotent, call.deadline,
        [&](Repositories& in) { return CountIn(in, counters, reservation, verdict); });
    if (!absl::IsAborted(counted)) return counted;
  }
  return TooManyAtOnce();
}

// The right to count at `id`, which one attempt has at a time: meanwhile those under way there only
// get fewer.
class LoginThrottle::Turn {
 public:
  Turn(const LoginThrottle& throttle, std::string id)
      : throttle_(throttle),
        id_(std::move(id)),
        until_(throttle.parts_.clock.Monotonic() + kLongestWait) {
    MutexLock lock(throttle_.mu_);
    Here& here = throttle_.here_[id_];
    ++here.waiting;
    bool in_time = true;
    while (here.counting && in_time) in_time = Wait();
    --here.waiting;
    mine_ = !here.counting;
    here.counting = true;
  }
  ~Turn() {
    if (!mine_) return;
    MutexLock lock(throttle_.mu_);
    throttle_.here_[id_].counting = false;
    throttle_.Changed(id_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // False: others took too long.
  bool mine() const { return mine_; }

  int UnderWay() const {
    MutexLock lock(throttle_.mu_);
    return throttle_.here_[id_].under_way;
  }
  // False if it takes too long.
  bool AwaitFewerThan(int count) const {
    MutexLock lock(throttle_.mu_);
    const Here& here = throttle_.here_[id_];
    bool in_time = true;
    while (here.under_way >= count && in_time) in_time = Wait();
    return here.under_way < count;
  }
  // One more is under way until what is returned goes.
  std::shared_ptr<void> MarkUnderWay() const {
    MutexLock lock(throttle_.mu_);
    ++throttle_.here_[id_].under_way;
    return {nullptr, [throttle = &throttle_, id = id_](void*) {
              MutexLock ended(throttle->mu_);
              --throttle->here_[id].under_way;
              throttle->Changed(id);
            }};
  }

 private:
  bool Wait() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(throttle_.mu_) {
    const absl::Duration left = until_ - throttle_.parts_.clock.Monotonic();
    return left > absl::ZeroDuration() && throttle_.changed_.WaitFor(throttle_.mu_, left);
  }

  const LoginThrottle& throttle_;
  const std::string id_;
  const absl::Duration until_;  // of the monotonic clock
  bool mine_ = false;
};

void LoginThrottle::Changed(const std::string& id) const {
  const auto found = here_.find(id);
  const Here& here = found->second;
  if (!here.counting && here.waiting == 0 && here.under_way == 0) here_.erase(found);
  changed_.NotifyAll();
}

bool LoginThrottle::IsBusy(const std::string& id) const {
  MutexLock lock(mu_);
  return here_.count(id) > 0;
}

absl::StatusOr<Reservation> LoginThrottle::Reserve(const CallInfo& call, const UserId& user,
                                                   const absl::StatusOr<Counters>& asked) const {
  TESSERA_RETURN_IF_ERROR(asked.status());
  const Counters& counters = *asked;
  const Turn turn(*this, counters.back().id);
  if (!turn.mine()) return TooManyAtOnce();
  while (true) {
    const int under_way = turn.UnderWay();
    Reservation reservation;
    Verdict verdict;
    const absl::Status counted = Count(call, counters, reservation, verdict);
    if (counted.ok()) {
      reservation.under_way_ = turn.MarkUnderWay();
      return reservation;
    }
    if (verdict.by == nullptr || !absl::IsResourceExhausted(counted)) return counted;
    const bool may_yet_pass = under_way > 0 && turn.AwaitFewerThan(under_way);
    if (!may_yet_pass) return Refused(call, user, verdict);
  }
}

absl::StatusOr<Reservation> LoginThrottle::ReserveLogin(const CallInfo& call,
                                                        const LoginSubject& subject) const {
  return Reserve(call, subject.user, LoginCounters(call, subject));
}

absl::StatusOr<Reservation> LoginThrottle::ReserveCode(
    const CallInfo& call, const UserId& user, const std::optional<std::string>& device) const {
  if (!device.has_value()) {
    return Reserve(call, user, AllOf({CounterOf('C', user.str(), "", policy_.attempts)}));
  }
  return Reserve(call, user,
                 AllOf({CounterOf('F', user.str(), "", kDevicesOfCodes * policy_.attempts),
                        CounterOf('E', user.str(), *device, policy_.attempts)}));
}

absl::StatusOr<Reservation> LoginThrottle::ReserveOldPassword(const CallInfo& call,
                                                              const UserId& user) const {
  return Reserve(call, user, AllOf({CounterOf('O', user.str(), "", policy_.attempts)}));
}

absl::StatusOr<Reservation> LoginThrottle::ReserveReset(const CallInfo& call) const {
  return Reserve(call, UserId(),
                 AllOf({CounterOf('R', SourceOf(call), "", policy_.source_attempts)}));
}

absl::StatusOr<Reservation> LoginThrottle::ReserveRegistration(const CallInfo& call) const {
  return Reserve(call, UserId(),
                 AllOf({CounterOf('G', SourceOf(call), "", policy_.registrations)}));
}

// Given back twice when a COMMIT's answer is lost would be on the wrong side: it is not run again.
void LoginThrottle::Succeeded(const CallInfo& call, const Reservation& reservation) const {
  const absl::Status settled = parts_.store.Write(
      storage::Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        for (const Reservation::Held& held : reservation.held_) {
          TESSERA_RETURN_IF_ERROR(
              held.reset ? in.throttle.Erase(held.id)
                         : in.throttle.GiveBack(held.id, held.attempts, reservation.at_));
        }
        return absl::OkStatus();
      });
  if (!settled.ok()) parts_.log.Warning("throttle.unsettled", {{"reason", ReasonOf(settled)}});
}

}  // namespace tessera::server
