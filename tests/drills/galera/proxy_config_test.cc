// What is cheap to know of the cluster's proxy without a cluster.
#include <gtest/gtest.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/drills/galera/cluster.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(60);

TEST(ProxyConfig, HaproxyTakesItWithoutAWarning) {
  if (!IsInPath("haproxy")) {
    std::cerr << "NOT TESTED: haproxy is not installed\n";
    GTEST_SKIP();
  }
  const TemporaryFolder folder;
  const ClusterPorts ports{20001, 20002, 20003, 20004, 20005};
  const std::string path = folder.Write(
      "haproxy.cfg",
      ProxyConfig({"127.0.0.11", "127.0.0.12", "127.0.0.13"}, ports, "127.0.0.10:20006"));
  const auto check = Program::Start({"haproxy", "-c", "-f", path});
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->Wait(kLimit), 0) << check->Output();
  EXPECT_EQ(check->Output().find("WARNING"), std::string::npos) << check->Output();
}

}  // namespace
}  // namespace tessera::testing
