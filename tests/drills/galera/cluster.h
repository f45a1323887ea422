// Three MariaDB nodes that replicate to each other (Galera) behind HAProxy, on this machine's
// loopback.
#ifndef TESSERA_TESTS_DRILLS_GALERA_CLUSTER_H_
#define TESSERA_TESTS_DRILLS_GALERA_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/drills/galera/node_agent.h"

namespace tessera::testing {

// The ports that all nodes have, each on an address of its own.
struct ClusterPorts {
  int sql = 0, group = 0, incremental = 0, snapshot = 0, agent = 0;
};

// HAProxy's configuration: one node takes all connections, the others stand by in order; a node
// counts if it takes connections and its agent says `up`.
std::string ProxyConfig(const std::vector<std::string>& nodes, const ClusterPorts& ports,
                        const std::string& listen);

bool IsInPath(const std::string& program);

// Nodes are numbered from 0; the proxy prefers the first one that is up. Everything ends with the
// object, and when the process is killed; then the folder goes a second later. What fails throws
// std::runtime_error with the server's own words. Not thread-safe, but for Sql and the addresses.
class GaleraCluster {
 public:
  static constexpr int kNodes = 3;

  // What is missing on this machine, in words; empty if nothing is.
  static std::string Missing();

  // Forms the cluster and starts the proxy.
  GaleraCluster();
  ~GaleraCluster();
  GaleraCluster(const GaleraCluster&) = delete;
  GaleraCluster& operator=(const GaleraCluster&) = delete;

  void Kill(int node);  // SIGKILL
  // Joins again, and returns when the node is synchronised.
  void Rejoin(int node);
  void Pause(int node);   // SIGSTOP
  void Resume(int node);  // SIGCONT

  // Waits until all nodes are there, synchronised, and the proxy sends connections to the first.
  void AwaitWhole();

  // Runs statements as root over the node's socket; the rows, tab-separated, a line each.
  std::string Sql(int node, const std::string& statements, const std::string& database = "") const;
  // The node's socket, for root.
  std::string SocketOf(int node) const {
    return nodes_.at(static_cast<size_t>(node)).folder + "/sock";
  }
  // The value of a status variable there, `wsrep_cluster_size`, say.
  std::string Status(int node, const std::string& variable) const;

  // `mysql://drill@HOST:PORT/tessera`: through the proxy, or past it.
  std::string url() const;
  std::string url(int node) const;
  const std::string& password() const { return password_; }

 private:
  struct Node {
    std::string address, folder;
    std::unique_ptr<Program> program;  // null: does not run
    std::unique_ptr<NodeAgent> agent;
  };

  void Prepare(Node& node) const;
  void CreateData(const Node& node) const;
  void CreateAccount() const;
  // With `more` arguments; returns when the node is synchronised.
  void Launch(Node& node, std::vector<std::string> more);
  void StartProxy();
  bool IsWhole() const;

  const TemporaryFolder folder_;
  const std::string password_;
  ClusterPorts ports_;
  int proxy_port_ = 0;
  std::vector<Node> nodes_;
  std::unique_ptr<Program> proxy_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_GALERA_CLUSTER_H_
