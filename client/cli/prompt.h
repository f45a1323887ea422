// Asks people: passwords without echo, names, yes or no. Reads passwords from files.
#ifndef TESSERA_CLI_PROMPT_H_
#define TESSERA_CLI_PROMPT_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/cli/private_folder.h"

namespace tessera::cli {

// The terminal that the program was started from, whatever its standard input is. Not thread-safe.
class Terminal {
 public:
  // `path` is /dev/tty. INVALID_ARGUMENT USAGE: there is no terminal.
  static absl::StatusOr<Terminal> Open(const std::string& path);

  // The line typed, without its end. CANCELLED BROKEN_OFF: the end of input instead.
  absl::StatusOr<std::string> AskLine(const std::string& question);
  // Likewise, not shown while typed. Whatever ends the program meanwhile (^C, SIGTERM, a hang-up),
  // the terminal's echo is on again before; after ^Z and `fg` the question is asked anew.
  absl::StatusOr<Secret> AskSecret(const std::string& question);
  // True for `y` and `yes`, in any case.
  absl::StatusOr<bool> Confirm(const std::string& question);

 private:
  explicit Terminal(Descriptor terminal) : terminal_(std::move(terminal)) {}
  Descriptor terminal_;
};

// Where to ask and read.
struct Sources {
  std::string terminal = "/dev/tty";
  int in = 0;  // standard input
};

inline constexpr size_t kMaxPasswordBytes = 1024;
inline constexpr size_t kMaxTokenFileBytes = 16 * 1024;

// What is asked for. Where nobody can be asked, the error names it and the option that gives it.
struct Asked {
  std::string question;  // "Password: "
  std::string name;      // "password"
  std::string option;    // "--password-file"
};

// The first line of `file` (`-`: standard input), which must be all of it; USAGE: unreadable,
// empty, too long, several lines. A plain file that everybody may read, or that others may write,
// is refused; pipes are not looked at. `name` is what errors call it.
absl::StatusOr<Secret> ReadPasswordFile(const std::string& file, const Sources& sources,
                                        const std::string& name = "password");

// A password, a code or the like: from `file`, or if that is empty from the terminal.
absl::StatusOr<Secret> ReadPassword(const std::string& file, const Asked& asked,
                                    const Sources& sources);
// Likewise, but asks twice. USAGE: the two differ.
absl::StatusOr<Secret> ReadNewPassword(const std::string& file, const Asked& asked,
                                       const Sources& sources);

// A token: all of `file` (`-`: standard input) without the white space around it.
absl::StatusOr<Secret> ReadTokenFile(const std::string& file, const Sources& sources);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_PROMPT_H_
