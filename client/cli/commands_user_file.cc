// user import, export.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/paging.h"
#include "tessera/cli/progress_bar.h"
#include "tessera/cli/render.h"
#include "tessera/cli/user_rows.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

// Each is a login's work for the server, and one request must not take it for long.
constexpr int kUsersPerRequest = 25;
// The server takes requests of 64 KiB.
constexpr size_t kMaxRequestBytes = size_t{48} * 1024;
constexpr size_t kMaxFileBytes = size_t{1} << 30;

struct ImportArguments {
  std::string file;
  std::string format;
  bool dry_run = false;
  bool skip_existing = false;
  int64_t from_line = 0;
};

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string text;
  std::array<char, 1 << 16> bytes{};
  while (true) {
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return UsageError("the file cannot be read");
    if (got == 0) return text;
    text.append(bytes.data(), static_cast<size_t>(got));
    if (text.size() > kMaxFileBytes) return UsageError("the file has more than 1 GiB");
  }
}

// The text of `file` (`-`: standard input).
absl::StatusOr<std::string> ReadUserFile(Invocation& invocation, const std::string& file) {
  if (file == "-") return ReadAll(invocation.world().sources.in);
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.ok()) return UsageError("cannot open " + EscapeForTerminal(file));
  struct stat about {};
  if (::fstat(opened.get(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    PrintWarning("others can read " + file + ": if it holds password hashes, chmod 600 it",
                 invocation.json(), invocation.world().err);
  }
  return ReadAll(opened.get());
}

// A row that was not added.
struct Failure {
  int64_t line = 0;
  std::string username;
  std::string reason;
  std::string message;
};

std::string Users(size_t count) { return absl::StrCat(count, count == 1 ? " user" : " users"); }

// Not this row's fault: it and those behind it may be added later.
bool IsPassing(ErrorReason reason) {
  switch (reason) {
    case ERROR_REASON_STORAGE_UNAVAILABLE:
    case ERROR_REASON_OUTCOME_UNKNOWN:
    case ERROR_REASON_OVERLOADED:
    case ERROR_REASON_THROTTLED:
    case ERROR_REASON_UNSPECIFIED:
      return true;
    default:
      return false;
  }
}

// One run through a file.
class Import {
 public:
  Import(Invocation& invocation, const ImportArguments& arguments, size_t whole)
      : invocation_(invocation),
        arguments_(arguments),
        whole_(whole),
        bar_(invocation.world().err, invocation.world().err_is_terminal && !invocation.json()) {}

  absl::Status Run(UserRowReader& reader) {
    while (std::optional<UserRow> row = reader.Next()) {
      if (row->line < arguments_.from_line) continue;
      if (!row->wrong.ok()) {
        Fail({row->line, row->user.user().username(), ReasonOf(row->wrong),
              std::string(row->wrong.message())});
        continue;
      }
      if (!Fits(row->user)) TESSERA_RETURN_IF_ERROR(Send(reader.position()));
      bytes_ += row->user.ByteSizeLong();
      lines_.push_back(row->line);
      *request_.add_users() = std::move(row->user);
    }
    return Send(whole_);
  }

  // What came of it, for people or as JSON.
  void Report() {
    bar_.Clear();
    if (invocation_.json()) {
      invocation_.PrintJson(ToJsonReport());
      return;
    }
    invocation_.PrintLine(absl::StrCat(arguments_.dry_run ? "Would add " : "Added ", Users(added_),
                                       ", skipped ", skipped_, ", failed ", failures_.size(), "."));
  }

  // OK if every row was added, or is there already.
  absl::Status Outcome() const {
    if (failures_.empty()) return absl::OkStatus();
    return Refusal(
        absl::StatusCode::kInvalidArgument, local_reason::kRowsFailed,
        Users(failures_.size()) + (failures_.size() == 1 ? " was" : " were") + " not added");
  }

 private:
  bool Fits(const ImportedUser& user) const {
    return request_.users_size() < kUsersPerRequest &&
           bytes_ + user.ByteSizeLong() <= kMaxRequestBytes;
  }

  absl::Status Send(size_t position) {
    if (request_.users().empty()) return absl::OkStatus();
    request_.set_validate_only(arguments_.dry_run);
    const auto answer = invocation_.CallUsers(&UserStub::ImportUsers, request_);
    if (!answer.ok()) return StoppedAt(lines_.front(), answer.status());
    if (answer->results_size() != request_.users_size()) {
      return Refusal(absl::StatusCode::kInternal, local_reason::kUnexpectedAnswer,
                     "the server answered for another number of users");
    }
    TESSERA_RETURN_IF_ERROR(Take(*answer));
    request_.Clear();
    lines_.clear();
    bytes_ = 0;
    bar_.Show(position, whole_, absl::StrCat(added_, arguments_.dry_run ? " checked" : " added"));
    return absl::OkStatus();
  }

  absl::Status Take(const ImportUsersResponse& answer) {
    for (int i = 0; i < answer.results_size(); ++i) {
      const ImportedUserResult& result = answer.results(i);
      const int64_t line = lines_[static_cast<size_t>(i)];
      if (result.reason() == ERROR_REASON_UNSPECIFIED && result.message().empty()) {
        ++added_;
      } else if (result.reason() == ERROR_REASON_USERNAME_TAKEN && arguments_.skip_existing) {
        ++skipped_;
      } else if (IsPassing(result.reason())) {
        return StoppedAt(line, Refusal(absl::StatusCode::kUnavailable, ReasonName(result.reason()),
                                       result.message()));
      } else {
        Fail({line, request_.users(i).user().username(), ReasonName(result.reason()),
              result.message()});
      }
    }
    return absl::OkStatus();
  }

  void Fail(Failure failure) {
    bar_.Clear();
    if (!invocation_.json()) {
      invocation_.world().err << "line " << failure.line << ": "
                              << EscapeForTerminal(failure.username) << ": " << failure.reason
                              << ": " << EscapeForTerminal(failure.message) << '\n';
    }
    failures_.push_back(std::move(failure));
  }

  // Everything before `line` is done with.
  absl::Status StoppedAt(int64_t line, const absl::Status& why) {
    bar_.Clear();
    PrintWarning(absl::StrCat("stopped before line ", line, ": go on with --from-line ", line,
                              " --skip-existing"),
                 invocation_.json(), invocation_.world().err);
    return why;
  }

  nlohmann::ordered_json ToJsonReport() const {
    nlohmann::ordered_json report;
    report["dry_run"] = arguments_.dry_run;
    report["added"] = added_;
    report["skipped"] = skipped_;
    report["failed"] = nlohmann::ordered_json::array();
    for (const Failure& failure : failures_) {
      report["failed"].push_back({{"line", failure.line},
                                  {"username", failure.username},
                                  {"reason", failure.reason},
                                  {"message", failure.message}});
    }
    return report;
  }

  Invocation& invocation_;
  const ImportArguments& arguments_;
  const size_t whole_;
  ProgressBar bar_;
  ImportUsersRequest request_;
  std::vector<int64_t> lines_;  // of the request's users
  size_t bytes_ = 0;
  size_t added_ = 0;
  size_t skipped_ = 0;
  std::vector<Failure> failures_;
};

absl::Status RunImport(Invocation& invocation, const ImportArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const RowFormat format, FormatOf(arguments.format, arguments.file));
  TESSERA_ASSIGN_OR_RETURN(const std::string text, ReadUserFile(invocation, arguments.file));
  TESSERA_ASSIGN_OR_RETURN(const auto reader, UserRowReader::Create(format, text));
  Import import(invocation, arguments, text.size());
  const absl::Status done = import.Run(*reader);
  import.Report();
  return done.ok() ? import.Outcome() : done;
}

struct ExportArguments {
  std::string format;
  std::string file;
  bool memberships = false;
};

absl::StatusOr<std::vector<ImportedUser>> AllUsers(Invocation& invocation) {
  const auto next = [&](const ListUsersRequest& request) {
    return invocation.CallUsers(&UserStub::ListUsers, request);
  };
  std::vector<ImportedUser> users;
  const auto take = [&](ListUsersResponse&, ListUsersResponse& page) {
    for (User& user : *page.mutable_users()) *users.emplace_back().mutable_user() = std::move(user);
  };
  TESSERA_RETURN_IF_ERROR(
      (Pages<ListUsersRequest, ListUsersResponse>(PageArguments(), next, take)).status());
  return users;
}

// The names of each user's groups, in order, by the users' ids.
absl::StatusOr<std::map<std::string, std::vector<std::string>>> AllMemberships(
    Invocation& invocation) {
  std::map<std::string, std::vector<std::string>> groups_of;
  std::vector<std::string> names;
  const auto next_groups = [&](const ListGroupsRequest& request) {
    return invocation.CallUsers(&UserStub::ListGroups, request);
  };
  const auto take_groups = [&](ListGroupsResponse&, ListGroupsResponse& page) {
    for (const Group& group : page.groups()) names.push_back(group.name());
  };
  TESSERA_RETURN_IF_ERROR(
      (Pages<ListGroupsRequest, ListGroupsResponse>(PageArguments(), next_groups, take_groups))
          .status());
  for (const std::string& name : names) {
    const auto next = [&](ListGroupMembersRequest request) {
      request.set_group(name);
      return invocation.CallUsers(&UserStub::ListGroupMembers, request);
    };
    const auto take = [&](ListGroupMembersResponse&, ListGroupMembersResponse& page) {
      for (const User& user : page.users()) groups_of[user.id()].push_back(name);
    };
    TESSERA_RETURN_IF_ERROR(
        (Pages<ListGroupMembersRequest, ListGroupMembersResponse>(PageArguments(), next, take))
            .status());
  }
  return groups_of;
}

// Roles that are granted to the user itself, and the user's groups.
absl::Status AddMemberships(Invocation& invocation, std::vector<ImportedUser>& users) {
  TESSERA_ASSIGN_OR_RETURN(const auto groups_of, AllMemberships(invocation));
  ProgressBar bar(invocation.world().err, invocation.world().err_is_terminal && !invocation.json());
  for (size_t i = 0; i < users.size(); ++i) {
    ImportedUser& user = users[i];
    LookupRolesRequest request;
    request.set_user_id(user.user().id());
    TESSERA_ASSIGN_OR_RETURN(const LookupRolesResponse answer,
                             invocation.CallUsers(&UserStub::LookupRoles, request));
    for (const EffectiveRole& role : answer.roles()) {
      if (role.direct()) user.add_roles(role.role().name());
    }
    const auto groups = groups_of.find(user.user().id());
    if (groups != groups_of.end()) {
      for (const std::string& name : groups->second) user.add_groups(name);
    }
    bar.Show(i + 1, users.size(), Users(i + 1));
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return Refusal(absl::StatusCode::kInternal, local_reason::kFileFailed,
                     "the file cannot be written");
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// For the owner alone, and never in place of a file that is there.
absl::Status WriteNew(const std::string& file, std::string_view text) {
  const Descriptor made(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made.ok()) {
    return UsageError("cannot make " + EscapeForTerminal(file) + ", or it is there already");
  }
  return WriteAll(made.get(), text);
}

// On a terminal, names that may steer it are escaped, each line by itself; CSV that is sent on is
// as it is, and JSON is harmless.
void ShowExport(RowFormat format, const std::string& text, std::ostream& out) {
  if (format != RowFormat::kCsv || ::isatty(STDOUT_FILENO) == 0) {
    out << text;
    return;
  }
  for (const absl::string_view line : absl::StrSplit(text, "\r\n", absl::SkipEmpty())) {
    out << EscapeForTerminal({line.data(), line.size()}) << '\n';
  }
}

absl::Status RunExport(Invocation& invocation, const ExportArguments& arguments) {
  const bool defaults = arguments.format.empty() && arguments.file.empty();
  TESSERA_ASSIGN_OR_RETURN(const RowFormat format,
                           FormatOf(defaults ? "jsonl" : arguments.format, arguments.file));
  TESSERA_ASSIGN_OR_RETURN(std::vector<ImportedUser> users, AllUsers(invocation));
  if (arguments.memberships) TESSERA_RETURN_IF_ERROR(AddMemberships(invocation, users));
  const std::string text = FormatUsers(format, users, arguments.memberships);
  if (arguments.file.empty()) {
    ShowExport(format, text, invocation.world().out);
    return absl::OkStatus();
  }
  TESSERA_RETURN_IF_ERROR(WriteNew(arguments.file, text));
  if (invocation.json()) invocation.PrintJson({{"users", users.size()}});
  invocation.PrintLine("Wrote " + Users(users.size()) + " to " + arguments.file + ".");
  return absl::OkStatus();
}

}  // namespace

void AddUserFileCommands(CLI::App& user, Command& chosen) {
  auto import = std::make_shared<ImportArguments>();
  CLI::App* sub =
      user.add_subcommand("import", "Add the users of a file, with their password hashes");
  sub->add_option("file", import->file, "CSV or JSON lines (`-`: standard input)")->required();
  sub->add_option("--format", import->format, "csv or jsonl; else by the file's name");
  sub->add_flag("--dry-run", import->dry_run, "Check everything, add nobody");
  sub->add_flag("--skip-existing", import->skip_existing, "A name that is taken is no failure");
  sub->add_option("--from-line", import->from_line, "Leave out what begins before this line")
      ->check(CLI::NonNegativeNumber);
  RunWith(*sub, chosen, import, &RunImport);

  auto exported = std::make_shared<ExportArguments>();
  sub = user.add_subcommand("export", "Write all users, without their passwords");
  sub->add_option("--output", exported->file, "A new file (0600); else standard output");
  sub->add_option("--format", exported->format, "csv or jsonl; else by the file's name");
  sub->add_flag("--memberships", exported->memberships, "With their roles and groups");
  RunWith(*sub, chosen, exported, &RunExport);
}

}  // namespace tessera::cli
