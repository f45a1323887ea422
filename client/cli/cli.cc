#include "tessera/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/paging.h"

namespace tessera::cli {
namespace {

constexpr char kFooter[] =
    "Environment: TESSERACTL_SERVER, TESSERACTL_CA, TESSERACTL_CONTEXT, TESSERACTL_CONFIG_DIR.\n"
    "Exit status: 0 done, 1 unexpected, 2 usage, 3 not authenticated, 4 permission denied,\n"
    "5 not found, 6 conflict, 7 unavailable, 8 invalid value.";

// Without the `{false}` that CLI11 puts behind the opposite of a flag.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return absl::StrReplaceAll(CLI::Formatter::make_option_name(option, is_positional),
                               {{"{false}", ""}});
  }
};

void AddGlobalFlags(CLI::App& app, Flags& flags) {
  app.add_option("--server", flags.server, "host:port of tesserad (default 127.0.0.1:7443)");
  app.add_option("--ca", flags.ca, "PEM file of the CA that signed the server's certificate");
  app.add_option("--context", flags.context, "The context to work in");
  app.add_option("--timeout", flags.timeout, "Of one request (default 10s)");
  app.add_flag("--json", flags.json, "Print JSON");
  // Not bound to the flags directly: CLI11 would set an absent one to false.
  app.add_flag_function(
      "--plaintext,!--no-plaintext", [&flags](int64_t times) { flags.plaintext = times > 0; },
      "Without TLS: only to this machine");
  app.add_flag_function(
      "--plaintext-off-loopback,!--no-plaintext-off-loopback",
      [&flags](int64_t times) { flags.plaintext_off_loopback = times > 0; },
      "With --plaintext: send passwords and tokens in the clear to another machine");
}

// How far a command line names a command.
struct NamedCommand {
  const CLI::App* app = nullptr;  // the last one that is known
  std::string words;              // its name: "user "
  std::string unknown;            // the word where a subcommand of it should be; empty: none

  std::string SeeHelp() const { return "; see tessera " + words + "--help"; }
};

NamedCommand FindCommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  NamedCommand named{&app, "", ""};
  for (size_t i = 0; i < arguments.size() && named.app->get_require_subcommand_min() > 0; ++i) {
    const std::string& word = arguments[i];
    if (word.empty()) break;
    if (word[0] == '-') {
      // What stands behind an option may be its value; behind an unknown one nobody can tell.
      const size_t equals = word.find('=');
      const CLI::Option* const option = app.get_option_no_throw(word.substr(0, equals));
      if (option == nullptr) break;
      if (equals == std::string::npos && option->get_items_expected_max() > 0) ++i;
      continue;
    }
    const auto found = named.app->get_subcommands(
        [&word](const CLI::App* command) { return command->check_name(word); });
    if (found.empty()) {
      named.unknown = word;
      break;
    }
    named.app = found.front();
    named.words += named.app->get_name() + " ";
  }
  return named;
}

// Whether `word` may be repeated: what has the look of a command's name is no token, and no good
// password.
bool LooksLikeCommand(const std::string& word) {
  constexpr size_t kMostBytes = 40;
  return word.size() <= kMostBytes && std::all_of(word.begin(), word.end(), [](char c) {
           return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '-';
         });
}

// What was not expected, without the values: one of them may be a secret.
absl::Status Unexpected(const CLI::App& app, const NamedCommand& named) {
  if (!named.unknown.empty()) {
    const std::string word =
        LooksLikeCommand(named.unknown) ? " " + named.words + named.unknown : "";
    return UsageError("unknown command" + word + named.SeeHelp());
  }
  for (const std::string& argument : app.remaining(true)) {
    if (argument.compare(0, 2, "--") == 0) {
      return UsageError("unknown option " + argument.substr(0, argument.find('=')));
    }
  }
  return UsageError("an argument too many" + named.SeeHelp());
}

// A command line that CLI11 refused with `error`.
absl::Status Mistaken(const CLI::App& app, const std::vector<std::string>& arguments,
                      const CLI::ParseError& error) {
  const NamedCommand named = FindCommand(app, arguments);
  const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const bool required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (extras || (required && !app.remaining(true).empty())) return Unexpected(app, named);
  return UsageError(error.what() + named.SeeHelp());
}

struct Parsed {
  Flags flags;
  Command command;
  bool makes_context = false;  // the command may work in a context that is not known yet
  std::string help;            // set: print this, and no command
};

void AddCommands(CLI::App& app, Parsed& parsed) {
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.fallthrough();  // global flags may stand anywhere
  app.footer(kFooter);
  app.set_version_flag("--version", "tessera " TESSERA_VERSION);
  AddGlobalFlags(app, parsed.flags);
  AddSessionCommands(app, parsed.command);
  AddSessionsCommands(app, parsed.command);
  AddTotpCommands(app, parsed.command);
  AddTokenCommands(app, parsed.command);
  AddExplainCommand(app, parsed.command);
  AddUserCommands(app, parsed.command);
  AddPasswordCommands(app, parsed.command);
  AddRoleCommands(app, parsed.command);
  AddGroupCommands(app, parsed.command);
  AddKeysCommands(app, parsed.command);
  AddServiceAccountCommands(app, parsed.command);
  AddAuditCommands(app, parsed.command);
  AddContextCommands(app, parsed.command);
}

bool MakesContext(const CLI::App& app) {
  return app.got_subcommand("login") ||
         (app.got_subcommand("context") && app.get_subcommand("context")->got_subcommand("set"));
}

// A mistyped name must not end in another server's defaults.
absl::Status CheckContext(const Parsed& parsed, const Settings& settings) {
  if (settings.context_known || parsed.makes_context) return absl::OkStatus();
  return NoSuchContext(settings.context_name);
}

absl::Status Parse(const std::vector<std::string>& arguments, Parsed& parsed) {
  CLI::App app("Log in to tessera, manage users and roles, inspect and check tokens", "tessera");
  AddCommands(app, parsed);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
    parsed.makes_context = MakesContext(app);
  } catch (const CLI::CallForVersion& version) {
    parsed.help = std::string(version.what()) + "\n";
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
  } catch (const CLI::CallForAllHelp&) {
    parsed.help = app.help("", CLI::AppFormatMode::All);
  } catch (const CLI::ParseError& error) {
    return Mistaken(app, arguments, error);
  }
  return absl::OkStatus();
}

absl::Status Run(World& world, const std::vector<std::string>& arguments, Flags& flags) {
  Parsed parsed;
  const absl::Status read = Parse(arguments, parsed);
  flags = parsed.flags;
  TESSERA_RETURN_IF_ERROR(read);
  if (!parsed.help.empty()) {
    world.out << parsed.help;
    return absl::OkStatus();
  }
  TESSERA_ASSIGN_OR_RETURN(Settings settings, ResolveSettings(parsed.flags, world.environment));
  TESSERA_RETURN_IF_ERROR(CheckContext(parsed, settings));
  Invocation invocation(world, parsed.flags, std::move(settings));
  return parsed.command(invocation);
}

}  // namespace

void AddPasswordOption(CLI::App& sub, PasswordOption& option) {
  sub.add_option("--password-file", option.file,
                 "Read the password from this file (`-`: standard input), not from the terminal");
  sub.add_option("--password", option.refused)->expected(0, 1)->group("");
}

Asked AskedPassword(std::string question) {
  return {std::move(question), "password", "--password-file"};
}

absl::Status CheckPasswordOption(const PasswordOption& option) {
  if (option.refused.empty()) return absl::OkStatus();
  return UsageError(
      "a password on the command line can be read by everybody on this machine; "
      "leave it out to be asked, or use --password-file");
}

void AddPageOptions(CLI::App& sub, PageArguments& arguments) {
  sub.add_option("--page-size", arguments.page_size, "Only one page, of this size")
      ->check(CLI::Range(1, kLargestPage));
  sub.add_option("--page-token", arguments.page_token, "Only one page, the one that this names");
}

void PrintNextPage(const std::string& token, std::ostream& err) {
  if (!token.empty()) err << "More: --page-token " << EscapeForTerminal(token) << '\n';
}

ExitCode RunCli(World& world, std::vector<std::string> arguments) {
  Flags flags;
  absl::Status status = Run(world, arguments, flags);
  world.out.flush();
  if (status.ok() && !world.out.good()) {
    status =
        Refusal(absl::StatusCode::kInternal, local_reason::kFileFailed, "cannot write the output");
  }
  // A command line that could not be read to its end may ask for JSON all the same.
  const bool json = flags.json || std::count(arguments.begin(), arguments.end(), "--json") > 0;
  if (!status.ok()) PrintError(status, json, world.err);
  return ExitCodeOf(status);
}

}  // namespace tessera::cli
