// The rules of all methods that a server serves, by exact path.
#ifndef TESSERA_GUARD_RULE_BOOK_H_
#define TESSERA_GUARD_RULE_BOOK_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tessera/guard/decision_counters.h"
#include "tessera/guard/guard_options.h"
#include "tessera/guard/rule.h"

namespace tessera::v1 {
class MethodAccess;
}

namespace tessera::guard {

// The rule that an option says. FAILED_PRECONDITION, as the rest of a sentence about the method:
// it says nothing, contradicts itself, or says what this version does not know and so cannot
// enforce.
absl::StatusOr<Rule> RuleFromOption(const v1::MethodAccess& access);

// A method and who may call it. Its address names it for as long as the book lives.
struct RuledMethod {
  RuledMethod(std::string its_path, Rule its_rule)
      : path(std::move(its_path)), rule(std::move(its_rule)) {}

  const std::string path;
  const Rule rule;
  mutable DecisionCounters counters;
};

// Immutable, but for the counters; thread-safe.
class RuleBook {
 public:
  // `paths` are the methods that the server's services own. A rule comes from `rules`, else from
  // the `access` option of the linked descriptor. FAILED_PRECONDITION names each method that has
  // none, each rule that says what this version does not serve or that contradicts itself, and
  // each entry of `rules` that fits no method (a slip that would leave a method open).
  //
  // Health is public. Reflection has the one rule `reflection`, for each version that is linked or
  // registered; when it is off, no path of it is in the book.
  static absl::StatusOr<std::unique_ptr<RuleBook>> Make(const std::vector<std::string>& paths,
                                                        const std::map<std::string, Rule>& rules,
                                                        ReflectionAccess reflection);

  // Null: no registered service owns the path. Compared whole and byte for byte.
  const RuledMethod* Find(std::string_view path) const;

  // What was decided about each method's calls.
  void AppendDecisions(std::vector<GuardDecisions>& decisions) const;

 private:
  RuleBook() = default;

  std::unordered_map<std::string_view, std::unique_ptr<RuledMethod>> methods_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_RULE_BOOK_H_
