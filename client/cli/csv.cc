#include "tessera/cli/csv.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tessera::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// What has to be quoted; some spreadsheets part cells by semicolons or tabs.
constexpr std::string_view kQuoted = ",;\t\"\r\n";
// Full-width signs stand for the others to some.
constexpr std::array<std::string_view, 11> kFormulaSigns = {
    "=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"};

// Behind apostrophes, if there are any.
bool BeginsLikeFormula(std::string_view cell) {
  cell.remove_prefix(std::min(cell.find_first_not_of('\''), cell.size()));
  return std::any_of(kFormulaSigns.begin(), kFormulaSigns.end(),
                     [&](std::string_view sign) { return cell.substr(0, sign.size()) == sign; });
}

std::string Quoted(std::string_view cell) {
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

CsvReader::CsvReader(std::string_view text) : text_(text) {
  if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark) at_ = kByteOrderMark.size();
}

bool CsvReader::AtLineEnd() const {
  return at_ == text_.size() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n";
}

void CsvReader::SkipLineEnd() {
  if (at_ == text_.size()) return;
  at_ += text_[at_] == '\n' ? 1 : 2;
  ++line_;
}

// Behind the opening quote; ends behind the closing one.
void CsvReader::ReadQuoted(Record& record, std::string& cell) {
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    if (c != '"') {
      cell.push_back(c);
    } else if (at_ < text_.size() && text_[at_] == '"') {
      cell.push_back('"');
      ++at_;
    } else {
      return;
    }
  }
  record.malformed = true;
}

bool CsvReader::ReadCell(Record& record) {
  std::string cell;
  const bool quoted = at_ < text_.size() && text_[at_] == '"';
  if (quoted) {
    ++at_;
    ReadQuoted(record, cell);
  }
  while (!AtLineEnd() && text_[at_] != ',') {
    // Behind a closing quote, or a quote inside: neither is CSV.
    record.malformed = record.malformed || quoted || text_[at_] == '"';
    cell.push_back(text_[at_++]);
  }
  if (cell.substr(0, 1) == "'" && BeginsLikeFormula(cell)) cell.erase(0, 1);
  record.cells.push_back(std::move(cell));
  if (AtLineEnd()) return false;
  ++at_;
  return true;
}

std::optional<CsvReader::Record> CsvReader::Next() {
  while (at_ < text_.size() && AtLineEnd()) SkipLineEnd();
  if (at_ == text_.size()) return std::nullopt;
  Record record;
  record.line = line_;
  while (ReadCell(record)) {
  }
  SkipLineEnd();
  return record;
}

std::string CsvLine(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    const std::string cell = BeginsLikeFormula(cells[i]) ? "'" + cells[i] : cells[i];
    line += cell.find_first_of(kQuoted) == std::string::npos ? cell : Quoted(cell);
  }
  return line + "\r\n";
}

}  // namespace tessera::cli
