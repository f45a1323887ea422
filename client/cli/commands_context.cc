// context set, use, list.
#include <ostream>
#include <vector>

#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/connection.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

using nlohmann::ordered_json;

struct NameArguments {
  std::string name;
};

ordered_json ContextJson(const std::string& name, const Context& context, bool current) {
  return {{"name", name},
          {"current", current},
          {"server", context.server},
          {"ca", context.ca},
          {"plaintext", context.plaintext},
          {"plaintext_off_loopback", context.plaintext_off_loopback},
          {"issuer", context.issuer}};
}

absl::Status Set(Invocation& invocation, const NameArguments& arguments) {
  Flags flags = invocation.flags();
  flags.context = arguments.name.empty() ? invocation.settings().context_name : arguments.name;
  // Flags and environment over what the named context holds so far.
  TESSERA_ASSIGN_OR_RETURN(const Settings resolved,
                           ResolveSettings(flags, invocation.world().environment));
  TESSERA_RETURN_IF_ERROR(Connect(resolved.context).status());
  TESSERA_RETURN_IF_ERROR(invocation.contexts().Save(resolved.context_name, resolved.context));
  if (invocation.json()) {
    TESSERA_ASSIGN_OR_RETURN(const std::string current, invocation.contexts().Current());
    invocation.PrintJson(
        ContextJson(resolved.context_name, resolved.context, current == resolved.context_name));
  }
  invocation.PrintLine("Context " + resolved.context_name + ": " + resolved.context.server +
                       (resolved.context.plaintext ? " (plaintext)" : ""));
  return absl::OkStatus();
}

absl::Status Use(Invocation& invocation, const NameArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(invocation.contexts().Use(arguments.name));
  if (invocation.json()) invocation.PrintJson({{"name", arguments.name}, {"current", true}});
  invocation.PrintLine("Context " + arguments.name + " is in use now.");
  return absl::OkStatus();
}

absl::Status List(Invocation& invocation, const NameArguments& /*arguments*/) {
  const ContextStore& store = invocation.contexts();
  TESSERA_ASSIGN_OR_RETURN(const std::string current, store.Current());
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.List());
  ordered_json contexts = ordered_json::array();
  Table table({"current", "name", "server", "plaintext", "ca"});
  for (const std::string& name : names) {
    TESSERA_ASSIGN_OR_RETURN(const std::optional<Context> context, store.Load(name));
    if (!context.has_value()) continue;
    contexts.push_back(ContextJson(name, *context, name == current));
    table.Add({name == current ? "*" : "", name, context->server,
               context->plaintext ? "true" : "false", context->ca});
  }
  if (invocation.json()) {
    invocation.PrintJson({{"contexts", contexts}});
  } else {
    table.Print(invocation.world().out);
  }
  return absl::OkStatus();
}

}  // namespace

void AddContextCommands(CLI::App& app, Command& chosen) {
  CLI::App* context = app.add_subcommand("context", "Keep server settings under a name");
  context->require_subcommand(1);

  auto set = std::make_shared<NameArguments>();
  CLI::App* sub = context->add_subcommand(
      "set", "Keep --server, --ca and --plaintext; what is not given stays");
  sub->add_option("name", set->name, "Which context (default: the one in use)");
  RunWith(*sub, chosen, set, &Set);

  auto use = std::make_shared<NameArguments>();
  sub = context->add_subcommand("use", "Choose the context of later commands");
  sub->add_option("name", use->name, "Which context")->required();
  RunWith(*sub, chosen, use, &Use);

  auto list = std::make_shared<NameArguments>();
  sub = context->add_subcommand("list", "Show all contexts");
  RunWith(*sub, chosen, list, &List);
}

}  // namespace tessera::cli
