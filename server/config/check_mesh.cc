// The checks of `mesh.*`.
#include <algorithm>
#include <string>
#include <string_view>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr std::string_view kUnix = "unix:";

// `AUDIENCE=FILE`, of an audience that tokens can be asked for: never tesserad's own, so that no
// token that is good here is ever shown to a service behind a proxy.
bool IsRuleSet(std::string_view text, const TokensConfig& tokens) {
  const size_t end = text.find('=');
  if (end == text.npos || end + 1 == text.size()) return false;
  const std::string audience(text.substr(0, end));
  return audience != tokens.self_audience &&
         std::find(tokens.audiences.begin(), tokens.audiences.end(), audience) !=
             tokens.audiences.end();
}

bool IsUnix(std::string_view listen) {
  return listen.substr(0, kUnix.size()) == kUnix && listen.size() > kUnix.size();
}

void CheckListen(Report& report) {
  const MeshConfig& mesh = report.config().mesh;
  if (mesh.listen.empty()) {
    if (!mesh.client_ca.empty()) {
      report.Wrong("mesh.client_ca", mesh.client_ca, "expected nothing without mesh.listen");
    }
    return;
  }
  if (!mesh.client_ca.empty()) {
    if (!IsUnix(mesh.listen) && !report.config().server.tls.certificate.empty()) return;
    report.Wrong("mesh.client_ca", mesh.client_ca,
                 "expected nothing on a Unix domain socket, nor without server.tls.certificate");
    return;
  }
  if (IsUnix(mesh.listen) || IsLoopback(mesh.listen)) return;
  report.Wrong("mesh.listen", mesh.listen,
               "expected \"unix:PATH\" or a loopback address, for whoever can connect may ask; "
               "elsewhere set mesh.client_ca");
}

}  // namespace

void CheckMesh(Report& report) {
  const MeshConfig& mesh = report.config().mesh;
  if (!mesh.enabled) return;
  if (mesh.descriptor_sets.empty()) {
    report.Wrong("mesh.descriptor_sets", "", "expected at least one beside mesh.enabled = true");
  }
  for (const std::string& set : mesh.descriptor_sets) {
    if (IsRuleSet(set, report.config().tokens)) continue;
    report.Wrong("mesh.descriptor_sets", set,
                 "expected \"AUDIENCE=FILE\", the audience one of tokens.audiences");
  }
  CheckListen(report);
}

}  // namespace tessera::server
