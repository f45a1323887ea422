// A Kubernetes cluster, as far as tesserad sees one: its key set, and its projected tokens.
#ifndef TESSERA_TESTS_E2E_CLUSTER_H_
#define TESSERA_TESTS_E2E_CLUSTER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tessera/token/key.h"
#include "tests/base/temporary_folder.h"

namespace tessera::testing {

class Cluster {
 public:
  static constexpr char kIssuer[] = "https://cluster.test";
  static constexpr char kNamespace[] = "shop";

  Cluster();

  // What tesserad is started with to take the cluster's tokens.
  std::vector<std::string> environment() const;
  // What an account of tesserad's has in `kubernetes_names` to stand for this service account.
  static std::string FullName(const std::string& name);
  // A token of this service account for tesserad, good for `life` from `now` on.
  std::string TokenOf(const std::string& name, absl::Time now,
                      absl::Duration life = absl::Hours(1)) const;

 private:
  const TemporaryFolder folder_;
  const SigningKey key_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_CLUSTER_H_
