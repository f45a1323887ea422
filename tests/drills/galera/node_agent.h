// Tells HAProxy whether a node of a cluster may take connections (its agent-check).
#ifndef TESSERA_TESTS_DRILLS_GALERA_NODE_AGENT_H_
#define TESSERA_TESTS_DRILLS_GALERA_NODE_AGENT_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "absl/time/time.h"

namespace tessera::testing {

// Listens at a loopback address and says `up` or `down` to whoever connects. `up`: the node said
// within the last second that it is synchronised with the others and takes statements. Two threads
// of its own; a node that is frozen or gone does not hold the answer up.
class NodeAgent {
 public:
  // `socket`: the node's own, for root. Throws std::runtime_error if it cannot listen.
  NodeAgent(const std::string& address, int port, std::string socket);
  ~NodeAgent();
  NodeAgent(const NodeAgent&) = delete;
  NodeAgent& operator=(const NodeAgent&) = delete;

  bool IsUp() const;

 private:
  void Ask();
  void Answer();

  const std::string socket_;
  const int listener_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> seen_up_at_;  // monotonic microseconds
  std::thread asking_, answering_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_GALERA_NODE_AGENT_H_
