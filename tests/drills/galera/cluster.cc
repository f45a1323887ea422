#include "tests/drills/galera/cluster.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tests/drills/sweeper.h"
#include "tests/mariadb/root_client.h"

namespace tessera::testing {
namespace {

using Words = std::vector<std::string>;

constexpr char kProxyAddress[] = "127.0.0.10";
constexpr char kDatabase[] = "tessera";
constexpr char kAccount[] = "drill";
constexpr char kServersUser[] = "nobody";  // mariadbd will not run as root
constexpr char kProvider[] = "/usr/lib/galera/libgalera_smm.so";
constexpr absl::Duration kLimit = absl::Minutes(2);
constexpr useconds_t kLookEveryMicros = 100'000;
// Below those that the kernel gives away; the same on each node's own address.
constexpr uint64_t kFirstPort = 20'000, kPorts = 12'000;
constexpr int kPortTries = 50;

std::string NodeAddress(int node) { return absl::StrCat("127.0.0.", 11 + node); }

bool IsFree(const std::string& address, int port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  const bool free = bind(probe, reinterpret_cast<const sockaddr*>(&where), sizeof(where)) == 0;
  close(probe);
  return free;
}

bool IsFreeEverywhere(int port) {
  bool free = IsFree(kProxyAddress, port);
  for (int i = 0; i < GaleraCluster::kNodes; ++i) free = free && IsFree(NodeAddress(i), port);
  return free;
}

// So many in a row that are free on all addresses.
int FreePorts(int count) {
  for (int tries = 0; tries < kPortTries; ++tries) {
    const int first = static_cast<int>(kFirstPort + RandomBelow(kPorts));
    bool free = true;
    for (int i = 0; i < count; ++i) free = free && IsFreeEverywhere(first + i);
    if (free) return first;
  }
  throw std::runtime_error("no free ports on 127.0.0.10 to 127.0.0.13");
}

std::string Path() {
  const char* const path = std::getenv("PATH");
  return path == nullptr ? "" : path;
}

// Where in the PATH the program is; empty if nowhere.
std::string FolderInPath(const std::string& program) {
  const Words folders = absl::StrSplit(Path(), ':');
  const auto found = std::find_if(folders.begin(), folders.end(), [&](const std::string& folder) {
    return access((folder + "/" + program).c_str(), X_OK) == 0;
  });
  return found == folders.end() ? "" : *found;
}

// The scripts by which nodes take over each other's state, where the nodes' user may read them.
void CopyScripts(const std::string& to) {
  std::filesystem::create_directory(to);
  for (const char* name : {"wsrep_sst_common", "wsrep_sst_rsync"}) {
    std::filesystem::copy_file(FolderInPath("wsrep_sst_rsync") + "/" + name, to + "/" + name);
  }
}

// A change of user would undo that the program ends with the test, so that is said anew.
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

std::unique_ptr<Program> MustStart(const Words& argv) {
  auto program = Program::Start(argv);
  if (program == nullptr) throw std::runtime_error("cannot start " + argv[0]);
  return program;
}

Words Joined(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

template <typename Test>
void Await(const std::string& what, Test test) {
  const absl::Time limit = SystemClock().Now() + kLimit;
  while (!test()) {
    if (SystemClock().Now() >= limit) throw std::runtime_error("too late: " + what);
    usleep(kLookEveryMicros);
  }
}

// Seconds count in a failover: a node that says nothing for 1.5 s is suspected, and left out when
// the others agree.
std::string ProviderOptions(const std::string& address, const ClusterPorts& ports) {
  return absl::StrCat("gmcast.listen_addr=tcp://", address, ":", ports.group,
                      ";ist.recv_addr=", address, ":", ports.incremental,
                      ";gcache.size=32M;evs.keepalive_period=PT0.3S;evs.suspect_timeout=PT1.5S",
                      ";evs.inactive_timeout=PT3S;evs.install_timeout=PT3S");
}

std::string NodeConfig(const std::string& name, const std::string& address,
                       const std::string& folder, const ClusterPorts& ports) {
  Words members;
  members.reserve(GaleraCluster::kNodes);
  for (int i = 0; i < GaleraCluster::kNodes; ++i) {
    members.push_back(absl::StrCat(NodeAddress(i), ":", ports.group));
  }
  return absl::StrCat(
      "[mariadbd]\ndatadir=", folder, "/data\nsocket=", folder, "/sock\npid-file=", folder,
      "/pid\ntmpdir=", folder, "\nbind-address=", address, "\nport=", ports.sql,
      "\nskip-name-resolve\nskip-log-bin\nbinlog-format=ROW\ndefault-storage-engine=InnoDB",
      "\ncharacter-set-server=utf8mb4\ncollation-server=utf8mb4_bin\nperformance-schema=OFF",
      "\ninnodb-autoinc-lock-mode=2\ninnodb-flush-log-at-trx-commit=1",
      "\ninnodb-buffer-pool-size=64M\ninnodb-log-file-size=48M\nwsrep-on=ON\nwsrep-provider=",
      kProvider, "\nwsrep-cluster-name=drill\nwsrep-cluster-address=gcomm://",
      absl::StrJoin(members, ","), "\nwsrep-node-name=", name, "\nwsrep-node-address=", address,
      "\nwsrep-sst-method=rsync\nwsrep-sst-receive-address=", address, ":", ports.snapshot,
      "\nwsrep-slave-threads=2\nwsrep-provider-options=\"", ProviderOptions(address, ports),
      "\"\n");
}

// Where InnoDB stood when the node died: with it the node asks only for what it has missed.
std::string RecoveredPosition(const std::string& config) {
  const auto recovery = MustStart(
      Joined(AsServersUser(), {"mariadbd", "--defaults-file=" + config, "--wsrep-recover"}));
  constexpr char kSays[] = "Recovered position:";
  const std::string line = recovery->WaitForLine(kSays, kLimit);
  recovery->Wait(kLimit);
  if (line.empty()) throw std::runtime_error("no position: " + recovery->Output());
  return std::string(absl::StripAsciiWhitespace(line.substr(line.find(kSays) + sizeof(kSays) - 1)));
}

}  // namespace

std::string ProxyConfig(const std::vector<std::string>& nodes, const ClusterPorts& ports,
                        const std::string& listen) {
  std::string text = absl::StrCat(
      "global\n  maxconn 1000\ndefaults\n  mode tcp\n  timeout connect 2s\n"
      "  timeout client 1h\n  timeout server 1h\n  timeout check 1s\n"
      "listen cluster\n  bind ",
      listen,
      "\n  option tcp-check\n"
      "  default-server inter 500ms fastinter 100ms fall 2 rise 2 agent-inter 250ms"
      " on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n");
  for (size_t i = 0; i < nodes.size(); ++i) {
    absl::StrAppend(&text, "  server node", i, " ", nodes[i], ":", ports.sql,
                    " check agent-check agent-addr ", nodes[i], " agent-port ", ports.agent,
                    i == 0 ? "\n" : " backup\n");
  }
  return text;
}

bool IsInPath(const std::string& program) { return !FolderInPath(program).empty(); }

std::string GaleraCluster::Missing() {
  std::string missing;
  for (const char* program :
       {"mariadbd", "mariadb-install-db", "haproxy", "rsync", "wsrep_sst_rsync", "setpriv"}) {
    if (!IsInPath(program)) absl::StrAppend(&missing, " ", program);
  }
  if (access(kProvider, R_OK) != 0) absl::StrAppend(&missing, " ", kProvider);
  return missing;
}

GaleraCluster::GaleraCluster() : password_(absl::BytesToHexString(RandomBytes(16))) {
  if (const std::string missing = Missing(); !missing.empty()) {
    throw std::runtime_error("not installed:" + missing);
  }
  chmod(folder_.path().c_str(), 0711);
  WhenThisProcessIsGone("rm -rf -- $1", folder_.path());
  CopyScripts(folder_.Path("bin"));
  const int first = FreePorts(6);
  ports_ = {first, first + 1, first + 2, first + 3, first + 4};
  proxy_port_ = first + 5;
  for (int i = 0; i < kNodes; ++i) {
    nodes_.push_back({NodeAddress(i), folder_.Path(absl::StrCat("node", i)), nullptr, nullptr});
    Prepare(nodes_.back());
  }
  CreateData(nodes_[0]);
  Launch(nodes_[0], {"--wsrep-new-cluster"});
  CreateAccount();
  for (int i = 1; i < kNodes; ++i) Launch(nodes_[static_cast<size_t>(i)], {});
  StartProxy();
  AwaitWhole();
}

GaleraCluster::~GaleraCluster() {
  proxy_.reset();
  for (Node& node : nodes_) {
    node.agent.reset();
    node.program.reset();
  }
}

void GaleraCluster::Prepare(Node& node) const {
  std::filesystem::create_directories(node.folder + "/data");
  WriteFile(
      node.folder + "/my.cnf",
      NodeConfig(std::filesystem::path(node.folder).filename(), node.address, node.folder, ports_),
      0644);
  GiveToServersUser(node.folder);
  GiveToServersUser(node.folder + "/data");
}

void GaleraCluster::CreateData(const Node& node) const {
  const auto install = MustStart(Joined(
      AsServersUser(), {"mariadb-install-db", "--no-defaults", "--datadir=" + node.folder + "/data",
                        "--tmpdir=" + node.folder, "--skip-test-db",
                        "--auth-root-authentication-method=normal", "--innodb-log-file-size=48M"}));
  if (install->Wait(kLimit) != 0) throw std::runtime_error(install->Output());
}

void GaleraCluster::CreateAccount() const {
  Sql(0, absl::StrCat("CREATE DATABASE ", kDatabase,
                      " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; CREATE USER ", kAccount,
                      "@'127.0.0.%' IDENTIFIED BY '", password_,
                      "'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES"
                      " ON ",
                      kDatabase, ".* TO ", kAccount, "@'127.0.0.%'"));
}

void GaleraCluster::Launch(Node& node, std::vector<std::string> more) {
  const Words argv =
      Joined(Joined(AsServersUser(), {"env", "PATH=" + folder_.Path("bin") + ":" + Path(),
                                      "mariadbd", "--defaults-file=" + node.folder + "/my.cnf"}),
             more);
  node.program = MustStart(argv);
  const int number = static_cast<int>(&node - nodes_.data());
  Await("node " + node.address + " joins", [&] {
    if (node.program->Wait(absl::ZeroDuration()) != -1) {
      throw std::runtime_error("mariadbd: " + node.program->Output());
    }
    return Status(number, "wsrep_local_state") == "4" && Status(number, "wsrep_ready") == "ON";
  });
}

void GaleraCluster::StartProxy() {
  Words addresses;
  addresses.reserve(kNodes);
  for (Node& node : nodes_) {
    addresses.push_back(node.address);
    node.agent = std::make_unique<NodeAgent>(node.address, ports_.agent, node.folder + "/sock");
  }
  const std::string config = folder_.Write(
      "haproxy.cfg", ProxyConfig(addresses, ports_, absl::StrCat(kProxyAddress, ":", proxy_port_)));
  proxy_ = MustStart({"haproxy", "-db", "-f", config});
}

void GaleraCluster::Kill(int number) {
  Node& node = nodes_.at(static_cast<size_t>(number));
  node.program->Signal(SIGKILL);
  node.program->Wait(kLimit);
  node.program.reset();
}

void GaleraCluster::Rejoin(int number) {
  Node& node = nodes_.at(static_cast<size_t>(number));
  Launch(node, {"--wsrep-start-position=" + RecoveredPosition(node.folder + "/my.cnf")});
}

void GaleraCluster::Pause(int node) {
  nodes_.at(static_cast<size_t>(node)).program->Signal(SIGSTOP);
}

void GaleraCluster::Resume(int node) {
  nodes_.at(static_cast<size_t>(node)).program->Signal(SIGCONT);
}

void GaleraCluster::AwaitWhole() {
  Await("the cluster is whole", [this] { return IsWhole(); });
}

// The proxy has been told by the agents; whom it prefers shows in the address behind it.
bool GaleraCluster::IsWhole() const {
  for (int i = 0; i < kNodes; ++i) {
    if (Status(i, "wsrep_cluster_size") != absl::StrCat(kNodes)) return false;
    if (!nodes_[static_cast<size_t>(i)].agent->IsUp()) return false;
  }
  return true;
}

std::string GaleraCluster::Sql(int node, const std::string& statements,
                               const std::string& database) const {
  return RootClient(SocketOf(node), database).Run(statements);
}

std::string GaleraCluster::Status(int node, const std::string& variable) const {
  try {
    const std::string row = Sql(node, "SHOW GLOBAL STATUS LIKE '" + variable + "'");
    const size_t tab = row.find('\t');
    return tab == std::string::npos ? "" : row.substr(tab + 1, row.find('\n') - tab - 1);
  } catch (const std::runtime_error&) {
    return "";
  }
}

std::string GaleraCluster::url() const {
  return absl::StrCat("mysql://", kAccount, "@", kProxyAddress, ":", proxy_port_, "/", kDatabase);
}

std::string GaleraCluster::url(int node) const {
  return absl::StrCat("mysql://", kAccount, "@", nodes_.at(static_cast<size_t>(node)).address, ":",
                      ports_.sql, "/", kDatabase);
}

}  // namespace tessera::testing
