#include "tessera/cli/context_store.h"

#include <pwd.h>
#include <unistd.h>

#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/json_fields.h"
#include "tessera/cli/private_folder.h"

namespace tessera::cli {
namespace {

constexpr char kFolder[] = "contexts";
constexpr char kCurrent[] = "current";
constexpr char kSuffix[] = ".json";
constexpr size_t kMaxNameBytes = 64;
constexpr absl::Duration kLockLimit = absl::Seconds(5);
constexpr auto kTrusted = PrivateFolder::Privacy::kTrusted;

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

absl::StatusOr<PrivateFolder> OpenFolder(const std::string& folder) {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::Open(folder));
  return root.Child(kFolder, kTrusted);
}

absl::Status WriteFile(const std::string& folder, const std::string& name, std::string text) {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::OpenOrMake(folder));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder contexts, root.ChildOrMake(kFolder, kTrusted));
  TESSERA_ASSIGN_OR_RETURN(const FileLock lock, contexts.Lock(name, kLockLimit));
  return contexts.Write(lock, Secret(std::move(text)));
}

// The text of a file; absent if it or the folder is.
absl::StatusOr<std::optional<Secret>> ReadFile(const std::string& folder, const std::string& name) {
  const absl::StatusOr<PrivateFolder> contexts = OpenFolder(folder);
  if (absl::IsNotFound(contexts.status())) return std::nullopt;
  TESSERA_RETURN_IF_ERROR(contexts.status());
  absl::StatusOr<Secret> bytes = contexts->Read(name);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  TESSERA_RETURN_IF_ERROR(bytes.status());
  return *std::move(bytes);
}

absl::Status ReadMembers(const nlohmann::json& object, Context& context) {
  TESSERA_RETURN_IF_ERROR(ReadText(object, "server", context.server));
  TESSERA_RETURN_IF_ERROR(ReadText(object, "ca", context.ca));
  TESSERA_RETURN_IF_ERROR(ReadFlag(object, "plaintext", context.plaintext));
  TESSERA_RETURN_IF_ERROR(
      ReadFlag(object, "plaintext_off_loopback", context.plaintext_off_loopback));
  return ReadText(object, "issuer", context.issuer);
}

std::string HomeFolder(const Environment& environment) {
  if (const auto home = environment("HOME")) return *home;
  // Called before any thread is started.
  const passwd* entry = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe)
  return entry == nullptr || entry->pw_dir == nullptr ? std::string() : entry->pw_dir;
}

}  // namespace

absl::Status CheckContextName(std::string_view name) {
  bool good = !name.empty() && name.size() <= kMaxNameBytes && IsWordCharacter(name[0]);
  for (const char c : name) good = good && (IsWordCharacter(c) || c == '.' || c == '_' || c == '-');
  if (good) return absl::OkStatus();
  return UsageError(
      "a context's name is 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter "
      "or a digit");
}

absl::Status NoSuchContext(const std::string& name) {
  return Refusal(absl::StatusCode::kNotFound, local_reason::kContextNotFound,
                 "no context " + name + "; see `tessera context list`");
}

absl::StatusOr<std::string> ConfigFolder(const Environment& environment) {
  std::string folder;
  if (const auto own = environment("TESSERACTL_CONFIG_DIR")) {
    folder = *own;
  } else if (const auto xdg = environment("XDG_CONFIG_HOME"); xdg && (*xdg)[0] == '/') {
    folder = *xdg + "/tessera";
  } else if (const std::string home = HomeFolder(environment); !home.empty()) {
    folder = home + "/.config/tessera";
  }
  if (folder.empty() || folder[0] != '/') {
    return UsageError(
        "no place for the configuration: set HOME, or TESSERACTL_CONFIG_DIR to an "
        "absolute path");
  }
  return folder;
}

absl::StatusOr<std::string> ContextStore::Current() const {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Secret> text, ReadFile(folder_, kCurrent));
  if (!text.has_value()) return std::string(kDefaultContext);
  std::string name(text->Reveal());
  while (!name.empty() && name.back() == '\n') name.pop_back();
  if (!CheckContextName(name).ok()) {
    return BadFile(folder_ + "/contexts/current", "not the name of a context");
  }
  return name;
}

absl::Status ContextStore::Use(const std::string& name) const {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Context> context, Load(name));
  if (!context.has_value()) return NoSuchContext(name);
  return WriteFile(folder_, kCurrent, name + "\n");
}

absl::StatusOr<std::optional<Context>> ContextStore::Load(const std::string& name) const {
  TESSERA_RETURN_IF_ERROR(CheckContextName(name));
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Secret> text, ReadFile(folder_, name + kSuffix));
  if (!text.has_value()) return std::nullopt;
  const std::string path = folder_ + "/contexts/" + name + kSuffix;
  TESSERA_ASSIGN_OR_RETURN(const nlohmann::json object, ParseFile(path, *text));
  Context context;
  const absl::Status read = ReadMembers(object, context);
  if (!read.ok()) return BadFile(path, std::string(read.message()));
  return context;
}

absl::Status ContextStore::Save(const std::string& name, const Context& context) const {
  TESSERA_RETURN_IF_ERROR(CheckContextName(name));
  const nlohmann::ordered_json object = {{"version", 1},
                                         {"server", context.server},
                                         {"ca", context.ca},
                                         {"plaintext", context.plaintext},
                                         {"plaintext_off_loopback", context.plaintext_off_loopback},
                                         {"issuer", context.issuer}};
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  return WriteFile(folder_, name + kSuffix, object.dump(2, ' ', true, kReplace) + "\n");
}

absl::StatusOr<std::vector<std::string>> ContextStore::List() const {
  const absl::StatusOr<PrivateFolder> contexts = OpenFolder(folder_);
  if (absl::IsNotFound(contexts.status())) return std::vector<std::string>();
  TESSERA_RETURN_IF_ERROR(contexts.status());
  TESSERA_ASSIGN_OR_RETURN(std::vector<std::string> names, contexts->List(kSuffix));
  for (std::string& name : names) name.resize(name.size() - (sizeof(kSuffix) - 1));
  return names;
}

}  // namespace tessera::cli
