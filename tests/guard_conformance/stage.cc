#include "tests/guard_conformance/stage.h"

namespace tessera::testing {

const char* NameOf(Api api) {
  switch (api) {
    case Api::kSync:
      return "sync";
    case Api::kCallback:
      return "callback";
    case Api::kAsync:
      return "async";
    case Api::kAsyncGeneric:
      return "async generic";
    case Api::kCallbackGeneric:
      break;
  }
  return "callback generic";
}

speech::Heard Record::Answer(const grpc::ServerContextBase& context,
                             const std::string& text) const {
  speech::Heard heard;
  heard.set_text(text);
  heard.set_subject(guard_.PrincipalOf(context)->subject());
  heard.set_saw_token(context.client_metadata().count("authorization") > 0);
  return heard;
}

std::unique_ptr<Performer> MakePerformer(Api api, GuardedServer& server, Record& record) {
  switch (api) {
    case Api::kSync:
      return MakeSync(server, record);
    case Api::kCallback:
      return MakeCallback(server, record);
    case Api::kAsync:
      return MakeAsync(server, record);
    case Api::kAsyncGeneric:
      return MakeAsyncGeneric(server, record);
    case Api::kCallbackGeneric:
      break;
  }
  return MakeCallbackGeneric(server, record);
}

void GiveRules(GuardOptions& options) {
  Rule speakers;
  speakers.admission = Admission::kAuthenticated;
  speakers.any_role = {"speaker"};
  for (const char* method : {"Say", "Collect", "Tail", "Chat"}) {
    options.rules[std::string(kPrefix) + method] = speakers;
  }
  Rule everybody;
  everybody.admission = Admission::kPublic;
  options.rules[std::string(kPrefix) + "Open"] = everybody;
}

}  // namespace tessera::testing
