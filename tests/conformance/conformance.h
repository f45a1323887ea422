// What the suite of repository rules runs on: every engine, each test on a fresh, empty store.
#ifndef TESSERA_TESTS_CONFORMANCE_CONFORMANCE_H_
#define TESSERA_TESTS_CONFORMANCE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"
#include "tests/base/fake_clock.h"

namespace tessera::storage {

// An empty database of one engine; goes away with all its data.
class TestDatabase {
 public:
  virtual ~TestDatabase() = default;
  // One store at a time: the one before must be gone.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(const Clock& clock) = 0;
};

struct EngineUnderTest {
  std::string name;
  std::function<std::unique_ptr<TestDatabase>()> make;
};

// All engines that this machine can run.
std::vector<EngineUnderTest> Engines();

std::string EngineName(const ::testing::TestParamInfo<EngineUnderTest>& info);

class Conformance : public ::testing::TestWithParam<EngineUnderTest> {
 protected:
  Conformance();

  // Closes the store and opens it again.
  void Reopen();

  // Runs `work`, which must succeed, and commits.
  void Write(Store::Work work);
  absl::Status TryWrite(Store::Work work);
  // Runs `work`, which must succeed, on a snapshot.
  void Read(Store::Work work);

  absl::Time now() const { return clock_.Now(); }

  // Values that no two calls share.
  User NewUser(std::string username);
  Role NewRole(std::string name, std::vector<std::string> audiences = {});
  Session NewSession(const UserId& user);
  Revocation NewRevocation();
  ServiceAccount NewServiceAccount(std::string name);
  ServiceSecret NewSecret(const ServiceId& account);
  // Likewise, and stored.
  User AddUser(std::string username);
  Role AddRole(std::string name, std::vector<std::string> audiences = {});
  Session AddSession(const UserId& user);
  ServiceAccount AddServiceAccount(std::string name);

  testing::FakeClock clock_;
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<Store> store_;
};

// Unwraps what must be there; the test fails otherwise.
template <typename T>
T Must(absl::StatusOr<T> value) {
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : T();
}

template <typename Things>
std::vector<std::string> NamesOf(const Things& things) {
  std::vector<std::string> names;
  for (const auto& thing : things) names.push_back(thing.name);
  return names;
}

// Runs `body(i)` on `count` threads at once.
void OnThreads(int count, const std::function<void(int)>& body);

#define TESSERA_ON_ALL_ENGINES(suite) \
  INSTANTIATE_TEST_SUITE_P(Engines, suite, ::testing::ValuesIn(Engines()), EngineName)

}  // namespace tessera::storage

#endif  // TESSERA_TESTS_CONFORMANCE_CONFORMANCE_H_
