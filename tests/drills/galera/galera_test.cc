// Two tesserads on a cluster of three nodes: one dies, one lags, one is cut off.
#include <gtest/gtest.h>

#include <string>

#include "tessera/base/clock.h"
#include "tests/drills/galera/cluster.h"

namespace tessera::testing {
namespace {

TEST(Galera, Forms) {
  GaleraCluster cluster;

  cluster.Kill(0);
  cluster.Rejoin(0);
  cluster.AwaitWhole();
}

}  // namespace
}  // namespace tessera::testing
