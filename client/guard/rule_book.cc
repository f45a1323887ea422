#include "tessera/guard/rule_book.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tessera/base/status_macros.h"
#include "tessera/v1/access.pb.h"

namespace tessera::guard {
namespace {

namespace pb = google::protobuf;

constexpr std::array<std::string_view, 2> kHealthPaths = {"/grpc.health.v1.Health/Check",
                                                          "/grpc.health.v1.Health/Watch"};
constexpr std::array<const char*, 2> kReflectionServices = {
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"};
constexpr std::string_view kReflectionMethod = "ServerReflectionInfo";

bool IsHealth(std::string_view path) { return path.rfind("/grpc.health.v1.Health/", 0) == 0; }

bool IsReflection(std::string_view path) {
  return path.rfind("/grpc.reflection.v1.ServerReflection/", 0) == 0 ||
         path.rfind("/grpc.reflection.v1alpha.ServerReflection/", 0) == 0;
}

// The built-in services hide from the survey when a plug-in registers them: a linked descriptor
// tells that a version may be there.
std::vector<std::string> BuiltInPaths() {
  std::vector<std::string> paths(kHealthPaths.begin(), kHealthPaths.end());
  for (const char* service : kReflectionServices) {
    if (pb::DescriptorPool::generated_pool()->FindServiceByName(service) == nullptr) continue;
    paths.push_back(absl::StrCat(
        "/", service, "/", absl::string_view(kReflectionMethod.data(), kReflectionMethod.size())));
  }
  return paths;
}

Rule RuleFor(Admission admission) {
  Rule rule;
  rule.admission = admission;
  return rule;
}

bool AsksForMoreThanAToken(const Rule& rule) {
  return !rule.any_role.empty() || !rule.any_scope.empty() || !rule.all_scopes.empty() ||
         rule.kind != CallerKind::kAny || rule.device_bound || rule.certificate_bound ||
         rule.second_factor || rule.max_login_age != absl::InfiniteDuration() ||
         rule.max_staleness != absl::InfiniteDuration() || rule.stream != StreamPolicy::kAtOnce ||
         rule.forwards_token;
}

absl::Status CheckStreamSound(const Rule& rule) {
  if (rule.stream != StreamPolicy::kAfterGrace) {
    if (rule.stream_grace == absl::ZeroDuration()) return absl::OkStatus();
    return absl::FailedPreconditionError("has a grace for streams that end without one");
  }
  if (rule.stream_grace > absl::ZeroDuration() && rule.stream_grace <= kMaxStreamGrace) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("has a grace for streams that is not above 0 and up to 1 h");
}

// A rule that lets everybody or nobody in and yet asks for more was not meant so.
absl::Status CheckSound(const Rule& rule) {
  if (AsksForMoreThanAToken(rule) && rule.admission != Admission::kAuthenticated) {
    return absl::FailedPreconditionError("asks for more of the caller but not for a token");
  }
  TESSERA_RETURN_IF_ERROR(CheckStreamSound(rule));
  if (rule.max_login_age <= absl::ZeroDuration() || rule.max_staleness <= absl::ZeroDuration()) {
    return absl::FailedPreconditionError("has a time that is not above zero");
  }
  return absl::OkStatus();
}

absl::StatusOr<Admission> AdmissionFrom(tessera::v1::Admission admission) {
  switch (admission) {
    case tessera::v1::ADMISSION_PUBLIC:
      return Admission::kPublic;
    case tessera::v1::ADMISSION_AUTHENTICATED:
      return Admission::kAuthenticated;
    case tessera::v1::ADMISSION_UNSPECIFIED:
      return absl::FailedPreconditionError("has no rule");
    default:
      return absl::FailedPreconditionError("has an admission that this version does not serve");
  }
}

absl::StatusOr<CallerKind> KindFrom(tessera::v1::CallerKind kind) {
  switch (kind) {
    case tessera::v1::CALLER_KIND_UNSPECIFIED:
      return CallerKind::kAny;
    case tessera::v1::CALLER_KIND_USER:
      return CallerKind::kUser;
    case tessera::v1::CALLER_KIND_SERVICE:
      return CallerKind::kService;
    default:
      return absl::FailedPreconditionError("has a kind of caller that this version does not serve");
  }
}

absl::StatusOr<StreamPolicy> StreamPolicyFrom(tessera::v1::StreamPolicy policy) {
  switch (policy) {
    case tessera::v1::STREAM_POLICY_UNSPECIFIED:
    case tessera::v1::STREAM_POLICY_AT_ONCE:
      return StreamPolicy::kAtOnce;
    case tessera::v1::STREAM_POLICY_AFTER_GRACE:
      return StreamPolicy::kAfterGrace;
    case tessera::v1::STREAM_POLICY_NEVER:
      return StreamPolicy::kNever;
    default:
      return absl::FailedPreconditionError(
          "has a policy for streams that this version does not serve");
  }
}

// How long ago something may be. Unset: any time.
absl::StatusOr<absl::Duration> AgeFrom(bool set, const pb::Duration& duration) {
  if (!set) return absl::InfiniteDuration();
  const absl::Duration age =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  if (age > absl::ZeroDuration() && age != absl::InfiniteDuration()) return age;
  return absl::FailedPreconditionError("has a time that is not above zero");
}

absl::StatusOr<Rule> RuleFromDescriptor(std::string_view path) {
  // "/pkg.Service/Method" -> "pkg.Service.Method"
  std::string name(path.substr(std::min<size_t>(path.size(), 1)));
  absl::StrReplaceAll({{"/", "."}}, &name);
  const pb::MethodDescriptor* method = pb::DescriptorPool::generated_pool()->FindMethodByName(name);
  if (method == nullptr || !method->options().HasExtension(tessera::v1::access)) {
    return absl::FailedPreconditionError("has no rule");
  }
  return RuleFromOption(method->options().GetExtension(tessera::v1::access));
}

// Absent: the method is switched off, and is as good as not there.
absl::StatusOr<std::optional<Rule>> FindRule(const std::string& path,
                                             const std::map<std::string, Rule>& rules,
                                             ReflectionAccess reflection) {
  if (const auto given = rules.find(path); given != rules.end()) return given->second;
  if (IsHealth(path)) return RuleFor(Admission::kPublic);
  if (!IsReflection(path)) {
    TESSERA_ASSIGN_OR_RETURN(Rule rule, RuleFromDescriptor(path));
    return rule;
  }
  switch (reflection) {
    case ReflectionAccess::kPublic:
      return RuleFor(Admission::kPublic);
    case ReflectionAccess::kAuthenticated:
      return RuleFor(Admission::kAuthenticated);
    case ReflectionAccess::kOff:
      break;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Rule> RuleFromOption(const tessera::v1::MethodAccess& access) {
  if (!access.GetReflection()->GetUnknownFields(access).empty()) {
    return absl::FailedPreconditionError("asks for what this version of the guard does not serve");
  }
  Rule rule;
  TESSERA_ASSIGN_OR_RETURN(rule.admission, AdmissionFrom(access.admission()));
  TESSERA_ASSIGN_OR_RETURN(rule.kind, KindFrom(access.kind()));
  rule.device_bound = access.device_bound();
  rule.certificate_bound = access.certificate_bound();
  rule.forwards_token = access.forwards_token();
  rule.second_factor = access.second_factor();
  TESSERA_ASSIGN_OR_RETURN(rule.max_login_age,
                           AgeFrom(access.has_max_login_age(), access.max_login_age()));
  TESSERA_ASSIGN_OR_RETURN(rule.max_staleness,
                           AgeFrom(access.has_max_staleness(), access.max_staleness()));
  TESSERA_ASSIGN_OR_RETURN(rule.stream, StreamPolicyFrom(access.stream()));
  if (access.has_stream_grace()) {
    TESSERA_ASSIGN_OR_RETURN(rule.stream_grace, AgeFrom(true, access.stream_grace()));
  }
  rule.any_role.assign(access.any_role().begin(), access.any_role().end());
  rule.any_scope.assign(access.any_scope().begin(), access.any_scope().end());
  rule.all_scopes.assign(access.all_scopes().begin(), access.all_scopes().end());
  TESSERA_RETURN_IF_ERROR(CheckSound(rule));
  return rule;
}

absl::StatusOr<std::unique_ptr<RuleBook>> RuleBook::Make(const std::vector<std::string>& paths,
                                                         const std::map<std::string, Rule>& rules,
                                                         ReflectionAccess reflection) {
  std::vector<std::string> all = paths;
  for (std::string& path : BuiltInPaths()) all.push_back(std::move(path));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());

  std::unique_ptr<RuleBook> book(new RuleBook());
  std::vector<std::string> problems;
  for (const std::string& path : all) {
    auto rule = FindRule(path, rules, reflection);
    const absl::Status sound = rule.ok() && rule->has_value() ? CheckSound(**rule) : rule.status();
    if (!sound.ok()) problems.push_back(absl::StrCat(path, " ", sound.message()));
    if (!sound.ok() || !rule->has_value()) continue;
    auto method = std::make_unique<RuledMethod>(path, **rule);
    const std::string_view key = method->path;
    book->methods_.emplace(key, std::move(method));
  }
  for (const auto& [path, rule] : rules) {
    if (book->Find(path) != nullptr || std::binary_search(all.begin(), all.end(), path)) continue;
    problems.push_back(absl::StrCat(path, " has a rule but no registered service owns it"));
  }
  if (problems.empty()) return book;
  return absl::FailedPreconditionError(absl::StrJoin(problems, "; "));
}

void RuleBook::AppendDecisions(std::vector<GuardDecisions>& decisions) const {
  for (const auto& [path, method] : methods_) method->counters.AppendTo(method->path, decisions);
}

const RuledMethod* RuleBook::Find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : found->second.get();
}

}  // namespace tessera::guard
