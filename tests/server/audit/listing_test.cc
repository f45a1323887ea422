// Reading the audit trail.
#include <gmock/gmock.h>

#include "tests/server/audit/audit_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListingTest : public AuditTest {
 protected:
  void Add(const std::string& event, const std::string& actor, const std::string& target,
           bool done = true) {
    clock_.Advance(absl::Seconds(1));
    ASSERT_TRUE(replica_->Do({event, actor, target, done, done ? "" : "not_allowed"}).ok());
  }
  void AddSome() {
    Add("role.created", "usr_1", "r1");
    Add("role.granted", "usr_1", "usr_2");
    Add("role.granted", "usr_3", "usr_2", false);
    Add("group.created", "usr_3", "g1");
  }
};

TEST_F(ListingTest, EachFilterThatIsSetMustFit) {
  AddSome();
  using Filter = storage::AuditFilter;
  EXPECT_THAT(replica_->Names(Of("role.")),
              ElementsAre("role.created", "role.granted", "role.granted"));
  EXPECT_THAT(replica_->Names(Of("role")), IsEmpty());  // a name, not a beginning
  EXPECT_THAT(replica_->Names(Of("role.granted", "usr_3")), ElementsAre("role.granted"));
  EXPECT_THAT(replica_->Names(Of("", "usr_3")), ElementsAre("role.granted", "group.created"));
  EXPECT_THAT(replica_->Names(Of("", "", "usr_2")), ElementsAre("role.granted", "role.granted"));
  EXPECT_THAT(replica_->Names(Of("", "", "USR_2")), IsEmpty());
  Filter refused;
  refused.done = false;
  EXPECT_THAT(replica_->Names(refused), ElementsAre("role.granted"));
  Filter by_call;
  by_call.correlation_id = "call-1";
  by_call.source = "192.0.2.0";
  EXPECT_EQ(replica_->Names(by_call).size(), 4u);
  by_call.source = "192.0.2.7";
  EXPECT_THAT(replica_->Names(by_call), IsEmpty());
  Filter times;
  times.start = clock_.Now() - absl::Seconds(1);
  times.end = clock_.Now();  // that instant not included
  EXPECT_THAT(replica_->Names(times), ElementsAre("role.granted"));
}

// The newest first; what is added meanwhile changes no later page, equal times included.
TEST_F(ListingTest, PagesAreStableUnderInserts) {
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(replica_->Do({"role.created", "", "r" + std::to_string(i)}).ok());
  }
  std::vector<std::string> seen;
  std::string token;
  do {
    const AuditFacade::Page page =
        Require(replica_->facade.List(replica_->call, Of("role."), 3, token));
    for (const storage::AuditEvent& event : page.events) seen.push_back(event.target);
    token = page.next_page_token;
    ASSERT_TRUE(replica_->Do({"role.created", "", "later"}).ok());
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre("r6", "r5", "r4", "r3", "r2", "r1", "r0"));
}

TEST_F(ListingTest, AForeignPageTokenIsRefused) {
  for (const char* token : {"x", "MXVhYmM", "MWFhYmM", "MWEuLi4", "MWExLnguemc"}) {
    EXPECT_EQ(Reason(replica_->facade.List(replica_->call, {}, 1, token)), "FIELD_INVALID");
    EXPECT_EQ(Reason(replica_->facade.Verify(replica_->call, token)), "FIELD_INVALID");
  }
  EXPECT_EQ(Reason(replica_->facade.List(replica_->call, {}, -1, "")), "FIELD_INVALID");
}

}  // namespace
}  // namespace tessera::server
