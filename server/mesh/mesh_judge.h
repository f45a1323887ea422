// Judges calls of services that are guarded by a proxy: by the rules in their descriptor sets, with
// the guard's own decision.
#ifndef TESSERA_SERVER_MESH_MESH_JUDGE_H_
#define TESSERA_SERVER_MESH_MESH_JUDGE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/mesh/mesh_call.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/core.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/revocation_view.h"

namespace tessera::server {

// The services of one audience.
struct MeshRuleSet {
  std::string audience;  // that tokens for them must have
  std::string file;      // a google.protobuf.FileDescriptorSet
};

struct MeshOptions {
  std::string issuer;
  absl::Duration leeway;
  std::vector<MeshRuleSet> rule_sets;
  // Take streaming methods whose rule ends a running stream with its token, although a proxy, which
  // asks once a call, lets it go on.
  bool uncut_streams = false;
};

// Who calls, and whether its rule hands the token on.
struct MeshAdmission {
  std::shared_ptr<const Principal> caller;  // never null
  bool forwards_token = false;
};

// Thread-safe. The audience is the one of the method's own descriptor set: nothing that a caller
// sends chooses it.
class MeshJudge {
 public:
  struct Parts {
    std::shared_ptr<KeySource> keys;
    std::shared_ptr<RevocationView> revocations;
    const Clock& clock;  // must outlive the judge, and so must the log
    LogSink& log;
  };
  // Reads the files. INVALID_ARGUMENT: there are none, one cannot be read or holds no rules, a
  // method is in two of them, or a stream is to be cut and `uncut_streams` is false; the message
  // names file and method.
  static absl::StatusOr<std::unique_ptr<MeshJudge>> Create(const MeshOptions& options, Parts parts);
  ~MeshJudge();

  // `done` is called exactly once, at once or when keys have come (at most 2 s); until then what
  // `call` views must live. Refusals are those of the guard; UNIMPLEMENTED for a path that is in no
  // set. Each is told to the log as a guard's is.
  using Done = std::function<void(absl::StatusOr<MeshAdmission>)>;
  void Judge(const MeshCall& call, const Done& done);

  // Answers the calls that wait for keys, and lets no more wait.
  void Drain();

 private:
  struct Method {
    std::shared_ptr<guard::Core> core;
    bool forwards_token = false;
  };
  MeshJudge() = default;
  absl::Status Add(const MeshOptions& options, const MeshRuleSet& set, const Parts& parts);
  static absl::StatusOr<MeshAdmission> Decide(const Method& method, const MeshCall& call,
                                              bool keys_are_new);
  static void Finish(guard::Core& core, const MeshCall& call,
                     absl::StatusOr<MeshAdmission> decision, const Done& done);

  std::vector<std::shared_ptr<guard::Core>> cores_;  // one for each rule set; never empty
  std::unordered_map<std::string, Method> methods_;  // by path
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_MESH_MESH_JUDGE_H_
