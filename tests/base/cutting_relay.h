// A TCP relay that cuts its connections after some bytes: a network that loses them in the middle
// of a message.
#ifndef TESSERA_TESTS_BASE_CUTTING_RELAY_H_
#define TESSERA_TESTS_BASE_CUTTING_RELAY_H_

#include <atomic>
#include <cstddef>
#include <thread>

#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe. On 127.0.0.1, a random port; before a server on 127.0.0.1. One connection at a time:
// others wait until it is gone.
class CuttingRelay {
 public:
  explicit CuttingRelay(int upstream_port);
  ~CuttingRelay();
  CuttingRelay(const CuttingRelay&) = delete;
  CuttingRelay& operator=(const CuttingRelay&) = delete;

  int port() const { return port_; }
  // The connection there is, and each to come, is cut when the server has said so many bytes more,
  // `least` to `most` by chance. `most` 0: never again.
  void CutWithin(size_t least, size_t most);
  // So many connections were cut.
  int cuts() const { return cuts_; }

 private:
  void Accept();
  void Serve(int client);
  // False once the connection is to be closed.
  bool Pump(int client, int upstream);
  bool ToClient(int client, int upstream);
  void NewBudget();

  const int upstream_port_;
  int port_ = 0;
  const int listener_;
  std::atomic<int> cuts_{0};
  std::atomic<bool> stop_{false};
  Mutex mu_;
  size_t least_ ABSL_GUARDED_BY(mu_) = 0;
  size_t most_ ABSL_GUARDED_BY(mu_) = 0;
  size_t budget_ ABSL_GUARDED_BY(mu_) = 0;  // what the server may still say; 0: all
  std::thread accepting_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_CUTTING_RELAY_H_
