// The rules of services that are known by their descriptors alone: for servers that forward calls,
// and for generic services.
#ifndef TESSERA_GUARD_RULES_FROM_DESCRIPTOR_SET_H_
#define TESSERA_GUARD_RULES_FROM_DESCRIPTOR_SET_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tessera/guard/rule.h"

namespace tessera {

// No descriptor set is read that is larger.
inline constexpr size_t kMaxDescriptorSetBytes = size_t{32} * 1024 * 1024;

struct DescribedRules {
  std::map<std::string, Rule> rules;  // by full method path, as GuardOptions::rules
  // Those of them that stream, either way, and whose rule ends a running stream with its token.
  std::set<std::string> cut_streams;
};

// Reads the option `(tessera.v1.access)` of every method of every service in `bytes`, a serialized
// google.protobuf.FileDescriptorSet, such as `protoc --descriptor_set_out` writes, with or without
// --include_imports. The descriptors are only read: none is registered anywhere. The health and
// reflection services are left out: guards know their rules.
//
// INVALID_ARGUMENT: not such a set, larger than kMaxDescriptorSetBytes, or without a service.
// FAILED_PRECONDITION names file and method of each method without a rule, of each rule that asks
// for what this version does not serve, of each method that is described twice; and each file where
// another option has taken the number of ours.
absl::StatusOr<DescribedRules> RulesFromDescriptorSet(std::string_view bytes);

}  // namespace tessera

#endif  // TESSERA_GUARD_RULES_FROM_DESCRIPTOR_SET_H_
