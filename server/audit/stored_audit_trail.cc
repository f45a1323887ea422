#include "server/audit/stored_audit_trail.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/audited_events.h"
#include "server/audit/chain_mac.h"
#include "server/audit/head_notes.h"
#include "server/auth/named_texts.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::AuditEvent;
using storage::Repositories;

constexpr char kReplicaPrefix[] = "rep_";
// What the end of the process waits for a store that does not answer.
constexpr absl::Duration kLastWrite = absl::Seconds(1);

AuditEvent OwnEvent(const AuditEntry& entry, absl::Time now) {
  return EventOf(entry, CallInfo(), now);
}

// A batch that has its places already is one whose COMMIT got no answer, or that failed.
absl::StatusOr<bool> IsThere(Repositories& in, const AuditEvent& first) {
  if (first.sequence == 0) return false;
  TESSERA_ASSIGN_OR_RETURN(const std::vector<AuditEvent> found,
                           in.audit.ListChain(first.replica_id, first.sequence - 1, 1));
  return !found.empty() && found.front().sequence == first.sequence &&
         found.front().mac == first.mac;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoredAuditTrail>> StoredAuditTrail::Open(Options options,
                                                                         Parts parts) {
  const std::string config = options.config;
  std::unique_ptr<StoredAuditTrail> trail(new StoredAuditTrail(std::move(options), parts));
  TESSERA_RETURN_IF_ERROR(trail->Begin(config));
  trail->TellIfForged();
  trail->NoteHeads();
  trail->thread_ = std::thread([raw = trail.get()] { raw->Run(); });
  return trail;
}

StoredAuditTrail::StoredAuditTrail(Options options, Parts parts)
    : parts_(parts), chain_(std::move(options.replica_id)) {}

StoredAuditTrail::~StoredAuditTrail() {
  {
    MutexLock lock(mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  parts_.queue.Wake();
  if (thread_.joinable()) thread_.join();
}

std::string StoredAuditTrail::chain() const {
  MutexLock lock(mu_);
  return chain_;
}

// A second run, behind a COMMIT without an answer, finds the chain.
absl::Status StoredAuditTrail::Begin(const std::string& config) {
  const absl::Time now = RowTime(parts_.clock.Now());
  const std::string id = chain();
  return parts_.store.Write(
      storage::Repeat::kIdempotent, now + kStoreTimeout, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const auto found, in.audit.TakeChain(id));
        if (found.has_value()) return absl::OkStatus();
        const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
        TESSERA_RETURN_IF_ERROR(BeginChain(in, *keys, id, now));
        std::vector<AuditEvent> events = {OwnEvent({"audit.began", "", id}, now)};
        if (!config.empty()) {
          TESSERA_ASSIGN_OR_RETURN(const auto before, ExchangeConfig(in, *keys, config));
          if (before.has_value() && *before != config) {
            events.push_back(OwnEvent(
                {"config.changed", "", id, true, "", {{"keys", ChangedKeys(*before, config)}}},
                now));
          }
        }
        return AppendToChain(in, *keys, id, events).status();
      });
}

absl::Status StoredAuditTrail::AppendIn(Repositories& repositories, const CallInfo& call,
                                        const AuditEntry& entry) {
  std::vector<AuditEvent> events = {EventOf(entry, call, parts_.clock.Now())};
  TESSERA_RETURN_IF_ERROR(Append(repositories, events));
  {
    MutexLock lock(mu_);
    appended_ = events.back().sequence;
    looks_ = kLooks;
  }
  parts_.queue.Wake();
  return absl::OkStatus();
}

absl::Status StoredAuditTrail::Append(Repositories& in, std::vector<AuditEvent>& events) {
  const std::string id = chain();
  ChainEnd found;
  TESSERA_ASSIGN_OR_RETURN(const ChainState state,
                           AppendToChain(in, *parts_.keys.Current(), id, events, &found));
  if (state != ChainState::kGood) return Replace(in, state, id, events);
  TellIfBack(found);
  return absl::OkStatus();
}

bool StoredAuditTrail::EndsBefore(const ChainEnd& found, const ChainEnd& known) {
  return found.replica_id == known.replica_id &&
         (found.sequence < known.sequence ||
          (found.sequence == known.sequence && found.mac != known.mac));
}

void StoredAuditTrail::TellOfBack(const ChainEnd& found, const ChainEnd& known) {
  parts_.log.Error("audit.went_back", {{"replica", known.replica_id},
                                       {"kept", absl::StrCat(known.sequence)},
                                       {"found", absl::StrCat(found.sequence)}});
}

// `found`: by a transaction that is under way and has taken the chain's row, so nothing that is
// known now was committed behind it. It may be that transaction's own addition, or that of another
// in the same COMMIT, and come to nothing: it never becomes known.
void StoredAuditTrail::TellIfBack(const ChainEnd& found) {
  ChainEnd known;
  {
    MutexLock lock(mu_);
    known = end_;
    if (!EndsBefore(found, known)) return;
    end_ = ChainEnd();  // told once; where the chain ends now is learnt anew
  }
  TellOfBack(found, known);
}

ChainEnd StoredAuditTrail::KnownEnd() const {
  MutexLock lock(mu_);
  return end_;
}

// `found`: is committed. `known`: from before it was read; empty: it was committed just now. A
// chain that ends before it, or otherwise, has lost what was committed: the store, or somebody,
// went back.
void StoredAuditTrail::NoteEnd(const ChainEnd& found, const ChainEnd& known) {
  const bool back = EndsBefore(found, known);
  {
    MutexLock lock(mu_);
    if (found.replica_id != chain_) return;
    const bool moved = end_.sequence != known.sequence || end_.mac != known.mac;
    if (!known.replica_id.empty() && moved) return;  // somebody else knows more
    if (back || end_.replica_id != chain_ || found.sequence > end_.sequence) end_ = found;
  }
  if (back) TellOfBack(found, known);
}

bool StoredAuditTrail::IsLooking() const {
  MutexLock lock(mu_);
  return looks_ > 0;
}

// Whether what AppendIn has added is committed.
void StoredAuditTrail::Look() {
  const ChainEnd known = KnownEnd();
  const std::string id = chain();
  std::optional<storage::AuditChain> found;
  const absl::Status read =
      parts_.store.Read(parts_.clock.Now() + patience_, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(found, in.audit.FindChain(id));
        return absl::OkStatus();
      });
  // What is missing or forged the next event finds.
  const bool good = read.ok() && found.has_value() && HeadHolds(*parts_.keys.Current(), *found);
  if (good) NoteEnd({id, found->sequence, found->mac}, known);
  MutexLock lock(mu_);
  --looks_;
  if (end_.replica_id == chain_ && end_.sequence >= appended_) looks_ = 0;
  if (looks_ == 0) changed_.NotifyAll();
}

// Once, at the start: nobody has to ask for a check to hear of it.
void StoredAuditTrail::TellIfForged() {
  bool holds = true;
  parts_.store
      .Read(parts_.clock.Now() + kStoreTimeout,
            [&](Repositories& in) -> absl::Status {
              TESSERA_ASSIGN_OR_RETURN(const auto content, in.audit.ReadRegister());
              holds = RegisterHolds(*parts_.keys.Current(), content);
              return absl::OkStatus();
            })
      .IgnoreError();  // `tessera audit verify` says it too
  if (!holds) parts_.log.Error("audit.register_forged", {{"replica", chain()}});
}

// Goes on with a new chain, which says why. Nothing is lost if this transaction comes to nothing:
// the next one finds no such chain either.
absl::Status StoredAuditTrail::Replace(Repositories& in, ChainState state, const std::string& old,
                                       std::vector<AuditEvent>& events) {
  const absl::Time now = RowTime(parts_.clock.Now());
  const std::string fresh = RandomId(kReplicaPrefix, now);
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const std::string why = state == ChainState::kMissing ? "chain_missing" : "chain_broken";
  TESSERA_RETURN_IF_ERROR(BeginChain(in, *keys, fresh, now));
  std::vector<AuditEvent> notice = {OwnEvent({"audit.chain_replaced", "", old, false, why}, now)};
  TESSERA_RETURN_IF_ERROR(AppendToChain(in, *keys, fresh, notice).status());
  TESSERA_RETURN_IF_ERROR(AppendToChain(in, *keys, fresh, events).status());
  {
    MutexLock lock(mu_);
    chain_ = fresh;
  }
  parts_.log.Error("audit.replaced_chain", {{"replica", old}, {"by", fresh}, {"reason", why}});
  return absl::OkStatus();
}

absl::Status StoredAuditTrail::Keep(std::vector<AuditEvent>& events) {
  return parts_.store.Write(storage::Repeat::kIdempotent, parts_.clock.Now() + patience_,
                            [&](Repositories& in) -> absl::Status {
                              TESSERA_ASSIGN_OR_RETURN(const bool there,
                                                       IsThere(in, events.front()));
                              return there ? absl::OkStatus() : Append(in, events);
                            });
}

void StoredAuditTrail::NoteKept(const std::vector<AuditEvent>& events) {
  const AuditEvent& last = events.back();
  NoteEnd({last.replica_id, last.sequence, last.mac}, {});
}

// Tried again at the next time where the store does not answer.
void StoredAuditTrail::NoteHeads() {
  noted_at_ = parts_.clock.Monotonic();
  const absl::Time now = RowTime(parts_.clock.Now());
  std::vector<AuditEvent> notes;
  const absl::Status read =
      parts_.store.Read(now + patience_, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(notes, HeadNotesDue(in, *parts_.keys.Current(), chain(), now));
        return absl::OkStatus();
      });
  if (!read.ok() || notes.empty()) return;
  if (Keep(notes).ok()) NoteKept(notes);
}

void StoredAuditTrail::Report(const absl::Status& kept) {
  if (kept.ok() != failing_) return;
  failing_ = !kept.ok();
  if (failing_) {
    parts_.log.Error("audit.write_failed", {{"reason", ReasonOf(kept)}});
  } else {
    parts_.log.Info("audit.write_recovered");
  }
}

// Writes the batch at hand, or the next. False: it failed.
bool StoredAuditTrail::Turn() {
  if (batch_.events.empty()) {
    batch_ = parts_.queue.Take();
    if (batch_.dropped > 0) {
      AuditEvent dropped =
          OwnEvent({"audit.dropped", "", "", false, "queue_full"}, parts_.clock.Now());
      dropped.count = batch_.dropped;
      batch_.events.push_back(std::move(dropped));
      parts_.log.Error("audit.decisions_dropped", {{"count", absl::StrCat(batch_.dropped)}});
    }
  }
  const absl::Status kept = batch_.events.empty() ? absl::OkStatus() : Keep(batch_.events);
  Report(kept);
  if (!kept.ok()) return false;
  if (!batch_.events.empty()) NoteKept(batch_.events);
  batch_.events.clear();
  MutexLock lock(mu_);
  kept_through_ = batch_.through;
  changed_.NotifyAll();
  return true;
}

void StoredAuditTrail::Run() {
  bool stop = false;
  while (!stop) {
    parts_.queue.WaitForSome(kNoteInterval);
    {
      MutexLock lock(mu_);
      bool in_time = true;
      const absl::Duration rest = failing_ ? kRetry : kGather;
      while (!stop_ && in_time) in_time = changed_.WaitFor(mu_, rest);
      stop = stop_;
    }
    const bool kept = Turn();
    if (IsLooking() && !stop) Look();
    if (!stop && parts_.clock.Monotonic() - noted_at_ >= kNoteInterval) NoteHeads();
    if ((!kept || IsLooking()) && !stop) parts_.queue.Wake();
  }
  patience_ = kLastWrite;
  const absl::Duration end = parts_.clock.Monotonic() + kLastWrite;
  while (Turn() && parts_.queue.added() > batch_.through && parts_.clock.Monotonic() < end) {
  }
  if (!failing_) NoteHeads();
}

bool StoredAuditTrail::Settle(absl::Duration limit) {
  const int64_t wanted = parts_.queue.added();
  parts_.queue.Wake();
  MutexLock lock(mu_);
  bool in_time = true;
  while ((kept_through_ < wanted || looks_ > 0) && in_time) in_time = changed_.WaitFor(mu_, limit);
  return kept_through_ >= wanted && looks_ == 0;
}

}  // namespace tessera::server
