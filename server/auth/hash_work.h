// How much a thread has hashed, counted where it is done: whether two attempts did the same work is
// a matter of numbers then, not of clocks.
#ifndef TESSERA_SERVER_AUTH_HASH_WORK_H_
#define TESSERA_SERVER_AUTH_HASH_WORK_H_

#include <cstdint>

namespace tessera::server {

// Belongs to one thread and is used by it alone.
struct HashWork {
  static HashWork& OfThisThread() {
    thread_local HashWork work;
    return work;
  }

  uint64_t argon_hashes = 0;
  uint64_t argon_kib = 0;  // memory, once for each pass over it
  uint64_t bcrypt_rounds = 0;
  uint64_t pbkdf2_rounds = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_HASH_WORK_H_
