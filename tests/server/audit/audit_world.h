// An audit trail, real: the engine under test, keys, a chain and its writer.
#ifndef TESSERA_TESTS_SERVER_AUDIT_AUDIT_WORLD_H_
#define TESSERA_TESTS_SERVER_AUDIT_AUDIT_WORLD_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/audit/audit_facade.h"
#include "server/audit/audit_retention.h"
#include "server/audit/auditing_log.h"
#include "server/audit/decision_queue.h"
#include "server/audit/stored_audit_trail.h"
#include "server/auth/key_ring.h"
#include "tests/base/fake_clock.h"
#include "tests/base/recording_log.h"
#include "tests/mariadb/database_under_test.h"
#include "tests/server/auth/auth_world.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::server {

inline constexpr absl::Duration kInTime = absl::Seconds(60);

// Each that is not empty must fit.
inline storage::AuditFilter Of(std::string event, std::string actor = "", std::string target = "") {
  storage::AuditFilter filter;
  filter.event = std::move(event);
  filter.actor = std::move(actor);
  filter.target = std::move(target);
  return filter;
}

// A server's part of the trail. On SQLite one at a time.
struct AuditReplica {
  AuditReplica(testing::DatabaseUnderTest& database, testing::FakeClock& the_clock,
               const std::string& id, const std::string& config = "")
      : clock(the_clock),
        direct(Require(database.Open(clock, plain_log))),
        store(*direct, clock),
        keys(Require(KeyRing::Open(*direct, MasterKeysOf("one master key"), Algorithm::kEs256,
                                   clock, plain_log))),
        trail(Require(StoredAuditTrail::Open({id, config}, {store, *keys, queue, clock, log}))) {}

  // An administrative event in a transaction of its own; `end` is what the transaction ends with.
  absl::Status Do(const AuditEntry& entry, const absl::Status& end = absl::OkStatus()) {
    return store.Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                       [&](storage::Repositories& in) -> absl::Status {
                         const absl::Status appended = trail->AppendIn(in, call, entry);
                         return appended.ok() ? end : appended;
                       });
  }
  // All pages of them, the newest first.
  std::vector<storage::AuditEvent> Events(const storage::AuditFilter& filter = {}) {
    std::vector<storage::AuditEvent> all;
    std::string token;
    do {
      AuditFacade::Page page = Require(facade.List(call, filter, 1000, token));
      std::move(page.events.begin(), page.events.end(), std::back_inserter(all));
      token = std::move(page.next_page_token);
    } while (!token.empty());
    return all;
  }
  // Their names, the oldest first.
  std::vector<std::string> Names(const storage::AuditFilter& filter = {}) {
    std::vector<std::string> names;
    for (const storage::AuditEvent& event : Events(filter))
      names.insert(names.begin(), event.event);
    return names;
  }
  AuditFacade::Checked Verify() {
    AuditFacade::Checked all = Require(facade.Verify(call, ""));
    while (!all.next_page_token.empty()) {
      AuditFacade::Checked part = Require(facade.Verify(call, all.next_page_token));
      all.count += part.count;
      all.faults.insert(all.faults.end(), part.faults.begin(), part.faults.end());
      all.next_page_token = part.next_page_token;
    }
    return all;
  }
  // `replica sequence` of each fault.
  std::vector<std::string> Faults() {
    std::vector<std::string> places;
    for (const AuditFault& fault : Verify().faults) {
      places.push_back(fault.replica_id + " " + std::to_string(fault.sequence));
    }
    return places;
  }

  testing::FakeClock& clock;
  testing::RecordingLog plain_log;
  DecisionQueue queue{clock};
  AuditingLog log{plain_log, queue, clock};
  std::unique_ptr<storage::Store> direct;
  WatchedStore store;
  std::unique_ptr<KeyRing> keys;
  std::unique_ptr<StoredAuditTrail> trail;
  AuditFacade facade{AuditFacade::Parts{store, *keys}};
  CallInfo call{"192.0.2.7", absl::InfiniteFuture(), {}, "", "192.0.2.0", "call-1"};
};

class AuditTest : public ::testing::Test {
 protected:
  void SetUp() override { replica_ = NewReplica("rep_a"); }

  std::unique_ptr<AuditReplica> NewReplica(const std::string& id, const std::string& config = "") {
    return std::make_unique<AuditReplica>(database_, clock_, id, config);
  }
  // What somebody does who can write to the database.
  void Sql(const std::string& statement) {
    if (database_.mariadb() != nullptr) {
      database_.mariadb()->Sql(statement);
    } else {
      testing::RawSqlite(database_.path()).Run(statement);
    }
  }

  testing::DatabaseUnderTest database_;
  testing::FakeClock clock_;
  std::unique_ptr<AuditReplica> replica_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUDIT_AUDIT_WORLD_H_
