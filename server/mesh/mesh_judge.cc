#include "server/mesh/mesh_judge.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/rules_from_descriptor_set.h"

namespace tessera::server {
namespace {

// Verified tokens that each rule set keeps; about 1,000.
constexpr size_t kCacheBytes = size_t{4} << 20;

absl::StatusOr<std::string> ReadSet(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError("the file cannot be opened");
  std::string bytes(kMaxDescriptorSetBytes + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad()) return absl::InvalidArgumentError("the file cannot be read");
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

absl::StatusOr<DescribedRules> ReadRules(const std::string& path, bool uncut_streams) {
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes, ReadSet(path));
  TESSERA_ASSIGN_OR_RETURN(DescribedRules described, RulesFromDescriptorSet(bytes));
  if (!uncut_streams && !described.cut_streams.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        *described.cut_streams.begin(),
        " streams, and a proxy cannot end a running stream with its token: say stream: "
        "STREAM_POLICY_NEVER in its rule, or mesh.uncut_streams = true for all"));
  }
  return described;
}

absl::StatusOr<std::shared_ptr<guard::Core>> MakeCore(const MeshOptions& options,
                                                      const std::string& audience,
                                                      const MeshJudge::Parts& parts) {
  GuardOptions guarding;
  guarding.issuer = options.issuer;
  guarding.audience = audience;
  guarding.keys = parts.keys;
  guarding.revocations = RevocationsFromView(parts.revocations);
  guarding.leeway = options.leeway;
  guarding.cache_bytes = kCacheBytes;
  guarding.clock = &parts.clock;
  guarding.log = &parts.log;
  Expected expected;
  expected.issuer = options.issuer;
  expected.audience = audience;
  expected.leeway = options.leeway;
  TESSERA_ASSIGN_OR_RETURN(TokenVerifier verifier, TokenVerifier::Create(std::move(expected)));
  return std::make_shared<guard::Core>(std::move(guarding), std::move(verifier));
}

// OK for the first; an error of any kind says which file it is about.
absl::Status About(const MeshRuleSet& set, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("mesh.descriptor_sets: ", set.file, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MeshJudge>> MeshJudge::Create(const MeshOptions& options,
                                                             Parts parts) {
  if (options.rule_sets.empty()) return absl::InvalidArgumentError("mesh.descriptor_sets: empty");
  std::unique_ptr<MeshJudge> judge(new MeshJudge());
  for (const MeshRuleSet& set : options.rule_sets) {
    TESSERA_RETURN_IF_ERROR(About(set, judge->Add(options, set, parts)));
  }
  return judge;
}

absl::Status MeshJudge::Add(const MeshOptions& options, const MeshRuleSet& set,
                            const Parts& parts) {
  TESSERA_ASSIGN_OR_RETURN(const DescribedRules described,
                           ReadRules(set.file, options.uncut_streams));
  std::vector<std::string> paths;
  for (const auto& [path, rule] : described.rules) paths.push_back(path);
  TESSERA_ASSIGN_OR_RETURN(auto book,
                           guard::RuleBook::Make(paths, described.rules, ReflectionAccess::kOff));
  TESSERA_ASSIGN_OR_RETURN(cores_.emplace_back(), MakeCore(options, set.audience, parts));
  cores_.back()->Open(std::move(book));
  for (const auto& [path, rule] : described.rules) {
    if (methods_.try_emplace(path, Method{cores_.back(), rule.forwards_token}).second) continue;
    return absl::InvalidArgumentError(absl::StrCat(path, " is in another set too"));
  }
  return absl::OkStatus();
}

MeshJudge::~MeshJudge() {
  for (const auto& core : cores_) core->Close();
}

void MeshJudge::Drain() {
  for (const auto& core : cores_) core->parking().Drain();
}

absl::StatusOr<MeshAdmission> MeshJudge::Decide(const Method& method, const MeshCall& call,
                                                bool keys_are_new) {
  guard::Core& core = *method.core;
  TESSERA_RETURN_IF_ERROR(core.Admit(call.path, call.presented, keys_are_new));
  TESSERA_ASSIGN_OR_RETURN(const auto known, core.Claim(call.path, call.presented));
  if (known == nullptr) return MeshAdmission{guard::AnonymousPrincipal(), method.forwards_token};
  return MeshAdmission{known->principal, method.forwards_token};
}

void MeshJudge::Judge(const MeshCall& call, const Done& done) {
  const auto found = methods_.find(std::string(call.path));
  if (found == methods_.end()) {
    // Of any core: they write to the same log.
    return Finish(*cores_.front(), call, absl::UnimplementedError("no such method"), done);
  }
  const Method& method = found->second;
  guard::Core& core = *method.core;
  absl::StatusOr<MeshAdmission> decision = Decide(method, call, false);
  if (ReasonOf(decision.status()) == reason::kTokenUnknownKey) {
    absl::Status parked = core.parking().Park(
        [&method, call, done](absl::Status fetched) {
          Finish(*method.core, call, fetched.ok() ? Decide(method, call, true) : std::move(fetched),
                 done);
        },
        core.options().max_park);
    if (parked.ok()) return;
    decision = std::move(parked);
  }
  Finish(core, call, std::move(decision), done);
}

void MeshJudge::Finish(guard::Core& core, const MeshCall& call,
                       absl::StatusOr<MeshAdmission> decision, const Done& done) {
  if (!decision.ok()) core.NoteRefusal(call.path, call.presented.bearer, decision.status());
  done(std::move(decision));
}

}  // namespace tessera::server
