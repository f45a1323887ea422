// A TCP proxy before a database that cuts a connection at a word: what a network does at the worst
// moment.
#ifndef TESSERA_TESTS_MARIADB_CUTTING_PROXY_H_
#define TESSERA_TESTS_MARIADB_CUTTING_PROXY_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe. On a loopback address, a random port; before a server on 127.0.0.1.
class CuttingProxy {
 public:
  enum class Cut {
    kBefore,  // the server never gets the message
    kAfter,   // the server has answered it, and the answer is lost
  };

  explicit CuttingProxy(int upstream_port, const std::string& address = "127.0.0.1");
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  int port() const { return port_; }
  // Cuts the connection of the next message to the server that holds `word`; once.
  void CutNext(const std::string& word, Cut how);
  // So many connections were cut.
  int cuts() const { return cuts_; }
  // With the next cut all other connections go, and none gets through any more.
  void GoAwayAfterNextCut() { leaves_ = true; }

 private:
  void Accept();
  void Serve(int client);
  // False once the connection is to be closed.
  bool Pump(int client, int upstream);
  bool ToServer(int client, int upstream);
  bool IsToBeCut(const std::string& message, Cut& how);

  const int upstream_port_;
  int port_ = 0;
  const int listener_;
  std::atomic<int> cuts_{0};
  std::atomic<bool> leaves_{false};
  std::atomic<bool> away_{false};
  std::atomic<bool> stop_{false};
  Mutex mu_;
  std::string word_ ABSL_GUARDED_BY(mu_);  // empty: cut nothing
  Cut how_ ABSL_GUARDED_BY(mu_) = Cut::kBefore;
  std::vector<std::thread> connections_;  // the accepting thread's, and the destructor's behind it
  std::thread accepting_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_MARIADB_CUTTING_PROXY_H_
