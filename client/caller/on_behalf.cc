#include "tessera/caller/on_behalf.h"

#include <utility>

#include "tessera/base/reason.h"
#include "tessera/caller/delegation.h"
#include "tessera/caller/exchange_requests.h"
#include "tessera/caller/keeper_options.h"
#include "tessera/caller/service_grant_source.h"
#include "tessera/token/bearer_token.h"

namespace tessera {
namespace {

std::shared_ptr<TokenSupply> Refused(std::string_view reason, std::string_view text) {
  return std::make_shared<FixedToken>(Refusal(absl::StatusCode::kFailedPrecondition, reason, text));
}

}  // namespace

std::shared_ptr<TokenSupply> OnBehalf::SupplyFor(std::shared_ptr<const KeptToken> subject,
                                                 const Exchange& exchange) {
  if (subject == nullptr || !IsBearerToken(subject->access_token.Reveal())) {
    return Refused(reason::kNoKeptToken,
                   "the call that is being served left no token: its rule says forwards_token");
  }
  if (exchange.audience.empty() && exchange.scopes.empty()) {
    return std::make_shared<FixedToken>(subject->access_token, subject->expires_at,
                                        *options_.clock);
  }
  if (!options_.service.has_value()) {
    return Refused(reason::kServiceAccountRequired,
                   "only a caller with a service account exchanges tokens");
  }
  return TheExchange()->SupplyFor({std::move(subject), exchange});
}

std::shared_ptr<TokenExchange> OnBehalf::TheExchange() {
  MutexLock lock(mu_);
  if (exchange_ == nullptr) {
    if (!options_.service->audience.empty()) keeper_ = KeeperForTesserad();
    auto source = std::make_unique<ExchangeRequests>(RequestsOptionsOf(options_),
                                                     keeper_ == nullptr ? own_ : keeper_);
    exchange_ = std::make_shared<TokenExchange>(std::move(source), TokenExchange::Limits(),
                                                *options_.clock, *options_.log);
  }
  return exchange_;
}

std::shared_ptr<TokenKeeper> OnBehalf::KeeperForTesserad() {
  ServiceCredentials for_tesserad = *options_.service;
  for_tesserad.audience.clear();
  for_tesserad.scopes.clear();
  return TokenKeeper::Start(
      std::make_unique<ServiceGrantSource>(RequestsOptionsOf(options_), std::move(for_tesserad),
                                           *options_.clock),
      KeeperOptionsOf(options_));
}

void OnBehalf::Close() {
  std::shared_ptr<TokenKeeper> keeper;
  std::shared_ptr<TokenExchange> exchange;
  {
    MutexLock lock(mu_);
    keeper = keeper_;
    exchange = exchange_;
  }
  if (keeper != nullptr) keeper->Close();
  if (exchange != nullptr) exchange->Close();
}

}  // namespace tessera
