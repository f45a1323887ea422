#include "tessera/guard/core.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/decision.h"
#include "tessera/guard/explanation.h"
#include "tessera/token/digest.h"

namespace tessera::guard {
namespace {

constexpr size_t kMaxLoggedPath = 128;
constexpr absl::Duration kClosePoll = absl::Milliseconds(1);
constexpr absl::Duration kKeysRetry = absl::Seconds(1);

// A path comes from anybody: no more of it than fits a line, and nothing that would start another.
std::string Printable(std::string_view path) {
  std::string text(path.substr(0, kMaxLoggedPath));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x21 || c > 0x7e; }, '?');
  return text;
}

absl::Status NoKeys(std::string_view text) {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable, text,
                          kKeysRetry);
}

// Says so of a call whose key is unknown while nobody could be asked about it.
void BlameTheKeys(Explanation& explanation) {
  if (ReasonOf(explanation.verdict) != reason::kTokenUnknownKey) return;
  explanation.verdict = NoKeys("the keys could not be fetched");
  for (ExplainedCheck& check : explanation.checks) {
    if (check.outcome != CheckOutcome::kFailed) continue;
    check.text = std::string(explanation.verdict.message());
    return;
  }
}

bool IsAmong(const std::vector<std::weak_ptr<grpc::ServerCredentials>>& all,
             const std::shared_ptr<grpc::ServerCredentials>& wanted) {
  return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.lock() == wanted; });
}

}  // namespace

// First counted, then asked: either Close sees the use, or the use sees Close.
Core::Use::Use(Core& core) : core_(core) {
  ++core_.uses_;
  open_ = !core_.closed_;
}

Core::Use::~Use() { --core_.uses_; }

Core::Core(GuardOptions options, TokenVerifier verifier)
    : options_(std::move(options)),
      verifier_(std::move(verifier)),
      view_(options_.revocations->view()),
      cache_(options_.cache_bytes),
      streams_(view_, options_.leeway, *options_.clock, *options_.log),
      parking_(options_.keys, options_.max_parked_calls) {}

absl::StatusOr<std::shared_ptr<const KnownToken>> Core::DecideNow(const RuledMethod& method,
                                                                  const Presented& presented) {
  const Bearer& bearer = presented.bearer;
  const bool looks_at_token =
      method.rule.admission == Admission::kAuthenticated && bearer.kind == Bearer::Kind::kOne;
  const Facts facts{method.rule,
                    presented,
                    options_.keys->Current(),
                    view_.get(),
                    options_.without_first_view,
                    options_.clock->Now(),
                    looks_at_token ? cache_.Find(bearer.token) : nullptr};
  auto decision = Decide(verifier_, facts);
  const bool bad_token = decision.status().code() == absl::StatusCode::kUnauthenticated;
  if (bad_token && facts.cached != nullptr) cache_.Forget(bearer.token);
  return decision;
}

absl::StatusOr<const RuledMethod*> Core::MethodOf(std::string_view path) const {
  const RuleBook* book = book_;
  if (book == nullptr) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kMethodUnruled,
                   "the server was not started by its guard");
  }
  const RuledMethod* method = book->Find(path);
  if (method == nullptr) return absl::UnimplementedError("no such method");
  return method;
}

absl::Status Core::Admit(std::string_view path, const Presented& presented, bool keys_are_new) {
  const Use use(*this);
  if (!use) return absl::UnavailableError("the service is shutting down");
  TESSERA_ASSIGN_OR_RETURN(const RuledMethod* const method, MethodOf(path));
  // As Decide would have it, without gathering what it does not look at.
  if (method->rule.admission == Admission::kPublic) {
    method->counters.CountAdmission();
    return absl::OkStatus();
  }
  auto decision = DecideNow(*method, presented);
  if (decision.ok()) {
    method->counters.CountAdmission();
    if (*decision != nullptr) {
      cache_.Admit(presented.bearer.token, *decision, method);
    }
    return absl::OkStatus();
  }
  const bool no_keys = keys_are_new && options_.keys->Current()->empty() &&
                       ReasonOf(decision.status()) == reason::kTokenUnknownKey;
  return no_keys ? NoKeys("there are no keys to check tokens with") : decision.status();
}

absl::StatusOr<std::shared_ptr<const KnownToken>> Core::Claim(std::string_view path,
                                                              const Presented& presented) {
  const Use use(*this);
  if (!use) return absl::UnavailableError("the service is shutting down");
  const RuleBook* book = book_;
  const RuledMethod* method = book == nullptr ? nullptr : book->Find(path);
  if (method == nullptr) return absl::UnimplementedError("no such method");
  if (method->rule.admission == Admission::kPublic) return std::shared_ptr<const KnownToken>();
  const Bearer& bearer = presented.bearer;
  if (bearer.kind == Bearer::Kind::kOne) {
    if (auto known = cache_.TakeAdmitted(bearer.token, method); known != nullptr) return known;
  }
  return DecideNow(*method, presented);
}

const Rule* Core::RuleOf(std::string_view path) const {
  const RuleBook* book = book_;
  const RuledMethod* method = book == nullptr ? nullptr : book->Find(path);
  return method == nullptr ? nullptr : &method->rule;
}

bool Core::IsPublic(std::string_view path) const {
  const Rule* const rule = RuleOf(path);
  return rule != nullptr && rule->admission == Admission::kPublic;
}

HiddenHeaders Core::HiddenFrom(std::string_view path) const {
  static const auto& none = *new TokenCookie();
  const bool device_id = !options_.reveal_device_ids_to_handlers;
  if (options_.cookie.name.empty()) return {none, device_id};
  const Rule* const rule = RuleOf(path);
  const bool forwards = rule != nullptr && rule->forwards_cookie;
  return {forwards ? none : options_.cookie, device_id};
}

void Core::NoteRefusal(std::string_view path, const Bearer& bearer, const absl::Status& refusal) {
  const RuleBook* book = book_;
  const RuledMethod* method = book == nullptr ? nullptr : book->Find(path);
  (method == nullptr ? without_method_ : method->counters).CountRefusal(refusal);
  const Use use(*this);
  if (!use) return;
  const std::string reason = ReasonOf(refusal);
  options_.log->Info(
      "guard.refused",
      {{"method", Printable(path)},
       {"reason", reason.empty() ? absl::StatusCodeToString(refusal.code()) : reason},
       {"check", std::string(refusal.message())},
       {"token", bearer.kind == Bearer::Kind::kOne ? Fingerprint(bearer.token) : "none"}});
}

Explanation Core::Explain(const ShownCall& call) {
  const Use use(*this);
  if (!use) return ExplainNoRule(absl::UnavailableError("the service is shutting down"));
  const auto method = MethodOf(call.method);
  if (!method.ok()) return ExplainNoRule(method.status());
  const ReadPeer peer(call.certificate);
  const Facts facts{(*method)->rule, PresentedBy(call, peer),     options_.keys->Current(),
                    view_.get(),     options_.without_first_view, options_.clock->Now(),
                    nullptr};
  Explanation explanation = ExplainDecision(verifier_, facts);
  if (fetch_failed_ || facts.keys->empty()) BlameTheKeys(explanation);
  return explanation;
}

GuardMetrics Core::Metrics() {
  GuardMetrics metrics;
  const Use use(*this);
  if (!use) return metrics;
  if (const RuleBook* book = book_; book != nullptr) book->AppendDecisions(metrics.decisions);
  without_method_.AppendTo("", metrics.decisions);
  metrics.keys = options_.keys->Current()->keys().size();
  if (view_ != nullptr) {
    metrics.revocations_age = view_->Age();
    metrics.revocations = view_->size();
  }
  const TokenCache::Totals cached = cache_.totals();
  metrics.cache_hits = cached.hits;
  metrics.cache_misses = cached.misses;
  metrics.cache_tokens = cached.tokens;
  metrics.cache_bytes = cached.bytes;
  metrics.parked_calls = parking_.size();
  metrics.parked_calls_total = parking_.parked_total();
  metrics.parked_calls_refused = parking_.refused_total();
  metrics.streams = streams_.size();
  metrics.streams_in_grace = streams_.in_grace();
  metrics.streams_cut_by_revocation = streams_.cut_by_revocation();
  metrics.streams_cut_by_expiry = streams_.cut_by_expiry();
  return metrics;
}

bool Core::Adopt(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  MutexLock lock(mu_);
  if (IsAmong(adopted_, credentials)) return false;
  adopted_.push_back(credentials);
  return true;
}

bool Core::HasAdopted(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  MutexLock lock(mu_);
  return IsAmong(adopted_, credentials);
}

bool Core::Open(std::unique_ptr<const RuleBook> book) {
  MutexLock lock(mu_);
  if (book_ != nullptr) return false;
  book_ = book.get();
  books_.push_back(std::move(book));
  return true;
}

void Core::TakeBack() { book_ = nullptr; }

void Core::Close() {
  parking_.Stop();
  streams_.Stop();
  closed_ = true;
  Mutex mu;
  CondVar never;
  while (uses_ > 0) {
    MutexLock lock(mu);
    never.WaitFor(mu, kClosePoll);
  }
  options_.keys = nullptr;
  options_.revocations = nullptr;
}

}  // namespace tessera::guard
