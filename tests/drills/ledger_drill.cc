#include "tests/drills/ledger_drill.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kRenewalLimit = absl::Minutes(1);
constexpr useconds_t kLookEveryMicros = 2'000;

}  // namespace

LedgerDrill::LedgerDrill(const std::string& name, const Servers& servers, int clients) {
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>(absl::StrCat(name, "-", i), servers, pulse_));
  }
}

void LedgerDrill::StartWork() {
  stop_ = false;
  for (const auto& each : clients_) {
    each->thread = std::thread([this, &client = each->client] { client.Work(stop_); });
  }
}

void LedgerDrill::StopWork() {
  stop_ = true;
  for (const auto& each : clients_) {
    if (each->thread.joinable()) each->thread.join();
  }
}

bool LedgerDrill::AwaitRenewals(int more) {
  const int wanted = pulse_.beats() + more;
  const absl::Time limit = SystemClock().Now() + kRenewalLimit;
  while (pulse_.beats() < wanted) {
    if (SystemClock().Now() >= limit) return false;
    usleep(kLookEveryMicros);
  }
  return true;
}

void LedgerDrill::Compare(Depth depth) {
  std::vector<std::thread> threads;
  threads.reserve(clients_.size());
  for (const auto& each : clients_) {
    threads.emplace_back(
        [&each = *each, depth] { each.comparison.Run(each.client.admin_token(), depth); });
  }
  for (std::thread& thread : threads) thread.join();
}

Tally LedgerDrill::tally() const {
  Tally all;
  for (const auto& each : clients_) all += each->client.ledger().tally;
  return all;
}

std::vector<std::string> LedgerDrill::Broken() const {
  std::vector<std::string> all;
  for (const auto& each : clients_) {
    const std::vector<std::string>& broken = each->client.ledger().broken;
    all.insert(all.end(), broken.begin(), broken.end());
  }
  return all;
}

std::string LedgerDrill::Summary() const {
  const Tally sum = tally();
  return absl::StrCat(sum.users, " users, ", sum.grants, " roles, ", sum.logins, " logins, ",
                      sum.renewals, " renewals, ", sum.revocations, " revocations acknowledged; ",
                      sum.open, " answers open (", sum.late, " late); ", Broken().size(), " lost");
}

void ShowProgress(const std::string& what, int done, int all) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (!terminal && done % std::max(1, all / 10) != 0) return;
  std::printf(terminal ? "\r%s %d/%d " : "%s %d/%d\n", what.c_str(), done, all);
  if (terminal && done == all) std::printf("\n");
  std::fflush(stdout);
}

}  // namespace tessera::testing
