#include "tessera/cli/user_rows.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/csv.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/output.h"
#include "tessera/cli/render.h"

namespace tessera::cli {
namespace {

using tessera::v1::ImportedUser;
using Json = nlohmann::ordered_json;

constexpr std::string_view kAttributePrefix = "attribute.";
constexpr char kColumns[] =
    "username, email, display_name, state, password_hash, roles, groups, attribute.NAME";

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

absl::Status BadRow(std::string_view text) {
  return Refusal(absl::StatusCode::kInvalidArgument, reason::kFieldInvalid, text);
}

absl::Status SetState(const std::string& text, tessera::v1::User& user) {
  if (text.empty()) return absl::OkStatus();
  if (text != "active" && text != "disabled") return BadRow("state: active or disabled");
  user.set_state(text == "active" ? tessera::v1::USER_STATE_ACTIVE
                                  : tessera::v1::USER_STATE_DISABLED);
  return absl::OkStatus();
}

// The fields that are plain text, by their names; null for any other.
std::string* TextField(const std::string& name, ImportedUser& user) {
  if (name == "username") return user.mutable_user()->mutable_username();
  if (name == "email") return user.mutable_user()->mutable_email();
  if (name == "display_name") return user.mutable_user()->mutable_display_name();
  if (name == "password_hash") return user.mutable_password_hash();
  return nullptr;
}

google::protobuf::RepeatedPtrField<std::string>* ListField(const std::string& name,
                                                           ImportedUser& user) {
  if (name == "roles") return user.mutable_roles();
  if (name == "groups") return user.mutable_groups();
  return nullptr;
}

bool IsColumn(const std::string& name) {
  ImportedUser user;
  return TextField(name, user) != nullptr || ListField(name, user) != nullptr || name == "state" ||
         (name.size() > kAttributePrefix.size() && name.rfind(kAttributePrefix, 0) == 0);
}

// A cell as its column says; lists are parted by spaces.
absl::Status SetCell(const std::string& column, const std::string& cell, ImportedUser& user) {
  if (std::string* text = TextField(column, user)) {
    *text = cell;
    return absl::OkStatus();
  }
  if (auto* list = ListField(column, user)) {
    for (const absl::string_view part : absl::StrSplit(cell, ' ', absl::SkipEmpty())) {
      list->Add(std::string(part));
    }
    return absl::OkStatus();
  }
  if (column == "state") return SetState(cell, *user.mutable_user());
  if (!cell.empty()) {
    (*user.mutable_user()->mutable_attributes())[column.substr(kAttributePrefix.size())] = cell;
  }
  return absl::OkStatus();
}

class CsvRows final : public UserRowReader {
 public:
  CsvRows(CsvReader reader, std::vector<std::string> columns)
      : reader_(std::move(reader)), columns_(std::move(columns)) {}

  std::optional<UserRow> Next() override {
    std::optional<CsvReader::Record> record = reader_.Next();
    if (!record.has_value()) return std::nullopt;
    UserRow row;
    row.line = record->line;
    row.wrong = Fill(*record, row.user);
    return row;
  }
  size_t position() const override { return reader_.position(); }

 private:
  absl::Status Fill(const CsvReader::Record& record, ImportedUser& user) const {
    if (record.malformed) return BadRow("a quote out of place");
    if (record.cells.size() != columns_.size()) {
      return BadRow(std::to_string(record.cells.size()) + " cells, where the header has " +
                    std::to_string(columns_.size()));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      TESSERA_RETURN_IF_ERROR(SetCell(columns_[i], record.cells[i], user));
    }
    return absl::OkStatus();
  }

  CsvReader reader_;
  std::vector<std::string> columns_;
};

absl::StatusOr<std::unique_ptr<UserRowReader>> OpenCsv(std::string_view text) {
  CsvReader reader(text);
  std::optional<CsvReader::Record> header = reader.Next();
  const std::string wanted = std::string("the first line names the columns: ") + kColumns;
  if (!header.has_value() || header->malformed) return UsageError(wanted);
  std::set<std::string> seen;
  for (const std::string& column : header->cells) {
    if (!IsColumn(column)) {
      return UsageError("no column " + EscapeForTerminal(column) + "; " + wanted);
    }
    if (!seen.insert(column).second) {
      return UsageError("column " + EscapeForTerminal(column) + " is there twice");
    }
  }
  if (seen.count("username") == 0) return UsageError("there is no column username; " + wanted);
  return std::make_unique<CsvRows>(std::move(reader), std::move(header->cells));
}

absl::Status SetAttributes(const Json& value, tessera::v1::User& user) {
  if (!value.is_object()) return BadRow("attributes: an object of strings");
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) return BadRow("attributes: an object of strings");
    (*user.mutable_attributes())[name] = text.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status SetList(const std::string& name, const Json& value,
                     google::protobuf::RepeatedPtrField<std::string>& list) {
  if (!value.is_array()) return BadRow(name + ": a list of names");
  for (const Json& item : value) {
    if (!item.is_string()) return BadRow(name + ": a list of names");
    list.Add(item.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status SetMember(const std::string& name, const Json& value, ImportedUser& user) {
  if (name == "attributes") return SetAttributes(value, *user.mutable_user());
  if (auto* list = ListField(name, user)) return SetList(name, value, *list);
  std::string* const text = TextField(name, user);
  if (text == nullptr && name != "state") return BadRow("no member " + EscapeForTerminal(name));
  if (!value.is_string()) return BadRow(name + ": a string");
  if (text == nullptr) return SetState(value.get<std::string>(), *user.mutable_user());
  *text = value.get<std::string>();
  return absl::OkStatus();
}

class JsonRows final : public UserRowReader {
 public:
  explicit JsonRows(std::string_view text) : text_(text) {}

  std::optional<UserRow> Next() override {
    while (at_ < text_.size()) {
      const std::string_view line = TakeLine();
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      UserRow row;
      row.line = line_;
      row.wrong = Fill(line, row.user);
      return row;
    }
    return std::nullopt;
  }
  size_t position() const override { return at_; }

 private:
  std::string_view TakeLine() {
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    ++line_;
    return line;
  }

  static absl::Status Fill(std::string_view line, ImportedUser& user) {
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_object()) return BadRow("no JSON object");
    for (const auto& [name, value] : object.items()) {
      TESSERA_RETURN_IF_ERROR(SetMember(name, value, user));
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 0;
};

std::string FormatJson(const ImportedUser& imported, bool with_memberships) {
  const tessera::v1::User& user = imported.user();
  Json object;
  object["username"] = user.username();
  if (!user.email().empty()) object["email"] = user.email();
  if (!user.display_name().empty()) object["display_name"] = user.display_name();
  object["state"] = StateName(user.state());
  if (!user.attributes().empty()) {
    object["attributes"] =
        std::map<std::string, std::string>(user.attributes().begin(), user.attributes().end());
  }
  if (with_memberships) {
    object["roles"] = std::vector<std::string>(imported.roles().begin(), imported.roles().end());
    object["groups"] = std::vector<std::string>(imported.groups().begin(), imported.groups().end());
  }
  // In ASCII, so that no name steers the terminal that shows it. A name that is no UTF-8 cannot be
  // stored; should one come all the same, it is made visible.
  return object.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> CsvCells(const ImportedUser& imported,
                                  const std::set<std::string>& attributes, bool with_memberships) {
  const tessera::v1::User& user = imported.user();
  std::vector<std::string> cells = {user.username(), user.email(), user.display_name(),
                                    StateName(user.state())};
  if (with_memberships) {
    cells.push_back(absl::StrJoin(imported.roles(), " "));
    cells.push_back(absl::StrJoin(imported.groups(), " "));
  }
  for (const std::string& name : attributes) {
    const auto found = user.attributes().find(name);
    cells.push_back(found == user.attributes().end() ? std::string() : found->second);
  }
  return cells;
}

std::string FormatCsv(const std::vector<ImportedUser>& users, bool with_memberships) {
  std::set<std::string> attributes;
  for (const ImportedUser& user : users) {
    for (const auto& [name, value] : user.user().attributes()) attributes.insert(name);
  }
  std::vector<std::string> header = {"username", "email", "display_name", "state"};
  if (with_memberships) header.insert(header.end(), {"roles", "groups"});
  for (const std::string& name : attributes) {
    header.push_back(std::string(kAttributePrefix) + name);
  }
  std::string text = CsvLine(header);
  for (const ImportedUser& user : users) {
    text += CsvLine(CsvCells(user, attributes, with_memberships));
  }
  return text;
}

}  // namespace

absl::StatusOr<RowFormat> FormatOf(const std::string& name, const std::string& file) {
  if (name == "csv" || (name.empty() && EndsWith(file, ".csv"))) return RowFormat::kCsv;
  if (name == "jsonl" ||
      (name.empty() && (EndsWith(file, ".jsonl") || EndsWith(file, ".ndjson")))) {
    return RowFormat::kJsonLines;
  }
  return UsageError("give --format csv or --format jsonl");
}

absl::StatusOr<std::unique_ptr<UserRowReader>> UserRowReader::Create(RowFormat format,
                                                                     std::string_view text) {
  if (format == RowFormat::kCsv) return OpenCsv(text);
  return std::make_unique<JsonRows>(text);
}

std::string FormatUsers(RowFormat format, const std::vector<ImportedUser>& users,
                        bool with_memberships) {
  if (format == RowFormat::kCsv) return FormatCsv(users, with_memberships);
  std::string text;
  for (const ImportedUser& user : users) text += FormatJson(user, with_memberships);
  return text;
}

}  // namespace tessera::cli
