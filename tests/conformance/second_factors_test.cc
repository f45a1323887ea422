#include <gmock/gmock.h>

#include <atomic>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SecondFactorRepositoryTest : public Conformance {
 protected:
  SecondFactor FactorOf(const UserId& user, std::string sealed = std::string("\0\xff sealed", 9)) {
    SecondFactor factor;
    factor.user_id = user;
    factor.algorithm = "SHA256";
    factor.digits = 8;
    factor.period_seconds = 60;
    factor.sealed = std::move(sealed);
    factor.seal_kid = "seal-1";
    factor.created_at = now();
    return factor;
  }
  std::optional<SecondFactor> Find(const UserId& user) {
    std::optional<SecondFactor> factor;
    Read([&](Repositories& r) {
      factor = Must(r.factors.Find(user));
      return absl::OkStatus();
    });
    return factor;
  }
  void Offer(const SecondFactor& factor) {
    Write([&](Repositories& r) { return r.factors.Offer(factor); });
  }
  void Enroll(const UserId& user, int64_t step = 100) {
    const SecondFactor factor = FactorOf(user);
    Write([&](Repositories& r) {
      EXPECT_TRUE(r.factors.Offer(factor).ok());
      EXPECT_TRUE(Must(r.factors.Confirm(user, factor.sealed, step)));
      return absl::OkStatus();
    });
  }
  bool IsEnrolled(const UserId& user) {
    bool enrolled = false;
    Read([&](Repositories& r) {
      enrolled = Must(r.users.Find(user))->totp_enrolled;
      return absl::OkStatus();
    });
    return enrolled;
  }
  std::vector<RecoveryCode> Codes(const UserId& user) {
    std::vector<RecoveryCode> codes;
    Read([&](Repositories& r) {
      codes = Must(r.factors.Codes(user));
      return absl::OkStatus();
    });
    return codes;
  }
};

std::vector<RecoveryCode> CodesNamed(const std::string& letters) {
  std::vector<RecoveryCode> codes;
  for (const char letter : letters) codes.push_back({std::string(32, letter), "hash-1"});
  return codes;
}

TEST_P(SecondFactorRepositoryTest, FindsWhatWasOffered) {
  const User ada = AddUser("ada");
  const SecondFactor offered = FactorOf(ada.id);
  EXPECT_FALSE(Find(ada.id).has_value());
  Offer(offered);
  const auto found = Find(ada.id);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user_id, ada.id);
  EXPECT_FALSE(found->confirmed);
  EXPECT_EQ(found->algorithm, "SHA256");
  EXPECT_EQ(found->digits, 8);
  EXPECT_EQ(found->period_seconds, 60);
  EXPECT_EQ(found->sealed, offered.sealed);
  EXPECT_EQ(found->seal_kid, "seal-1");
  EXPECT_EQ(found->last_step, 0);
  EXPECT_EQ(found->created_at, offered.created_at);
}

TEST_P(SecondFactorRepositoryTest, AnotherOfferTakesThePlaceOfOneThatWaits) {
  const User ada = AddUser("ada");
  Offer(FactorOf(ada.id, "first"));
  Offer(FactorOf(ada.id, "second"));
  EXPECT_EQ(Find(ada.id)->sealed, "second");
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.factors.Confirm(ada.id, "first", 1)));
    EXPECT_TRUE(Must(r.factors.Confirm(ada.id, "second", 1)));
    return absl::OkStatus();
  });
}

TEST_P(SecondFactorRepositoryTest, AConfirmedOneIsNotReplaced) {
  const User ada = AddUser("ada");
  Enroll(ada.id);
  const absl::Status refused =
      TryWrite([&](Repositories& r) { return r.factors.Offer(FactorOf(ada.id, "other")); });
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), reason::kTotpEnrolled);
  EXPECT_NE(Find(ada.id)->sealed, "other");
}

TEST_P(SecondFactorRepositoryTest, NobodyHasOneWhoIsNotThere) {
  const UserId nobody = NewUser("nobody").id;
  const absl::Status offered =
      TryWrite([&](Repositories& r) { return r.factors.Offer(FactorOf(nobody)); });
  EXPECT_EQ(ReasonOf(offered), reason::kUserNotFound);
  const absl::Status codes =
      TryWrite([&](Repositories& r) { return r.factors.ReplaceCodes(nobody, CodesNamed("a")); });
  EXPECT_EQ(ReasonOf(codes), reason::kUserNotFound);
}

// What a login asks is whether there is a confirmed one.
TEST_P(SecondFactorRepositoryTest, AUserIsEnrolledFromTheConfirmationOn) {
  const User ada = AddUser("ada");
  const User bob = AddUser("bob");
  EXPECT_FALSE(IsEnrolled(ada.id));
  Offer(FactorOf(ada.id));
  EXPECT_FALSE(IsEnrolled(ada.id));
  const std::string sealed = FactorOf(ada.id).sealed;
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.factors.Confirm(ada.id, sealed, 5)));
    EXPECT_FALSE(Must(r.factors.Confirm(ada.id, sealed, 6)));
    return absl::OkStatus();
  });
  EXPECT_TRUE(IsEnrolled(ada.id));
  EXPECT_FALSE(IsEnrolled(bob.id));
  EXPECT_EQ(Find(ada.id)->last_step, 5);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.factors.Delete(ada.id)));
    return absl::OkStatus();
  });
  EXPECT_FALSE(IsEnrolled(ada.id));
}

TEST_P(SecondFactorRepositoryTest, AStepIsUsedOnceAndNoneBeforeItAfterwards) {
  const User ada = AddUser("ada");
  Enroll(ada.id, 100);
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, 99)));
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, 100)));
    EXPECT_TRUE(Must(r.factors.UseStep(ada.id, 102)));
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, 102)));
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, 101)));
    EXPECT_TRUE(Must(r.factors.UseStep(ada.id, 103)));
    return absl::OkStatus();
  });
}

TEST_P(SecondFactorRepositoryTest, OneThatWaitsHasNoStepsToUse) {
  const User ada = AddUser("ada");
  Offer(FactorOf(ada.id));
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, 100)));
    return absl::OkStatus();
  });
}

TEST_P(SecondFactorRepositoryTest, OfManyWhoUseTheSameStepAtOnceOneSucceeds) {
  const User ada = AddUser("ada");
  Enroll(ada.id, 1);
  std::atomic<int> used{0};
  OnThreads(8, [&](int) {
    bool mine = false;
    const absl::Status done =
        store_->Write(Repeat::kOnce, absl::InfiniteFuture(), [&](Repositories& r) -> absl::Status {
          const auto step = r.factors.UseStep(ada.id, 7);
          mine = step.ok() && *step;
          return step.status();
        });
    EXPECT_TRUE(done.ok()) << done;
    if (done.ok() && mine) ++used;
  });
  EXPECT_EQ(used, 1);
}

// After a restoration: what was used behind the backup is used up.
TEST_P(SecondFactorRepositoryTest, TheStepsUntilNowAreUsedUpInBatches) {
  const User ada = AddUser("ada");
  const User bob = AddUser("bob");
  const User eve = AddUser("eve");
  const User joe = AddUser("joe");
  const int64_t step = absl::ToUnixSeconds(now()) / 60;
  Enroll(ada.id);
  Enroll(bob.id, step - 1);
  Enroll(eve.id, step + 1);
  Offer(FactorOf(joe.id));
  std::vector<int64_t> batches;
  do {
    Write([&](Repositories& r) {
      batches.push_back(Must(r.factors.UseStepsUntil(now(), 1)));
      return absl::OkStatus();
    });
  } while (batches.back() > 0 && batches.size() < 10);
  EXPECT_THAT(batches, ElementsAre(1, 1, 0));
  EXPECT_EQ(Find(ada.id)->last_step, step);
  EXPECT_EQ(Find(bob.id)->last_step, step);
  EXPECT_EQ(Find(eve.id)->last_step, step + 1);
  EXPECT_EQ(Find(joe.id)->last_step, 0);
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.factors.UseStep(ada.id, step)));
    EXPECT_TRUE(Must(r.factors.UseStep(ada.id, step + 1)));
    return absl::OkStatus();
  });
}

TEST_P(SecondFactorRepositoryTest, CodesReplaceEachOtherAndAreUsedOnce) {
  const User ada = AddUser("ada");
  const User bob = AddUser("bob");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.factors.ReplaceCodes(ada.id, CodesNamed("abc")).ok());
    return r.factors.ReplaceCodes(bob.id, CodesNamed("a"));
  });
  EXPECT_THAT(Codes(ada.id), SizeIs(3));
  EXPECT_EQ(Codes(ada.id).front().hash.size(), 32u);
  EXPECT_EQ(Codes(ada.id).front().hash_kid, "hash-1");
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.factors.UseCode(ada.id, std::string(32, 'a'))));
    EXPECT_FALSE(Must(r.factors.UseCode(ada.id, std::string(32, 'a'))));
    EXPECT_FALSE(Must(r.factors.UseCode(ada.id, std::string(32, 'z'))));
    return absl::OkStatus();
  });
  EXPECT_THAT(Codes(ada.id), SizeIs(2));
  EXPECT_THAT(Codes(bob.id), SizeIs(1));
  Write([&](Repositories& r) { return r.factors.ReplaceCodes(ada.id, CodesNamed("xy")); });
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.factors.UseCode(ada.id, std::string(32, 'b'))));
    EXPECT_TRUE(Must(r.factors.UseCode(ada.id, std::string(32, 'x'))));
    return absl::OkStatus();
  });
}

TEST_P(SecondFactorRepositoryTest, DeletingTakesTheCodesAlong) {
  const User ada = AddUser("ada");
  Enroll(ada.id);
  Write([&](Repositories& r) { return r.factors.ReplaceCodes(ada.id, CodesNamed("abc")); });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.factors.Delete(ada.id)));
    EXPECT_FALSE(Must(r.factors.Delete(ada.id)));
    return absl::OkStatus();
  });
  EXPECT_THAT(Codes(ada.id), IsEmpty());
  Offer(FactorOf(ada.id));  // it may begin anew
}

TEST_P(SecondFactorRepositoryTest, GoesWithItsUser) {
  const User ada = AddUser("ada");
  Enroll(ada.id);
  Write([&](Repositories& r) { return r.factors.ReplaceCodes(ada.id, CodesNamed("abc")); });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Delete(ada.id)));
    return absl::OkStatus();
  });
  EXPECT_FALSE(Find(ada.id).has_value());
  EXPECT_THAT(Codes(ada.id), IsEmpty());
}

TESSERA_ON_ALL_ENGINES(SecondFactorRepositoryTest);

}  // namespace
}  // namespace tessera::storage
