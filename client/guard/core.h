// What the processor (in front of the handler), the interceptor (beside it) and the Guard share.
#ifndef TESSERA_GUARD_CORE_H_
#define TESSERA_GUARD_CORE_H_

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/mutex.h"
#include "tessera/guard/connection_peer.h"
#include "tessera/guard/decision_counters.h"
#include "tessera/guard/explain.h"
#include "tessera/guard/guard_options.h"
#include "tessera/guard/known_token.h"
#include "tessera/guard/metrics.h"
#include "tessera/guard/parking_lot.h"
#include "tessera/guard/presented.h"
#include "tessera/guard/principal_table.h"
#include "tessera/guard/rule_book.h"
#include "tessera/guard/stream_registry.h"
#include "tessera/guard/token_cache.h"
#include "tessera/token/token_verifier.h"

namespace grpc {
class ServerCredentials;
}

namespace tessera::guard {

// Thread-safe. Held by shared pointer: gRPC keeps credentials, and so this, for as long as a
// connection lingers, and may let go of it on a thread of its own. So Close waits for the calls
// that are being judged and drops the sources; after it neither clock, log nor sources are touched.
class Core {
 public:
  Core(GuardOptions options, TokenVerifier verifier);

  // The decision about a call, before its handler. OK: admitted, and counted until Claim.
  // What Decide returns, and UNIMPLEMENTED for a path that is in no book. `keys_are_new`: a fetch
  // has just ended, so that an empty key set is the source's fault.
  absl::Status Admit(std::string_view path, const Presented& presented, bool keys_are_new = false);

  // For the interceptor: the token that Admit let through for this call (null for a public method).
  // When that cannot be told the call is judged anew.
  absl::StatusOr<std::shared_ptr<const KnownToken>> Claim(std::string_view path,
                                                          const Presented& presented);

  // Whether the method lets everybody in, whatever token they show.
  bool IsPublic(std::string_view path) const;

  // The method's rule; null if it is in no book. Lives as long as this.
  const Rule* RuleOf(std::string_view path) const;

  // What the method's handler must not see.
  HiddenHeaders HiddenFrom(std::string_view path) const;

  // What came of a fetch of keys that a call waited for.
  void NoteFetch(const absl::Status& fetched) { fetch_failed_ = !fetched.ok(); }

  // Counts and logs the refusal of a call; once for each.
  void NoteRefusal(std::string_view path, const Bearer& bearer, const absl::Status& refusal);

  // What Admit would say of such a call, and why; nothing is counted or kept.
  Explanation Explain(const ShownCall& call);
  GuardMetrics Metrics();

  // Credentials of somebody else that a processor of this core guards. False if they are known
  // already.
  bool Adopt(const std::shared_ptr<grpc::ServerCredentials>& credentials);
  bool HasAdopted(const std::shared_ptr<grpc::ServerCredentials>& credentials);

  // From now on calls are judged by `book`. False if there is one already.
  bool Open(std::unique_ptr<const RuleBook> book);
  // Takes back the book of a server that did not start: all calls are refused again.
  void TakeBack();
  // Ends the threads; refuses all calls. Once, by the Guard's destructor.
  void Close();

  const GuardOptions& options() const { return options_; }
  const std::shared_ptr<RevocationView>& view() const { return view_; }
  ParkingLot& parking() { return parking_; }
  StreamRegistry& streams() { return streams_; }
  PrincipalTable& principals() { return principals_; }
  TokenCache& cache() { return cache_; }
  CertificateCache& certificates() { return certificates_; }

  // A port asks for client certificates and does not verify them: from the call alone nobody can
  // tell whether its certificate is such a one, so none of them counts there.
  void NoteUnverifiedCertificates() { unverified_certificates_ = true; }
  bool certificates_are_verified() const { return !unverified_certificates_; }

 private:
  // Marks a use of clock, log and sources, unless the core is closed.
  class Use {
   public:
    explicit Use(Core& core);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    explicit operator bool() const { return open_; }

   private:
    Core& core_;
    bool open_;
  };

  absl::StatusOr<std::shared_ptr<const KnownToken>> DecideNow(const RuledMethod& method,
                                                              const Presented& presented);
  // Not OK: no rule of a book of this core's is to be applied.
  absl::StatusOr<const RuledMethod*> MethodOf(std::string_view path) const;

  GuardOptions options_;  // changed by Close only
  const TokenVerifier verifier_;
  const std::shared_ptr<RevocationView> view_;  // may be null
  TokenCache cache_;
  CertificateCache certificates_;
  std::atomic<bool> unverified_certificates_{false};
  PrincipalTable principals_;
  StreamRegistry streams_;
  ParkingLot parking_;
  std::atomic<bool> fetch_failed_{false};  // the latest that a call waited for
  std::atomic<bool> closed_{false};
  std::atomic<int> uses_{0};

  std::atomic<const RuleBook*> book_{nullptr};
  Mutex mu_;
  // Also those taken back: a call may still be reading one.
  std::vector<std::unique_ptr<const RuleBook>> books_ ABSL_GUARDED_BY(mu_);
  std::vector<std::weak_ptr<grpc::ServerCredentials>> adopted_ ABSL_GUARDED_BY(mu_);
  DecisionCounters without_method_;  // of calls whose path is in no book
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_CORE_H_
