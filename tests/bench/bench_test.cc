// Every benchmark runs, no call of it fails, and its table and JSON are what their readers expect.
// No time is judged here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"

namespace tessera::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr absl::Duration kLimit = absl::Seconds(100);

class Smoke : public ::testing::TestWithParam<std::string> {
 protected:
  // The exit status; what was printed is in `output_`.
  int Run(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> argv = {BENCH, "--smoke", "--only", name};
    argv.insert(argv.end(), more.begin(), more.end());
    const char* shared = std::getenv("TESSERA_TEST_MARIADB");
    const auto program = testing::Program::Start(
        argv, {absl::StrCat("TESSERA_TEST_MARIADB=", shared == nullptr ? "" : shared)});
    const int status = program->Wait(kLimit);
    program->WaitForLine("no such line", absl::Seconds(5));  // until the output has ended
    output_ = program->Output();
    return status;
  }

  const testing::TemporaryFolder folder_;
  std::string output_;
};

void ExpectFigure(const Json& figure, const std::string& name) {
  EXPECT_EQ(figure.at("benchmark"), name);
  EXPECT_FALSE(figure.at("what").get<std::string>().empty());
  EXPECT_FALSE(figure.at("unit").get<std::string>().empty());
  EXPECT_GE(figure.at("value").get<double>(), 0);
  if (!figure.contains("ratio")) return;
  const Json& ratio = figure.at("ratio");
  EXPECT_GE(figure.at("baseline").get<double>(), 0) << figure;
  EXPECT_GE(ratio.at("rounds").get<int>(), 1);
  EXPECT_GE(ratio.at("low").get<double>(), 0) << figure;
  EXPECT_LE(ratio.at("low").get<double>(), ratio.at("median").get<double>());
  EXPECT_LE(ratio.at("median").get<double>(), ratio.at("high").get<double>());
}

TEST_P(Smoke, RunsWithoutAFailureAndTellsEveryFigure) {
  const std::string file = folder_.Path("figures.json");
  ASSERT_EQ(Run(GetParam(), {"--json", file}), 0) << output_;
  EXPECT_THAT(output_, Not(HasSubstr("FAILED")));
  const Json json = Json::parse(folder_.Read("figures.json"));
  EXPECT_TRUE(json.at("failures").empty());
  EXPECT_GE(json.at("seconds").get<double>(), 0);
  EXPECT_NE(json.at("machine").at("cores"), "0");
  ASSERT_FALSE(json.at("figures").empty());
  for (const Json& figure : json.at("figures")) {
    ExpectFigure(figure, GetParam());
    EXPECT_THAT(output_, HasSubstr(figure.at("what").get<std::string>()));
  }
}

INSTANTIATE_TEST_SUITE_P(Benchmarks, Smoke,
                         ::testing::Values("validate", "guard", "token", "login", "sessions",
                                           "refusal", "storm", "memory", "view"),
                         [](const auto& param) { return param.param; });

using Bench = Smoke;

TEST_F(Bench, ListsTheBenchmarksThatAreTested) {
  const auto program = testing::Program::Start({BENCH, "--list"});
  ASSERT_EQ(program->Wait(kLimit), 0);
  program->WaitForLine("no such line", absl::Seconds(5));
  const std::string list = program->Output();
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 10);
}

TEST_F(Bench, MarkdownIsATable) {
  ASSERT_EQ(Run("token", {"--markdown"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("| what | unit | figure | baseline |"));
  EXPECT_THAT(output_, HasSubstr("| verify ES256, not cached | us |"));
}

TEST_F(Bench, RefusesABenchmarkThatThereIsNot) { EXPECT_NE(Run("speed", {}), 0); }

}  // namespace
}  // namespace tessera::bench
