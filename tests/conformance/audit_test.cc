// The audit trail's repository.
#include <gmock/gmock.h>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AuditRepositoryTest : public Conformance {
 protected:
  AuditChain NewChain(std::string id) {
    AuditChain chain;
    chain.replica_id = std::move(id);
    chain.sequence = 7'000'000'000;
    chain.kid = "k1";
    chain.mac = std::string(32, '\xff');
    chain.tag = std::string(32, '\0');
    chain.floor_sequence = 6'000'000'000;
    chain.floor_kid = "k2";
    chain.floor_mac = std::string(32, '\x01');
    chain.floor_tag = std::string(32, '\x80');
    chain.updated_at = now();
    return chain;
  }
  AuditEvent NewEvent(std::string replica, int64_t sequence) {
    AuditEvent event;
    event.replica_id = std::move(replica);
    event.sequence = sequence;
    event.at = now() + absl::Seconds(sequence);
    event.event = "role.granted";
    event.actor = std::string(kMaxAuditName, 'a');
    event.target = "O'Brien \\ %";
    event.source = std::string(kMaxAuditText, ':');
    event.done = false;
    event.reason = "why";
    event.correlation_id = "Call-1";
    event.details = R"({"role":"r"})";
    event.count = 5'000'000'000;
    event.kid = "k1";
    event.mac = std::string("\0\xff\n", 3) + std::string(29, 'm');
    return event;
  }
  void Append(const std::vector<AuditEvent>& events) {
    Write([&](Repositories& r) { return r.audit.Append(events); });
  }
  std::vector<int64_t> ChainOf(const std::string& replica, int64_t after, int limit) {
    std::vector<int64_t> places;
    Read([&](Repositories& r) {
      for (const AuditEvent& event : Must(r.audit.ListChain(replica, after, limit))) {
        places.push_back(event.sequence);
      }
      return absl::OkStatus();
    });
    return places;
  }
  // `replica place`.
  std::vector<std::string> List(const AuditFilter& filter, const AuditPosition& from = {},
                                int limit = 100) {
    std::vector<std::string> found;
    Read([&](Repositories& r) {
      for (const AuditEvent& event : Must(r.audit.List(filter, from, limit))) {
        found.push_back(event.replica_id + " " + std::to_string(event.sequence));
      }
      return absl::OkStatus();
    });
    return found;
  }
};

TEST_P(AuditRepositoryTest, AnEventComesBackAsItWasWritten) {
  const AuditEvent written = NewEvent("rep_a", 3);
  Append({written});
  Read([&](Repositories& r) {
    const std::vector<AuditEvent> found = Must(r.audit.ListChain("rep_a", 0, 10));
    EXPECT_EQ(found.size(), 1u);
    if (found.empty()) return absl::OkStatus();
    const AuditEvent& event = found[0];
    EXPECT_EQ(event.replica_id, written.replica_id);
    EXPECT_EQ(event.sequence, written.sequence);
    EXPECT_EQ(event.at, written.at);
    EXPECT_EQ(event.event, written.event);
    EXPECT_EQ(event.actor, written.actor);
    EXPECT_EQ(event.target, written.target);
    EXPECT_EQ(event.source, written.source);
    EXPECT_EQ(event.done, written.done);
    EXPECT_EQ(event.reason, written.reason);
    EXPECT_EQ(event.correlation_id, written.correlation_id);
    EXPECT_EQ(event.details, written.details);
    EXPECT_EQ(event.count, written.count);
    EXPECT_EQ(event.kid, written.kid);
    EXPECT_EQ(event.mac, written.mac);
    return absl::OkStatus();
  });
}

TEST_P(AuditRepositoryTest, ManyAreAppendedAtOnceAndReadInTheirOrder) {
  std::vector<AuditEvent> events;
  for (int i = 1; i <= 45; ++i) events.push_back(NewEvent("rep_a", i));
  Append(events);
  Append({});
  EXPECT_EQ(ChainOf("rep_a", 0, 100).size(), 45u);
  EXPECT_THAT(ChainOf("rep_a", 42, 2), ElementsAre(43, 44));
  EXPECT_THAT(ChainOf("REP_A", 0, 2), IsEmpty());
}

TEST_P(AuditRepositoryTest, NoPlaceIsTakenTwice) {
  Append({NewEvent("rep_a", 1)});
  EXPECT_FALSE(
      TryWrite([&](Repositories& r) { return r.audit.Append({NewEvent("rep_a", 1)}); }).ok());
  Append({NewEvent("rep_b", 1)});
}

TEST_P(AuditRepositoryTest, TheOldestGoUpToThePlaceThatIsNamed) {
  std::vector<AuditEvent> events;
  for (int i = 1; i <= 250; ++i) events.push_back(NewEvent("rep_a", i));
  Append(events);
  Append({NewEvent("rep_b", 1)});
  Write([](Repositories& r) { return r.audit.DeleteThrough("rep_a", 248); });
  EXPECT_THAT(ChainOf("rep_a", 0, 100), ElementsAre(249, 250));
  EXPECT_THAT(ChainOf("rep_b", 0, 100), ElementsAre(1));
}

TEST_P(AuditRepositoryTest, AChainComesBackAsItWasWritten) {
  const AuditChain written = NewChain("rep_a");
  Write([&](Repositories& r) { return r.audit.InsertChain(written); });
  Write([&](Repositories& r) {
    const auto chain = Must(r.audit.TakeChain("rep_a"));
    EXPECT_TRUE(chain.has_value());
    if (!chain.has_value()) return absl::OkStatus();
    EXPECT_EQ(chain->sequence, written.sequence);
    EXPECT_EQ(chain->kid, written.kid);
    EXPECT_EQ(chain->mac, written.mac);
    EXPECT_EQ(chain->tag, written.tag);
    EXPECT_EQ(chain->floor_sequence, written.floor_sequence);
    EXPECT_EQ(chain->floor_kid, written.floor_kid);
    EXPECT_EQ(chain->floor_mac, written.floor_mac);
    EXPECT_EQ(chain->floor_tag, written.floor_tag);
    EXPECT_EQ(chain->updated_at, written.updated_at);
    AuditChain next = *chain;
    ++next.sequence;
    return r.audit.UpdateChain(next);
  });
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.audit.FindChain("rep_a"))->sequence, written.sequence + 1);
    EXPECT_FALSE(Must(r.audit.FindChain("rep_b")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(AuditRepositoryTest, ChainsAreListedBehindAnIdInOrder) {
  for (const char* id : {"rep_b", "rep_a", "rep_c"}) {
    Write([&](Repositories& r) { return r.audit.InsertChain(NewChain(id)); });
  }
  EXPECT_TRUE(absl::IsAlreadyExists(
      TryWrite([&](Repositories& r) { return r.audit.InsertChain(NewChain("rep_a")); })));
  Write([](Repositories& r) { return r.audit.DeleteChain("rep_b"); });
  Read([](Repositories& r) {
    std::vector<std::string> ids;
    for (const AuditChain& chain : Must(r.audit.ListChains("", 10)))
      ids.push_back(chain.replica_id);
    EXPECT_THAT(ids, ElementsAre("rep_a", "rep_c"));
    EXPECT_EQ(Must(r.audit.ListChains("rep_a", 1)).front().replica_id, "rep_c");
    EXPECT_THAT(Must(r.audit.ListChains("rep_c", 1)), IsEmpty());
    return absl::OkStatus();
  });
}

// Whoever takes it first goes first, on the engines where several write at once.
TEST_P(AuditRepositoryTest, NobodyElseWritesToAChainThatIsTaken) {
  AuditChain chain = NewChain("rep_a");
  chain.sequence = 0;
  Write([&](Repositories& r) { return r.audit.InsertChain(chain); });
  OnThreads(8, [&](int) {
    for (int i = 0; i < 5; ++i) {
      Write([&](Repositories& r) {
        const auto mine = r.audit.TakeChain("rep_a");
        if (!mine.ok()) return mine.status();
        AuditChain next = **mine;
        ++next.sequence;
        const absl::Status appended = r.audit.Append({NewEvent("rep_a", next.sequence)});
        return appended.ok() ? r.audit.UpdateChain(next) : appended;
      });
    }
  });
  EXPECT_EQ(ChainOf("rep_a", 0, 100).size(), 40u);
}

TEST_P(AuditRepositoryTest, ListsTheNewestFirstBehindAPlace) {
  AuditEvent twin = NewEvent("rep_b", 1);
  twin.at = NewEvent("rep_a", 2).at;
  Append({NewEvent("rep_a", 1), NewEvent("rep_a", 2), NewEvent("rep_a", 3), twin});
  EXPECT_THAT(List({}), ElementsAre("rep_a 3", "rep_b 1", "rep_a 2", "rep_a 1"));
  EXPECT_THAT(List({}, {twin.at, "rep_b", 1}), ElementsAre("rep_a 2", "rep_a 1"));
  EXPECT_THAT(List({}, {twin.at, "rep_a", 2}), ElementsAre("rep_a 1"));
  EXPECT_THAT(List({}, {}, 2), ElementsAre("rep_a 3", "rep_b 1"));
}

TEST_P(AuditRepositoryTest, EveryFilterThatIsSetMustFit) {
  AuditEvent other = NewEvent("rep_a", 2);
  other.event = "login.refused";
  other.actor = "usr_1";
  other.target = "usr_2";
  other.source = "10.0.0.1";
  other.correlation_id = "call-1";
  other.done = true;
  Append({NewEvent("rep_a", 1), other});
  const auto with = [this](const auto& set) {
    AuditFilter filter;
    set(filter);
    return List(filter);
  };
  EXPECT_THAT(with([](AuditFilter& f) { f.event = "login."; }), ElementsAre("rep_a 2"));
  EXPECT_THAT(with([](AuditFilter& f) { f.event = "login"; }), IsEmpty());
  EXPECT_THAT(with([](AuditFilter& f) { f.actor = "usr_1"; }), ElementsAre("rep_a 2"));
  EXPECT_THAT(with([](AuditFilter& f) { f.target = "O'Brien \\ %"; }), ElementsAre("rep_a 1"));
  EXPECT_THAT(with([](AuditFilter& f) { f.source = "10.0.0.1"; }), ElementsAre("rep_a 2"));
  // Not call-1.
  EXPECT_THAT(with([](AuditFilter& f) { f.correlation_id = "Call-1"; }), ElementsAre("rep_a 1"));
  EXPECT_THAT(with([](AuditFilter& f) { f.done = false; }), ElementsAre("rep_a 1"));
  AuditFilter times;
  times.start = other.at;
  EXPECT_THAT(List(times), ElementsAre("rep_a 2"));
  times.start = absl::InfinitePast();
  times.end = other.at;
  EXPECT_THAT(List(times), ElementsAre("rep_a 1"));
}

TEST_P(AuditRepositoryTest, FindsWhoHasEvents) {
  Append({NewEvent("rep_b", 1), NewEvent("rep_a", 1), NewEvent("rep_a", 2)});
  Read([](Repositories& r) {
    EXPECT_EQ(Must(r.audit.NextWithEvents("")), "rep_a");
    EXPECT_EQ(Must(r.audit.NextWithEvents("rep_a")), "rep_b");
    EXPECT_EQ(Must(r.audit.NextWithEvents("rep_b")), "");
    return absl::OkStatus();
  });
}

TEST_P(AuditRepositoryTest, TheRegisterIsEmptyAtFirstAndKeepsWhatItIsGiven) {
  Read([](Repositories& r) {
    const AuditRegister empty = Must(r.audit.ReadRegister());
    EXPECT_EQ(empty.chains + empty.kid + empty.tag + empty.config, "");
    return absl::OkStatus();
  });
  const AuditRegister given{std::string(32, '\0'), "k1", std::string(32, '\xfe'),
                            "[a]\nb = \"c\"\n"};
  Write([&](Repositories& r) {
    Must(r.audit.TakeRegister());
    return r.audit.UpdateRegister(given);
  });
  Read([&](Repositories& r) {
    const AuditRegister kept = Must(r.audit.ReadRegister());
    EXPECT_EQ(kept.chains, given.chains);
    EXPECT_EQ(kept.kid, given.kid);
    EXPECT_EQ(kept.tag, given.tag);
    EXPECT_EQ(kept.config, given.config);
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(AuditRepositoryTest);

}  // namespace
}  // namespace tessera::storage
