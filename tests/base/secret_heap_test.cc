// What a secret leaves on the heap. Replaces the program's own allocation functions, which TSan
// does not let itself be taken, so it is left out there.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "tessera/base/secret.h"

namespace {

// Longer than a string keeps inline, and nowhere else in this program's heap.
constexpr char kLong[] = "correct horse battery staple, said nobody but this one test";

// While watching, counts the freed blocks that still hold the long secret.
std::atomic<bool> g_watching{false};
std::atomic<int> g_leaks{0};

void WatchedFree(void* block) {
  if (block != nullptr && g_watching.load()) {
    const size_t size = malloc_usable_size(block);
    if (memmem(block, size, kLong + 8, 24) != nullptr) ++g_leaks;
  }
  std::free(block);
}

}  // namespace

void* operator new(size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { WatchedFree(block); }
void operator delete(void* block, size_t) noexcept { WatchedFree(block); }

namespace tessera {
namespace {

// Runs `work` and says how many of the blocks that it freed still held the long secret.
template <typename Work>
int LeaksOf(Work work) {
  g_leaks = 0;
  g_watching = true;
  work();
  g_watching = false;
  return g_leaks;
}

TEST(Secret, TheWatchSeesAPlainStringLeak) {
  EXPECT_EQ(LeaksOf([] { std::string plain(kLong); }), 1);
}

TEST(Secret, NoFreedBlockHoldsItsBytes) {
  EXPECT_EQ(LeaksOf([] { const Secret secret = Secret::CopyOf(kLong); }), 0);
  EXPECT_EQ(LeaksOf([] {
              const Secret secret = Secret::CopyOf(kLong);
              const Secret copy = secret;
              EXPECT_EQ(copy.Reveal(), kLong);
            }),
            0);
  EXPECT_EQ(LeaksOf([] {
              Secret secret = Secret::CopyOf(kLong);
              Secret target = Secret::CopyOf("something else, also longer than inline");
              target = std::move(secret);
              target = Secret::CopyOf("replaced by a text that is longer than any inline buffer");
            }),
            0);
}

TEST(Secret, CopyAssignmentWipesWhatWasThere) {
  EXPECT_EQ(LeaksOf([] {
              Secret secret = Secret::CopyOf(kLong);
              const Secret other = Secret::CopyOf(std::string(500, 'x'));
              secret = other;
              EXPECT_EQ(secret, other);
            }),
            0);
}

}  // namespace
}  // namespace tessera
