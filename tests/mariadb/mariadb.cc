#include "tests/mariadb/mariadb.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tests/base/free_port.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/root_client.h"
#include "tests/mariadb/shared_server.h"

namespace tessera::testing {
namespace {

// Generous: a sanitised test beside others on a slow machine.
constexpr absl::Duration kLimit = absl::Seconds(90);
constexpr char kLogFileSize[] = "--innodb-log-file-size=48M";
// The address of a socket has room for 107 bytes; what stands before "/tessera-XXXXXX/sock".
constexpr size_t kLongestParent = 80;
constexpr int kPortTries = 20;
// mariadbd will not run as root. The folder is its own.
constexpr char kServersUser[] = "nobody";

using Words = std::vector<std::string>;

// Making a database syncs some sixty times: on a disk that is what tests would mostly wait for.
// Memory outlives a killed server as a disk does.
constexpr char kInMemory[] = "/dev/shm";
constexpr std::uintmax_t kMemoryWanted = std::uintmax_t{1} << 30;  // bytes

bool HasRoomInMemory() {
  std::error_code error;
  const auto room = std::filesystem::space(kInMemory, error);
  return !error && room.available >= kMemoryWanted && access(kInMemory, W_OK) == 0;
}

std::string ParentFolder(bool on_disk) {
  if (!on_disk && HasRoomInMemory()) return kInMemory;
  const std::string folder = std::filesystem::temp_directory_path().string();
  return folder.size() <= kLongestParent ? folder : "/tmp";
}

// What has to stand before a command that touches the server's files. A change of user would also
// undo that the command ends with the test, so that is said anew.
Words AsServersUser() {
  if (geteuid() != 0) return {};
  return {"setpriv", absl::StrCat("--reuid=", kServersUser), "--regid=nogroup", "--clear-groups",
          "--pdeathsig=KILL"};
}

void GiveToServersUser(const std::string& path) {
  const passwd* const user = geteuid() == 0 ? getpwnam(kServersUser) : nullptr;
  if (user != nullptr && chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give away " + path);
  }
}

void MustRun(const Words& argv) {
  const auto program = Program::Start(argv);
  if (program == nullptr || program->Wait(kLimit) != 0) {
    throw std::runtime_error(argv[0] + ": " + (program == nullptr ? "" : program->Output()));
  }
}

// An authority, and by it a certificate for 127.0.0.1 and localhost.
void MakeCertificate(const TemporaryFolder& folder) {
  const std::string names = folder.Write("names", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const auto new_key = [&](const std::string& name) {
    return Words{"openssl",
                 "req",
                 "-newkey",
                 "ec",
                 "-pkeyopt",
                 "ec_paramgen_curve:P-256",
                 "-nodes",
                 "-subj",
                 "/CN=tessera-test-" + name,
                 "-keyout",
                 folder.Path(name + ".key")};
  };
  Words authority = new_key("ca");
  authority.insert(authority.end(), {"-x509", "-days", "2", "-out", folder.Path("ca.pem")});
  MustRun(authority);
  Words request = new_key("server");
  request.insert(request.end(), {"-out", folder.Path("server.csr")});
  MustRun(request);
  MustRun({"openssl", "x509", "-req", "-days", "2", "-in", folder.Path("server.csr"), "-CA",
           folder.Path("ca.pem"), "-CAkey", folder.Path("ca.key"), "-CAcreateserial", "-extfile",
           names, "-out", folder.Path("server.pem")});
  for (const char* name : {"server.pem", "server.key"}) GiveToServersUser(folder.Path(name));
}

// The temporary folder is its own too: a server that starts removes the temporary tables of others.
void MakeDataFolder(const TemporaryFolder& folder) {
  GiveToServersUser(folder.path());
  Words argv = AsServersUser();
  argv.insert(argv.end(),
              {"mariadb-install-db", "--no-defaults", "--datadir=" + folder.Path("data"),
               "--tmpdir=" + folder.path(), "--auth-root-authentication-method=normal",
               "--skip-test-db", kLogFileSize});
  MustRun(argv);
}

// Durable as in production; small in everything else.
Words ServerArguments(const std::string& folder, int port) {
  return {MARIADBD_PROGRAM,
          "--no-defaults",
          "--datadir=" + folder + "/data",
          "--socket=" + folder + "/sock",
          "--pid-file=" + folder + "/pid",
          "--tmpdir=" + folder,
          "--bind-address=127.0.0.1",
          absl::StrCat("--port=", port),
          "--skip-name-resolve",
          "--skip-log-bin",
          "--character-set-server=utf8mb4",
          "--collation-server=utf8mb4_bin",
          "--max-connections=600",
          "--performance-schema=OFF",
          "--innodb-flush-log-at-trx-commit=1",
          "--innodb-buffer-pool-size=64M",
          "--innodb-buffer-pool-dump-at-shutdown=OFF",
          "--innodb-buffer-pool-load-at-startup=OFF",
          "--innodb-log-buffer-size=4M",
          "--aria-pagecache-buffer-size=8M",
          "--key-buffer-size=1M",
          kLogFileSize};
}

// The accounts that a fresh server has for root over TCP, and for anybody, all without a password.
constexpr char kLockTheDoors[] =
    "DELETE FROM mysql.global_priv"
    " WHERE Host <> 'localhost' OR User NOT IN ('root', 'mariadb.sys');"
    " FLUSH PRIVILEGES";

}  // namespace

struct MariaDb::Parts {
  Options options;
  std::string folder;
  int port = 0;
  std::unique_ptr<TemporaryFolder> own;  // null: another process runs the server
  std::unique_ptr<Program> program;      // null: stopped, or likewise

  Program& Running() const {
    if (program == nullptr) throw std::logic_error("this test runs no such server");
    return *program;
  }
  std::string StartProgram();
};

// Empty once the server takes connections; otherwise what it printed.
std::string MariaDb::Parts::StartProgram() {
  Words argv = options.run_under;
  for (const Words& more : {AsServersUser(), ServerArguments(folder, port)}) {
    argv.insert(argv.end(), more.begin(), more.end());
  }
  if (options.tls) {
    argv.insert(argv.end(),
                {"--ssl-cert=" + folder + "/server.pem", "--ssl-key=" + folder + "/server.key",
                 "--ssl-ca=" + folder + "/ca.pem"});
  }
  argv.insert(argv.end(), options.arguments.begin(), options.arguments.end());
  program = Program::Start(argv);
  if (program == nullptr) return "cannot be started";
  if (!program->WaitForLine("ready for connections", kLimit).empty()) return "";
  const std::string output = program->Output();
  program.reset();
  return output.empty() ? "ended without a word" : output;
}

MariaDb& MariaDb::Shared() {
  static const auto shared = [] {
    const char* const state = std::getenv(kSharedServerVariable);
    if (state == nullptr) return std::make_unique<MariaDb>(Options());
    const SharedServer server = ReadSharedServer(state);
    auto parts = std::make_unique<Parts>();
    parts->folder = server.folder;
    parts->port = server.port;
    return std::unique_ptr<MariaDb>(new MariaDb(std::move(parts)));
  }();
  return *shared;
}

MariaDb::MariaDb(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MariaDb::MariaDb() : MariaDb(Options()) {}

MariaDb::MariaDb(Options options) : parts_(std::make_unique<Parts>()) {
  parts_->options = std::move(options);
  parts_->own = std::make_unique<TemporaryFolder>(ParentFolder(parts_->options.on_disk));
  parts_->folder = parts_->own->path();
  MakeDataFolder(*parts_->own);
  if (parts_->options.tls) MakeCertificate(*parts_->own);
  std::string error = "no port";
  for (int tries = 0; tries < kPortTries && !error.empty(); ++tries) {
    parts_->port = FreePort();
    error = parts_->StartProgram();
    if (error.find("Address already in use") == std::string::npos) break;
  }
  if (!error.empty()) throw std::runtime_error("mariadbd: " + error);
  Sql(kLockTheDoors);
}

MariaDb::~MariaDb() {
  if (parts_->program != nullptr) KillHard();
}

void MariaDb::Start() {
  if (parts_->own == nullptr || parts_->program != nullptr) {
    throw std::logic_error("the server runs, or is not this test's");
  }
  const std::string error = parts_->StartProgram();
  if (!error.empty()) throw std::runtime_error("mariadbd: " + error);
}

void MariaDb::Stop() {
  Program& running = parts_->Running();
  running.Signal(SIGCONT);
  running.Signal(SIGTERM);
  const bool ended = running.Wait(kLimit) != -1;
  parts_->program.reset();
  if (!ended) throw std::runtime_error("mariadbd did not stop");
}

void MariaDb::KillHard() {
  parts_->Running().Signal(SIGKILL);
  parts_->Running().Wait(kLimit);
  parts_->program.reset();
}

void MariaDb::Pause() { parts_->Running().Pause(); }
void MariaDb::Resume() { parts_->Running().Signal(SIGCONT); }

const std::string& MariaDb::host() const {
  static const std::string loopback = "127.0.0.1";
  return loopback;
}

int MariaDb::port() const { return parts_->port; }
std::string MariaDb::folder() const { return parts_->folder; }

std::string MariaDb::socket_file() const { return parts_->folder + "/sock"; }

std::string MariaDb::ca_file() const {
  return parts_->options.tls ? parts_->folder + "/ca.pem" : "";
}

std::string MariaDb::Sql(const std::string& statements, const std::string& database) const {
  return RootClient(socket_file(), database).Run(statements);
}

MariaDbDatabase::MariaDbDatabase(MariaDb& server)
    : server_(server),
      name_("t_" + absl::BytesToHexString(RandomBytes(8))),
      password_(absl::BytesToHexString(RandomBytes(16))) {
  const std::string account = absl::StrCat("'", name_, "'@'", server.host(), "'");
  // In a grant's name of a database an underscore stands for any character.
  const std::string all_tables = absl::StrCat("`t\\_", name_.substr(2), "`.*");
  server_.Sql(absl::StrCat(
      "CREATE DATABASE ", name_, " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; CREATE USER ",
      account, " IDENTIFIED BY '", password_, "'", server.ca_file().empty() ? "" : " REQUIRE SSL",
      "; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES ON ", all_tables,
      " TO ", account));
}

MariaDbDatabase::~MariaDbDatabase() {
  // The account first, with its connections: their locks would keep the tables.
  for (const std::string& statement :
       {absl::StrCat("KILL USER '", name_, "'@'", server_.host(), "'"),
        absl::StrCat("DROP USER '", name_, "'@'", server_.host(), "'"),
        absl::StrCat("SET lock_wait_timeout = 30; DROP DATABASE ", name_)}) {
    try {
      server_.Sql(statement);
    } catch (const std::runtime_error&) {
      // A server that the test has stopped takes its databases along.
    }
  }
}

storage::MysqlOptions MariaDbDatabase::options() const {
  storage::MysqlOptions options;
  options.host = server_.host();
  options.port = server_.port();
  options.user = name_;
  options.password = Secret::CopyOf(password_);
  options.database = name_;
  options.tls_ca = server_.ca_file();
  return options;
}

std::string MariaDbDatabase::url() const {
  return absl::StrCat("mysql://", name_, "@", server_.host(), ":", server_.port(), "/", name_);
}

}  // namespace tessera::testing
