#include "tessera/guard/rules_from_descriptor_set.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tessera/guard/rule_book.h"
#include "tessera/v1/access.pb.h"

namespace tessera {
namespace {

namespace pb = google::protobuf;

// A guard has rules of its own for these.
constexpr std::array<std::string_view, 3> kBuiltIn = {"grpc.health.v1.Health",
                                                      "grpc.reflection.v1.ServerReflection",
                                                      "grpc.reflection.v1alpha.ServerReflection"};
constexpr std::string_view kOptionName = "tessera.v1.access";
constexpr std::string_view kExtended = ".google.protobuf.MethodOptions";

std::string Qualified(const std::string& package, const std::string& name) {
  return package.empty() ? name : absl::StrCat(package, ".", name);
}

// Whether one of `extensions`, which stand in `scope`, has our option's number and is not ours:
// what it says would be read as a rule.
bool TakesOurNumber(const pb::RepeatedPtrField<pb::FieldDescriptorProto>& extensions,
                    const std::string& scope) {
  return std::any_of(extensions.begin(), extensions.end(), [&](const auto& extension) {
    return extension.extendee() == kExtended && extension.number() == v1::kAccessFieldNumber &&
           Qualified(scope, extension.name()) != kOptionName;
  });
}

bool TakesOurNumber(const pb::DescriptorProto& message, const std::string& scope) {
  const std::string name = Qualified(scope, message.name());
  if (TakesOurNumber(message.extension(), name)) return true;
  return std::any_of(message.nested_type().begin(), message.nested_type().end(),
                     [&](const auto& nested) { return TakesOurNumber(nested, name); });
}

bool TakesOurNumber(const pb::FileDescriptorProto& file) {
  if (TakesOurNumber(file.extension(), file.package())) return true;
  return std::any_of(file.message_type().begin(), file.message_type().end(),
                     [&](const auto& message) { return TakesOurNumber(message, file.package()); });
}

// Whether a running stream of the method is to be ended with its token.
bool EndsStreams(const pb::MethodDescriptorProto& method, const v1::MethodAccess& access) {
  const bool streams = method.client_streaming() || method.server_streaming();
  return streams && access.admission() != v1::ADMISSION_PUBLIC &&
         access.stream() != v1::STREAM_POLICY_NEVER;
}

class Reader {
 public:
  void Read(const pb::FileDescriptorProto& file) {
    if (TakesOurNumber(file)) {
      problems_.push_back(absl::StrCat(file.name(), ": another option than (tessera.v1.access) has",
                                       " its number"));
      return;
    }
    for (const auto& service : file.service()) {
      const std::string name = Qualified(file.package(), service.name());
      if (std::find(kBuiltIn.begin(), kBuiltIn.end(), name) != kBuiltIn.end()) continue;
      for (const auto& method : service.method()) {
        const std::string path = absl::StrCat("/", name, "/", method.name());
        const absl::Status taken = Take(path, method);
        if (taken.ok()) continue;
        problems_.push_back(absl::StrCat(file.name(), ": ", path, " ", taken.message()));
      }
    }
  }

  absl::StatusOr<DescribedRules> Result() && {
    if (!problems_.empty()) return absl::FailedPreconditionError(absl::StrJoin(problems_, "; "));
    if (described_.rules.empty()) {
      return absl::InvalidArgumentError("the descriptor set describes no service");
    }
    return std::move(described_);
  }

 private:
  absl::Status Take(const std::string& path, const pb::MethodDescriptorProto& method) {
    if (!seen_.insert(path).second) return absl::FailedPreconditionError("is described twice");
    if (!method.options().HasExtension(v1::access)) {
      return absl::FailedPreconditionError("has no rule");
    }
    const v1::MethodAccess& access = method.options().GetExtension(v1::access);
    absl::StatusOr<Rule> rule = guard::RuleFromOption(access);
    if (!rule.ok()) return rule.status();
    described_.rules.emplace(path, *std::move(rule));
    if (EndsStreams(method, access)) described_.cut_streams.insert(path);
    return absl::OkStatus();
  }

  DescribedRules described_;
  std::set<std::string> seen_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<DescribedRules> RulesFromDescriptorSet(std::string_view bytes) {
  if (bytes.size() > kMaxDescriptorSetBytes) {
    return absl::InvalidArgumentError("the descriptor set is larger than 32 MiB");
  }
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a serialized google.protobuf.FileDescriptorSet");
  }
  Reader reader;
  for (const auto& file : set.file()) reader.Read(file);
  return std::move(reader).Result();
}

}  // namespace tessera
