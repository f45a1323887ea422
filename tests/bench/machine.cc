#include "tests/bench/machine.h"

#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <sys/utsname.h>

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/lanes/cores.h"

namespace tessera::bench {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) != 0 || colon == line.npos) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return "an unknown processor";
}

std::string Kernel() {
  utsname name{};
  return uname(&name) == 0 ? absl::StrCat(name.sysname, " ", name.release) : "an unknown kernel";
}

std::string Compiler() {
#if defined(__clang__)
  return absl::StrCat("clang ", __clang_version__);
#else
  return absl::StrCat("g++ ", __VERSION__);
#endif
}

}  // namespace

Machine Machine::This() {
  Machine machine;
  machine.cores = server::UsableCores();
  machine.processor = ProcessorName();
  machine.kernel = Kernel();
  machine.compiler = Compiler();
  machine.build = TESSERA_BUILD_TYPE;
  machine.versions = {{"gRPC", grpc::Version()},
                      {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
                      {"SQLite", sqlite3_libversion()}};
  return machine;
}

std::string Machine::Text() const {
  return absl::StrCat(cores, " cores of ", processor, ", ", kernel, ", ", compiler, " (", build,
                      "), ", absl::StrJoin(versions, ", ", absl::PairFormatter(" ")));
}

std::map<std::string, std::string> Machine::Fields() const {
  std::map<std::string, std::string> fields = versions;
  fields.insert({{"cores", absl::StrCat(cores)},
                 {"processor", processor},
                 {"kernel", kernel},
                 {"compiler", compiler},
                 {"build", build}});
  return fields;
}

}  // namespace tessera::bench
