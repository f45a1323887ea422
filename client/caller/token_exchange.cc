#include "tessera/caller/token_exchange.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/caller/delegation.h"
#include "tessera/token/digest.h"

namespace tessera {
namespace {

// Whoever presents the same whole token for the same purpose has the same key, and nobody else.
std::string KeyOf(const ExchangeWish& wish) {
  const Sha256Digest digest = Sha256(wish.subject->access_token.Reveal());
  std::string key(digest.begin(), digest.end());
  const auto add = [&key](const std::string& text) {
    absl::StrAppend(&key, text.size(), ":", text);
  };
  add(wish.exchange.audience);
  for (const std::string& scope : wish.exchange.scopes) add(scope);
  return key;
}

absl::Status Overloaded() {
  return Refusal(absl::StatusCode::kUnavailable, reason::kOverloaded,
                 "too many tokens are being exchanged");
}

}  // namespace

// The tokens of one wish.
class TokenExchange::Supply final : public TokenSupply {
 public:
  Supply(std::shared_ptr<TokenExchange> exchange, ExchangeWish wish)
      : exchange_(std::move(exchange)), wish_(std::move(wish)), key_(KeyOf(wish_)) {}

  std::optional<TokenResult> Current() override { return exchange_->Current(key_, wish_); }
  std::optional<TokenResult> CurrentOrWait(std::shared_ptr<TokenWaiter> waiter) override {
    return exchange_->CurrentOrWait(key_, wish_, std::move(waiter));
  }
  void Forget(const TokenWaiter& waiter) override { exchange_->Forget(key_, waiter); }
  void Refused(uint64_t serial) override { exchange_->Refused(key_, serial); }
  absl::Status LastFailure() const override { return exchange_->source_->LastFailure(); }

 private:
  const std::shared_ptr<TokenExchange> exchange_;
  const ExchangeWish wish_;
  const std::string key_;
};

std::shared_ptr<TokenSupply> TokenExchange::SupplyFor(ExchangeWish wish) {
  return std::make_shared<Supply>(shared_from_this(), std::move(wish));
}

std::optional<TokenResult> TokenExchange::Look(const Entry& entry) const {
  if (entry.token != nullptr && entry.life->IsAlive(clock_)) return TokenResult(entry.token);
  if (!entry.refusal.ok() && clock_.Monotonic() < entry.retry_at) return TokenResult(entry.refusal);
  return std::nullopt;
}

std::optional<TokenResult> TokenExchange::Current(const std::string& key,
                                                  const ExchangeWish& wish) {
  MutexLock lock(mu_);
  if (closed_) return TokenResult(CallerClosed());  // and the clock may be gone
  if (clock_.Now() >= wish.subject->expires_at) return TokenResult(SubjectExpired());
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, found->second.place);
  return Look(found->second);
}

std::optional<TokenResult> TokenExchange::CurrentOrWait(const std::string& key,
                                                        const ExchangeWish& wish,
                                                        std::shared_ptr<TokenWaiter> waiter) {
  auto now = Current(key, wish);
  if (now.has_value()) return now;
  {
    MutexLock lock(mu_);
    if (closed_) return TokenResult(CallerClosed());
    const auto found = entries_.find(key);
    const bool begun = found != entries_.end() && found->second.under_way;
    if (!begun && under_way_ >= limits_.under_way) return TokenResult(Overloaded());
    Entry& entry = Enter(key);
    now = Look(entry);  // another call's may have come meanwhile
    if (now.has_value()) return now;
    const TokenWaiter* const address = waiter.get();
    entry.waiters.emplace(address, std::move(waiter));
    if (begun) return std::nullopt;
    entry.under_way = true;
    ++under_way_;
  }
  Ask(key, wish);
  return std::nullopt;
}

TokenExchange::Entry& TokenExchange::Enter(const std::string& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second;
  MakeRoom();
  order_.push_front(key);
  Entry& entry = entries_[key];
  entry.place = order_.begin();
  return entry;
}

void TokenExchange::MakeRoom() {
  // What is under way stays, and there is less of it than room.
  while (!order_.empty()) {
    const auto last = entries_.find(order_.back());
    const bool dead = !Look(last->second).has_value();
    if (last->second.under_way) {
      if (entries_.size() < limits_.tokens) return;
      order_.splice(order_.begin(), order_, last->second.place);
      continue;
    }
    if (!dead && entries_.size() < limits_.tokens) return;
    order_.pop_back();
    entries_.erase(last);
  }
}

void TokenExchange::Ask(const std::string& key, const ExchangeWish& wish) {
  source_->Ask(wish, [weak = weak_from_this(), key,
                      token = Fingerprint(wish.subject->access_token.Reveal())](
                         absl::StatusOr<Grant> result) {
    if (const auto self = weak.lock()) self->Landed(key, token, std::move(result));
  });
}

TokenResult TokenExchange::Adopt(Entry& entry, Grant grant) {
  constexpr double kNoRenewal = 1.0;
  entry.life.emplace(grant, kNoRenewal, clock_);
  auto token = std::make_shared<LiveToken>();
  token->text = std::move(grant.access_token);
  token->serial = ++last_serial_;
  entry.token = std::move(token);
  entry.refusal = absl::OkStatus();
  return TokenResult(entry.token);
}

void TokenExchange::Landed(const std::string& key, const std::string& token,
                           absl::StatusOr<Grant> result) {
  const absl::Status status = result.status();
  TokenResult answer = status.ok() ? TokenResult(nullptr) : TokenResult(status);
  Waiters waiters;
  {
    MutexLock lock(mu_);
    --under_way_;
    const auto found = entries_.find(key);
    if (closed_ || found == entries_.end()) return;
    Entry& entry = found->second;
    entry.under_way = false;
    waiters.swap(entry.waiters);
    if (status.ok()) {
      answer = Adopt(entry, *std::move(result));
    } else if (absl::IsUnavailable(status) && !RetryDelayOf(status).has_value()) {
      order_.erase(entry.place);
      entries_.erase(found);
    } else {  // refused, or tesserad asks to be left in peace
      entry.refusal = status;
      entry.retry_at = clock_.Monotonic() + kRefusalPause;
    }
  }
  Report(token, status);
  for (const auto& [address, waiter] : waiters) waiter->Answer(answer);
}

void TokenExchange::Forget(const std::string& key, const TokenWaiter& waiter) {
  MutexLock lock(mu_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) found->second.waiters.erase(&waiter);
}

void TokenExchange::Refused(const std::string& key, uint64_t serial) {
  {
    MutexLock lock(mu_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    const absl::Duration now = clock_.Monotonic();
    if (entry.token == nullptr || entry.token->serial != serial || now < entry.drop_at) return;
    entry.drop_at = now + kDropPause;
    entry.token.reset();
  }
  log_.Info("caller.exchanged_token.dropped");
}

void TokenExchange::Close() {
  std::unordered_map<std::string, Entry> entries;
  {
    MutexLock lock(mu_);
    if (closed_) return;
    closed_ = true;
    entries.swap(entries_);
    order_.clear();
  }
  for (const auto& [key, entry] : entries) {
    for (const auto& [address, waiter] : entry.waiters) waiter->Answer(CallerClosed());
  }
  source_->Close();
}

void TokenExchange::Report(const std::string& token, const absl::Status& status) const {
  if (status.ok()) return log_.Info("caller.exchange.done", {{"token", token}});
  const std::string code = absl::StatusCodeToString(status.code());
  log_.Warning("caller.exchange.failed",
               {{"token", token}, {"code", code}, {"reason", ReasonOf(status)}});
}

}  // namespace tessera
