#include "tests/drills/ledger_comparison.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tests/drills/ledger_client.h"

namespace tessera::testing {
namespace {

constexpr useconds_t kPauseMicros = 20'000;
// Of what was compared before, so many once more.
constexpr size_t kSample = 5;
// One live session in so many is given up for showing a token that is too old.
constexpr uint64_t kShowOldOneIn = 4;

}  // namespace

LedgerComparison::LedgerComparison(Ledger& ledger, const Servers& servers,
                                   absl::Duration hears_within)
    : ledger_(ledger), servers_(servers), hears_within_(hears_within) {}

void LedgerComparison::Run(const std::string& admin_token, Depth depth) {
  admin_token_ = admin_token;
  depth_ = depth;
  SettleNames();
  SettleSessions();
  ForSome(ledger_.users, seen_users_, [this](const Ledger::User& user) { CheckUser(user); });
  for (Ledger::Session& session : ledger_.live) CheckLive(session);
  std::erase_if(ledger_.live, [](const Ledger::Session& each) { return each.refresh.empty(); });
  ForSome(ledger_.ended, seen_ended_, [this](const Ledger::Ended& ended) { CheckEnded(ended); });
  ForSome(ledger_.revoked, seen_revoked_, [this](const std::string& token) {
    for (size_t i = 0; i < servers_.size(); ++i) ExpectInactive(i, token);
  });
}

template <typename Entries, typename Check>
void LedgerComparison::ForSome(Entries& entries, size_t& seen, Check check) {
  const size_t before = std::exchange(seen, entries.size());
  if (depth_ == Depth::kAll) {
    for (auto& entry : entries) check(entry);
    return;
  }
  for (size_t i = before; i < entries.size(); ++i) check(entries[i]);
  for (size_t i = 0; i < std::min(kSample, before); ++i) {
    check(entries[static_cast<size_t>(RandomBelow(before))]);
  }
}

void LedgerComparison::CheckUser(const Ledger::User& user) {
  std::string id;
  Answer answer =
      ClearAny([&](const Calls& calls) { return calls.FindUser(admin_token_, user.name, id); });
  if (!answer.done() || id != user.id) Broken("an acknowledged user is lost", answer);
  if (!user.holds_role) return;
  bool holds = false;
  answer = ClearAny([&](const Calls& calls) {
    return calls.HoldsRole(admin_token_, user.id, kDrillRole, holds);
  });
  if (!answer.done() || !holds) Broken("an acknowledged role is lost", answer);
}

// A user who was asked for without an answer is there or not, and not half there.
void LedgerComparison::SettleNames() {
  for (const std::string& name : std::exchange(ledger_.open_names, {})) {
    std::string id;
    const Answer found =
        ClearAny([&](const Calls& calls) { return calls.FindUser(admin_token_, name, id); });
    if (found.done()) {
      ledger_.users.push_back({id, name, false});
    } else if (found.reason() != "USER_NOT_FOUND") {
      Broken("a user in doubt", found);
    }
  }
}

// Either way is right, but it stays that way.
void LedgerComparison::SettleSessions() {
  for (Ledger::Session& session : std::exchange(ledger_.open, {})) {
    v1::TokenGrant grant;
    const Answer answer =
        ClearAny([&](const Calls& calls) { return calls.Renew(session.refresh, grant); });
    if (answer.done()) {
      session.older.push_back(std::exchange(session.refresh, grant.refresh_token()));
      session.access = grant.access_token();
      session.access_open = false;
      ledger_.live.push_back(std::move(session));
    } else {
      if (answer.reason() != "SESSION_ENDED") Broken("a session in doubt", answer);
      ledger_.ended.push_back({std::move(session.access), std::move(session.refresh)});
    }
  }
}

void LedgerComparison::CheckLive(Ledger::Session& session) {
  if (!session.access_open) {
    v1::ValidateTokenResponse known;
    const Answer answer =
        ClearAny([&](const Calls& calls) { return calls.Validate(session.access, known); });
    if (!known.active()) Broken("an access token that nobody revoked is refused", answer);
  }
  v1::TokenGrant next, again;
  Answer answer = ClearAny([&](const Calls& calls) { return calls.Renew(session.refresh, next); });
  if (!answer.done()) {
    session.refresh.clear();
    return Broken("the last refresh token is refused", answer);
  }
  answer = ClearAny([&](const Calls& calls) { return calls.Renew(session.refresh, again); });
  if (!answer.done() || again.refresh_token() != next.refresh_token()) {
    Broken("the same again within the grace is refused", answer);
  }
  session.older.push_back(std::exchange(session.refresh, next.refresh_token()));
  session.access = next.access_token();
  session.access_open = false;
  if (RandomBelow(kShowOldOneIn) == 0) ShowOldToken(session);
}

// The oldest one is at least two steps behind, so it is reuse, and that ends the session for good.
void LedgerComparison::ShowOldToken(Ledger::Session& session) {
  if (session.older.size() < 2) return;
  v1::TokenGrant none;
  const Answer answer =
      ClearAny([&](const Calls& calls) { return calls.Renew(session.older.front(), none); });
  // A first answer that was lost may have ended the session already.
  if (answer.reason() != "REFRESH_REUSED" && answer.reason() != "SESSION_ENDED") {
    Broken("a refresh token that was replaced twice is good", answer);
  }
  ledger_.ended.push_back({std::move(session.access), std::exchange(session.refresh, "")});
}

void LedgerComparison::CheckEnded(const Ledger::Ended& ended) {
  for (size_t i = 0; i < servers_.size(); ++i) {
    ExpectInactive(i, ended.access);
    v1::TokenGrant grant;
    const Answer answer =
        Clear(i, [&](const Calls& calls) { return calls.Renew(ended.refresh, grant); });
    if (answer.reason() != "SESSION_ENDED") Broken("an ended session goes on", answer);
  }
}

void LedgerComparison::ExpectInactive(size_t server, const std::string& token) {
  const absl::Time limit = SystemClock().Now() + hears_within_;
  v1::ValidateTokenResponse known;
  Answer answer;
  do {
    answer = Clear(server, [&](const Calls& calls) { return calls.Validate(token, known); });
    if (answer.done() && !known.active()) return;
    usleep(kPauseMicros);
  } while (answer.done() && SystemClock().Now() < limit);
  Broken("a revoked token is active", answer);
}

Answer LedgerComparison::Clear(size_t server, Ask ask) {
  return AskUntilClear([&] { return ask(*servers_[server]); });
}

Answer LedgerComparison::ClearAny(Ask ask) {
  return Clear(static_cast<size_t>(RandomBelow(servers_.size())), ask);
}

void LedgerComparison::Broken(const std::string& what, const Answer& answer) {
  ledger_.broken.push_back(absl::StrCat(what, ": ", answer.Text()));
}

}  // namespace tessera::testing
