#include "tests/bench/load_plan.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"

namespace tessera::bench {
namespace {

using Json = nlohmann::json;

// Messages are bytes; JSON holds text.
std::vector<std::string> Encoded(const std::vector<std::string>& messages) {
  std::vector<std::string> encoded;
  encoded.reserve(messages.size());
  for (const std::string& message : messages) encoded.push_back(absl::Base64Escape(message));
  return encoded;
}

std::vector<std::string> Decoded(const Json& encoded) {
  std::vector<std::string> messages;
  for (const auto& text : encoded) {
    absl::Base64Unescape(text.get_ref<const std::string&>(), &messages.emplace_back());
  }
  return messages;
}

LoadTarget TargetFrom(const Json& json) {
  LoadTarget target;
  target.name = json.at("name");
  target.kind = static_cast<LoadKind>(json.at("kind").get<int>());
  target.address = json.at("address");
  target.method = json.at("method");
  target.server = json.at("server");
  target.bearer = json.at("bearer");
  target.messages = Decoded(json.at("messages"));
  target.reply_bytes = json.at("reply_bytes");
  return target;
}

}  // namespace

std::string ToJson(const LoadPlan& plan) {
  Json targets = Json::array();
  for (const LoadTarget& target : plan.targets) {
    targets.push_back({{"name", target.name},
                       {"kind", static_cast<int>(target.kind)},
                       {"address", target.address},
                       {"method", target.method},
                       {"server", target.server},
                       {"bearer", target.bearer},
                       {"messages", Encoded(target.messages)},
                       {"reply_bytes", target.reply_bytes}});
  }
  return Json{{"targets", targets},
              {"rounds", plan.rounds},
              {"warm_up_seconds", plan.warm_up_seconds},
              {"seconds", plan.seconds},
              {"outstanding", plan.outstanding},
              {"rate", plan.rate}}
      .dump();
}

LoadPlan LoadPlanFrom(const std::string& text) {
  const Json json = Json::parse(text);
  LoadPlan plan;
  for (const Json& target : json.at("targets")) plan.targets.push_back(TargetFrom(target));
  plan.rounds = json.at("rounds");
  plan.warm_up_seconds = json.at("warm_up_seconds");
  plan.seconds = json.at("seconds");
  plan.outstanding = json.at("outstanding");
  plan.rate = json.at("rate");
  return plan;
}

std::string ToJson(const std::vector<LoadResult>& results) {
  Json array = Json::array();
  for (const LoadResult& result : results) {
    array.push_back({{"target", result.target},
                     {"seconds", result.seconds},
                     {"calls", result.calls},
                     {"failures", result.failures},
                     {"first_failure", result.first_failure},
                     {"server_cpu_seconds", result.server_cpu_seconds},
                     {"loader_cpu_seconds", result.loader_cpu_seconds},
                     {"p50", result.p50},
                     {"p99", result.p99},
                     {"worst", result.worst}});
  }
  return array.dump();
}

std::vector<LoadResult> LoadResultsFrom(const std::string& text) {
  std::vector<LoadResult> results;
  for (const Json& json : Json::parse(text)) {
    LoadResult& result = results.emplace_back();
    result.target = json.at("target");
    result.seconds = json.at("seconds");
    result.calls = json.at("calls");
    result.failures = json.at("failures");
    result.first_failure = json.at("first_failure");
    result.server_cpu_seconds = json.at("server_cpu_seconds");
    result.loader_cpu_seconds = json.at("loader_cpu_seconds");
    result.p50 = json.at("p50");
    result.p99 = json.at("p99");
    result.worst = json.at("worst");
  }
  return results;
}

}  // namespace tessera::bench
