#include "server/auth/hash_arena.h"

#include <sys/mman.h>

namespace tessera::server {

HashArena& HashArena::OfThisThread() {
  thread_local HashArena arena;
  return arena;
}

HashArena::~HashArena() { Release(); }

bool HashArena::Reserve(size_t bytes) {
  if (bytes <= capacity_) return true;
  return !in_use_ && Grow(bytes);
}

uint8_t* HashArena::Take(size_t bytes) {
  if (in_use_ || bytes == 0) return nullptr;
  if (bytes > capacity_ && !Grow(bytes)) return nullptr;
  in_use_ = true;
  ++takes_;
  bytes_taken_ += bytes;
  return memory_;
}

void HashArena::Give() { in_use_ = false; }

bool HashArena::Grow(size_t bytes) {
  Release();
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return false;
  madvise(mapped, bytes, MADV_DONTDUMP);
  memory_ = static_cast<uint8_t*>(mapped);
  capacity_ = bytes;
  return true;
}

void HashArena::Release() {
  if (memory_ != nullptr) munmap(memory_, capacity_);
  memory_ = nullptr;
  capacity_ = 0;
}

}  // namespace tessera::server
