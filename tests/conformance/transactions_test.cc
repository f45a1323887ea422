#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <stdexcept>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

class StoreTest : public Conformance {
 protected:
  bool HasUser(const std::string& name) {
    bool found = false;
    Read([&](Repositories& r) {
      found = Must(r.users.FindByName(name)).has_value();
      return absl::OkStatus();
    });
    return found;
  }
  // A write under way on `thread 0`: `inside` runs once it holds the transaction.
  void WriteSlowly(std::latch& begun, std::latch& go_on) {
    Write([&](Repositories& r) {
      const absl::Status status = r.users.Insert(NewUser("slow"));
      begun.count_down();
      go_on.wait();
      return status;
    });
  }
};

TEST_P(StoreTest, AWorkThatFailsLeavesNothing) {
  const absl::Status status = TryWrite([&](Repositories& r) {
    const User user = NewUser("ada");
    EXPECT_TRUE(r.users.Insert(user).ok());
    EXPECT_TRUE(r.sessions.Insert(NewSession(user.id)).ok());
    EXPECT_TRUE(Must(r.keys.AdvanceVersion(0)));
    return Refusal(absl::StatusCode::kAborted, reason::kEtagMismatch, "no");
  });
  EXPECT_EQ(ReasonOf(status), reason::kEtagMismatch);
  EXPECT_FALSE(HasUser("ada"));
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.keys.Version()), 0);
    EXPECT_EQ(Must(r.sessions.DeleteEnded(absl::InfiniteFuture(), 10)), 0);
    return absl::OkStatus();
  });
}

TEST_P(StoreTest, AWorkThatThrowsIsAnInternalErrorAndLeavesNothing) {
  const absl::Status status = TryWrite([&](Repositories& r) -> absl::Status {
    EXPECT_TRUE(r.users.Insert(NewUser("ada")).ok());
    throw std::runtime_error("secret");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message().find("secret"), absl::string_view::npos);
  EXPECT_FALSE(HasUser("ada"));
  AddUser("grace");
}

TEST_P(StoreTest, AWorkSeesItsOwnWrites) {
  Write([&](Repositories& r) {
    const User user = NewUser("ada");
    EXPECT_TRUE(r.users.Insert(user).ok());
    EXPECT_TRUE(Must(r.users.Find(user.id)).has_value());
    return absl::OkStatus();
  });
}

TEST_P(StoreTest, WhatIsWrittenInAReadIsNotKept) {
  const User user = NewUser("ada");
  const absl::Status ignored = store_->Read(absl::InfiniteFuture(), [&](Repositories& r) {
    static_cast<void>(r.users.Insert(user));
    return absl::OkStatus();
  });
  static_cast<void>(ignored);  // refused or rolled back, as the engine likes
  EXPECT_FALSE(HasUser("ada"));
  AddUser("ada");
}

TEST_P(StoreTest, ReadingEachByItselfSeesTheNewestAndKeepsNoWrite) {
  const User user = NewUser("ada");
  const absl::Status ignored = store_->ReadEach(absl::InfiniteFuture(), [&](Repositories& r) {
    static_cast<void>(r.users.Insert(user));
    return absl::OkStatus();
  });
  static_cast<void>(ignored);  // refused or rolled back, as the engine likes
  EXPECT_FALSE(HasUser("ada"));
  AddUser("ada");
  const absl::Status status = store_->ReadEach(absl::InfiniteFuture(), [&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.FindByName("ada")).has_value());
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(StoreTest, WhatWasAcknowledgedIsThereAfterReopening) {
  const User user = AddUser("ada");
  const Session session = AddSession(user.id);
  Reopen();
  EXPECT_TRUE(HasUser("ada"));
  Read([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Find(session.id)).has_value());
    return absl::OkStatus();
  });
}

TEST_P(StoreTest, AReaderDoesNotWaitForAWriterAndDoesNotSeeWhatIsNotCommitted) {
  std::latch begun(1);
  std::latch go_on(1);
  OnThreads(2, [&](int i) {
    if (i == 0) return WriteSlowly(begun, go_on);
    begun.wait();
    EXPECT_FALSE(HasUser("slow"));
    go_on.count_down();
  });
  EXPECT_TRUE(HasUser("slow"));
}

TEST_P(StoreTest, AReadKeepsOneViewWhileWritesGoOn) {
  for (int i = 0; i < 3; ++i) AddUser("before" + std::to_string(i));
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.users.List(UserId(), 100)).size(), 3u);
    AddUser("meanwhile");
    EXPECT_EQ(Must(r.users.List(UserId(), 100)).size(), 3u);
    EXPECT_FALSE(Must(r.users.FindByName("meanwhile")).has_value());
    return absl::OkStatus();
  });
  EXPECT_TRUE(HasUser("meanwhile"));
}

// A connection that had served a look-up of one row must not go on reading its old view.
TEST_P(StoreTest, EveryReadBeginsWithTheNewestCommittedState) {
  for (int i = 0; i < 20; ++i) {
    AddUser("user" + std::to_string(i));
    EXPECT_TRUE(HasUser("user" + std::to_string(i))) << i;
  }
}

TEST_P(StoreTest, ARefusedWorkDoesNotHurtThoseThatCommitBesideIt) {
  std::atomic<int> wrong = 0;
  OnThreads(32, [&](int i) {
    const bool refuse = i % 2 == 0;
    const absl::Status status = TryWrite([&](Repositories& r) {
      const absl::Status done = r.users.Insert(NewUser("user" + std::to_string(i)));
      return refuse && done.ok() ? absl::CancelledError("no") : done;
    });
    if (status.ok() == refuse) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(HasUser("user" + std::to_string(i)), i % 2 == 1) << i;
}

TEST_P(StoreTest, OfManyWhoTakeOneNameOneGetsItAndTheOthersAreToldSo) {
  std::atomic<int> winners = 0;
  std::atomic<int> taken = 0;
  OnThreads(16, [&](int) {
    const absl::Status status =
        TryWrite([&](Repositories& r) { return r.users.Insert(NewUser("ada")); });
    if (status.ok()) ++winners;
    if (ReasonOf(status) == reason::kUsernameTaken) ++taken;
  });
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(taken, 15);
}

// Login's transaction against one that disables the user: whichever comes second must notice.
TEST_P(StoreTest, ALoginAndADisablingOfTheUserNeverBothSucceedUnnoticed) {
  for (int round = 0; round < 20; ++round) {
    User user = AddUser("user" + std::to_string(round));
    Session session = NewSession(user.id);
    OnThreads(2, [&](int i) {
      Write([&](Repositories& r) {
        if (i == 0) {
          if (!Must(r.users.RecordLogin(user.id, 1, now()))) return absl::OkStatus();
          return r.sessions.Insert(session);
        }
        User disabled = user;
        disabled.state = UserState::kDisabled;
        disabled.version = 2;
        EXPECT_TRUE(Must(r.users.Update(disabled, 1)));
        return r.sessions.RevokeAllOf(user.id, now()).status();
      });
    });
    Read([&](Repositories& r) {
      const auto found = Must(r.sessions.Find(session.id));
      EXPECT_TRUE(!found.has_value() || found->revoked_at.has_value());
      return absl::OkStatus();
    });
  }
}

// Likewise against one that deletes the user, with its sessions.
TEST_P(StoreTest, ALoginAndADeletionOfTheUserBothEndWellAndLeaveNothing) {
  for (int round = 0; round < 20; ++round) {
    const User user = AddUser("user" + std::to_string(round));
    const Session session = NewSession(user.id);
    OnThreads(2, [&](int i) {
      Write([&](Repositories& r) {
        if (i == 1) return r.users.Delete(user.id).status();
        const absl::StatusOr<bool> admitted = r.users.RecordLogin(user.id, 1, now());
        if (!admitted.ok() || !*admitted) return admitted.status();
        return r.sessions.Insert(session);
      });
    });
    Read([&](Repositories& r) {
      EXPECT_FALSE(Must(r.users.Find(user.id)).has_value());
      EXPECT_FALSE(Must(r.sessions.Find(session.id)).has_value());
      return absl::OkStatus();
    });
  }
}

TEST_P(StoreTest, WorkWhoseDeadlineHasPassedDoesNotStart) {
  bool ran = false;
  const auto work = [&](Repositories&) {
    ran = true;
    return absl::OkStatus();
  };
  for (const absl::Status& status :
       {store_->Read(now(), work), store_->Write(Repeat::kIdempotent, now(), work)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable);
  }
  EXPECT_FALSE(ran);
}

TESSERA_ON_ALL_ENGINES(StoreTest);

}  // namespace
}  // namespace tessera::storage
