#include "tests/bench/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tessera::bench {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::array<std::string, 7>;

constexpr size_t kTextColumns = 1;  // the first so many are aligned to the left

const Row& Heading() {
  static const Row heading = {"what",           "unit",   "figure", "baseline",
                              "ratio (spread)", "budget", "met"};
  return heading;
}

// Three digits that count.
std::string Number(double value) {
  const double size = std::abs(value);
  const int places = size >= 100 || value == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", places, value);
  return text;
}

std::string Ratio(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string RatioText(const Figure& figure) {
  if (figure.ratios.empty()) return "";
  const auto [low, high] = std::minmax_element(figure.ratios.begin(), figure.ratios.end());
  return absl::StrCat(Ratio(Median(figure.ratios)), " (", Ratio(*low), "-", Ratio(*high), ")");
}

std::string BudgetText(const Figure& figure) {
  if (!figure.budget.has_value()) return "";
  const std::string limit =
      figure.ratios.empty() ? Number(figure.budget->limit) : Ratio(figure.budget->limit);
  return (figure.budget->side == Budget::Side::kAtMost ? "<= " : ">= ") + limit;
}

std::string MetText(const Figure& figure) {
  if (!figure.budget.has_value()) return "";
  return figure.budget->IsMetBy(figure.Judged()) ? "yes" : "NO";
}

Row RowOf(const Figure& figure) {
  return {figure.what,          figure.unit,
          Number(figure.value), figure.baseline.has_value() ? Number(*figure.baseline) : "",
          RatioText(figure),    BudgetText(figure),
          MetText(figure)};
}

std::string Padded(const std::string& text, size_t width, bool left) {
  const std::string padding(width - std::min(width, text.size()), ' ');
  return left ? text + padding : padding + text;
}

// The figures of each benchmark, in the order of their coming.
std::vector<std::vector<Figure>> Grouped(const std::vector<Figure>& figures) {
  std::vector<std::vector<Figure>> groups;
  for (const Figure& figure : figures) {
    if (groups.empty() || groups.back().front().benchmark != figure.benchmark)
      groups.emplace_back();
    groups.back().push_back(figure);
  }
  return groups;
}

// What the group's figures are held against, and what is to be known of them; each once.
std::vector<std::string> RemarksOn(const std::vector<Figure>& group) {
  std::vector<std::string> remarks;
  const auto add = [&](std::string remark) {
    if (std::find(remarks.begin(), remarks.end(), remark) == remarks.end()) {
      remarks.push_back(std::move(remark));
    }
  };
  for (const Figure& figure : group) {
    if (!figure.against.empty()) add("baseline: " + figure.against);
  }
  for (const Figure& figure : group) {
    if (!figure.note.empty()) add(figure.note);
  }
  return remarks;
}

Json JsonOf(const Figure& figure) {
  Json json = {{"benchmark", figure.benchmark},
               {"what", figure.what},
               {"unit", figure.unit},
               {"value", figure.value}};
  if (figure.baseline.has_value()) json["baseline"] = *figure.baseline;
  if (!figure.against.empty()) json["against"] = figure.against;
  if (!figure.ratios.empty()) {
    const auto [low, high] = std::minmax_element(figure.ratios.begin(), figure.ratios.end());
    json["ratio"] = {{"median", Median(figure.ratios)},
                     {"low", *low},
                     {"high", *high},
                     {"rounds", figure.ratios.size()}};
  }
  if (figure.budget.has_value()) {
    const bool at_most = figure.budget->side == Budget::Side::kAtMost;
    json["budget"] = {{at_most ? "at_most" : "at_least", figure.budget->limit},
                      {"met", figure.budget->IsMetBy(figure.Judged())}};
  }
  if (!figure.note.empty()) json["note"] = figure.note;
  return json;
}

}  // namespace

bool Budget::IsMetBy(double value) const {
  return side == Side::kAtMost ? value <= limit : value >= limit;
}

double Figure::Judged() const { return ratios.empty() ? value : Median(ratios); }

Figure Compared(std::string benchmark, std::string what, std::string unit, const Pairs& pairs,
                std::string against) {
  Figure figure;
  figure.benchmark = std::move(benchmark);
  figure.what = std::move(what);
  figure.unit = std::move(unit);
  figure.value = Median(pairs.figure);
  figure.baseline = Median(pairs.baseline);
  figure.ratios = pairs.Ratios();
  figure.against = std::move(against);
  return figure;
}

std::string Report::Table() const {
  std::array<size_t, std::tuple_size_v<Row>> widths{};
  const auto widen = [&](const Row& row) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  };
  widen(Heading());
  for (const Figure& figure : figures_) widen(RowOf(figure));
  const auto line = [&](const Row& row) {
    std::string text;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "  ", Padded(row[i], widths[i], i < kTextColumns));
    }
    return text + "\n";
  };
  std::string table;
  for (const std::vector<Figure>& group : Grouped(figures_)) {
    absl::StrAppend(&table, "\n", group.front().benchmark, "\n", line(Heading()));
    for (const Figure& figure : group) absl::StrAppend(&table, line(RowOf(figure)));
    for (const std::string& remark : RemarksOn(group)) absl::StrAppend(&table, "  ", remark, "\n");
  }
  absl::StrAppend(&table, "\n", machine_.Text(), "; ", Number(seconds_), " s\n");
  for (const std::string& failure : failures_) absl::StrAppend(&table, "FAILED: ", failure, "\n");
  return table;
}

std::string Report::Markdown() const {
  std::string text = absl::StrCat("Measured on ", machine_.Text(), ".\n");
  for (const std::vector<Figure>& group : Grouped(figures_)) {
    absl::StrAppend(&text, "\n| ", absl::StrJoin(Heading(), " | "), " |\n|---|---|",
                    "---:|---:|---:|---:|---|\n");
    for (const Figure& figure : group) {
      absl::StrAppend(&text, "| ", absl::StrJoin(RowOf(figure), " | "), " |\n");
    }
    const std::vector<std::string> remarks = RemarksOn(group);
    if (!remarks.empty()) absl::StrAppend(&text, "\n", absl::StrJoin(remarks, ". "), ".\n");
  }
  return text;
}

std::string Report::Json() const {
  nlohmann::ordered_json figures = nlohmann::ordered_json::array();
  for (const Figure& figure : figures_) figures.push_back(JsonOf(figure));
  const nlohmann::ordered_json json = {{"machine", machine_.Fields()},
                                       {"seconds", seconds_},
                                       {"failures", failures_},
                                       {"figures", figures}};
  return json.dump(2) + "\n";
}

}  // namespace tessera::bench
