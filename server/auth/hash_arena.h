// The memory that one thread hashes passwords in: set aside once, used again for every hash.
#ifndef TESSERA_SERVER_AUTH_HASH_ARENA_H_
#define TESSERA_SERVER_AUTH_HASH_ARENA_H_

#include <cstddef>
#include <cstdint>

namespace tessera::server {

// Belongs to one thread and is used by it alone. Hashing threads reserve as they start, so there
// are as many arenas as those threads, and a flood of logins takes no more; it grows only for a
// hash of a cost that another replica's configuration brought since. Given back when the thread
// ends. Kept out of core dumps.
class HashArena {
 public:
  // The calling thread's own; empty until the first Take.
  static HashArena& OfThisThread();

  HashArena() = default;
  ~HashArena();
  HashArena(const HashArena&) = delete;
  HashArena& operator=(const HashArena&) = delete;

  // Makes room for hashes of up to `bytes`; the system provides the memory itself when it is first
  // used. False: there is no room, or it is in use.
  bool Reserve(size_t bytes);
  // `bytes` bytes, in use until Give. Null: no memory, or in use already.
  uint8_t* Take(size_t bytes);
  // libargon2 has wiped the block by then (FLAG_clear_internal_memory).
  void Give();

  // What was ever taken by this thread: the work done, for tests.
  uint64_t takes() const { return takes_; }
  uint64_t bytes_taken() const { return bytes_taken_; }
  const uint8_t* memory() const { return memory_; }
  size_t capacity() const { return capacity_; }

 private:
  bool Grow(size_t bytes);
  void Release();

  uint8_t* memory_ = nullptr;
  size_t capacity_ = 0;
  bool in_use_ = false;
  uint64_t takes_ = 0;
  uint64_t bytes_taken_ = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_HASH_ARENA_H_
