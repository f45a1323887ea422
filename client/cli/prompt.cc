#include "tessera/cli/prompt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

absl::StatusOr<Secret> ReadUpTo(int fd, size_t limit, const std::string& name) {
  std::string bytes(limit + 1, '\0');
  size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return UsageError("cannot read " + name + ": " + std::strerror(errno));
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  Secret secret = Secret::CopyOf(std::string_view(bytes).substr(0, length));
  WipeString(bytes);
  if (length > limit) return UsageError(name + " is too long");
  return secret;
}

absl::Status CheckMode(int fd, const std::string& file) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return UsageError("cannot look at " + file);
  if (!S_ISREG(found.st_mode)) return absl::OkStatus();
  if ((found.st_mode & 07) != 0 || (found.st_mode & 020) != 0) {
    return UsageError(file + " is open to other users; chmod 600");
  }
  return absl::OkStatus();
}

enum class Kind { kPassword, kToken };

absl::StatusOr<Secret> ReadFileOrInput(const std::string& file, const Sources& sources, Kind kind) {
  // Room for the line's end.
  const size_t limit = kind == Kind::kPassword ? kMaxPasswordBytes + 2 : kMaxTokenFileBytes;
  if (file == "-") return ReadUpTo(sources.in, limit, "standard input");
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!opened.ok()) return UsageError("cannot open " + file + ": " + std::strerror(errno));
  if (kind == Kind::kPassword) TESSERA_RETURN_IF_ERROR(CheckMode(opened.get(), file));
  return ReadUpTo(opened.get(), limit, file);
}

std::string NameOf(const std::string& file) { return file == "-" ? "standard input" : file; }

absl::StatusOr<Terminal> OpenToAsk(const Asked& asked, const Sources& sources) {
  absl::StatusOr<Terminal> terminal = Terminal::Open(sources.terminal);
  if (terminal.ok()) return terminal;
  return UsageError("there is no terminal to ask for the " + asked.name + " on; give it with " +
                    asked.option + " (- is standard input)");
}

absl::StatusOr<Secret> Ask(Terminal& terminal, const Asked& asked) {
  absl::StatusOr<Secret> secret = terminal.AskSecret(asked.question);
  if (secret.ok() && secret->empty()) return UsageError("the " + asked.name + " is empty");
  return secret;
}

}  // namespace

absl::StatusOr<Secret> ReadPasswordFile(const std::string& file, const Sources& sources,
                                        const std::string& name) {
  TESSERA_ASSIGN_OR_RETURN(const Secret bytes, ReadFileOrInput(file, sources, Kind::kPassword));
  std::string_view text = bytes.Reveal();
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.empty()) return UsageError(NameOf(file) + " holds no " + name);
  if (text.find('\n') != std::string_view::npos) {
    return UsageError(NameOf(file) + " has several lines; expected the " + name + " alone");
  }
  return Secret::CopyOf(text);
}

absl::StatusOr<Secret> ReadPassword(const std::string& file, const Asked& asked,
                                    const Sources& sources) {
  if (!file.empty()) return ReadPasswordFile(file, sources, asked.name);
  TESSERA_ASSIGN_OR_RETURN(Terminal terminal, OpenToAsk(asked, sources));
  return Ask(terminal, asked);
}

absl::StatusOr<Secret> ReadNewPassword(const std::string& file, const Asked& asked,
                                       const Sources& sources) {
  if (!file.empty()) return ReadPasswordFile(file, sources, asked.name);
  TESSERA_ASSIGN_OR_RETURN(Terminal terminal, OpenToAsk(asked, sources));
  TESSERA_ASSIGN_OR_RETURN(Secret first, Ask(terminal, asked));
  TESSERA_ASSIGN_OR_RETURN(const Secret second, terminal.AskSecret("Once more: "));
  if (!(first == second)) return UsageError("the two passwords differ");
  return first;
}

absl::StatusOr<Secret> ReadTokenFile(const std::string& file, const Sources& sources) {
  TESSERA_ASSIGN_OR_RETURN(const Secret bytes, ReadFileOrInput(file, sources, Kind::kToken));
  const std::string_view text = bytes.Reveal();
  const size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return UsageError(NameOf(file) + " holds no token");
  const size_t last = text.find_last_not_of(kWhiteSpace);
  return Secret::CopyOf(text.substr(first, last - first + 1));
}

}  // namespace tessera::cli
