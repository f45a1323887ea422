#include "tessera/base/secret.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace {

// Longer than a string keeps inline, and nowhere else in this program's heap.
constexpr char kLong[] = "correct horse battery staple, said nobody but this one test";
constexpr char kShort[] = "hunter2-short";

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

template <typename T, typename = void>
struct IsPrintable : std::false_type {};
template <typename T>
struct IsPrintable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

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

TEST(Secret, AShortOneLeavesNothingInItsOwnStorage) {
  alignas(Secret) unsigned char storage[sizeof(Secret)];
  auto* const secret = new (storage) Secret(Secret::CopyOf(kShort));
  ASSERT_NE(memmem(storage, sizeof(storage), kShort, strlen(kShort)), nullptr);
  secret->~Secret();
  EXPECT_EQ(memmem(storage, sizeof(storage), kShort, strlen(kShort)), nullptr);
}

TEST(Secret, AMovedFromShortOneIsEmptyAndWiped) {
  alignas(Secret) unsigned char storage[sizeof(Secret)];
  auto* const secret = new (storage) Secret(Secret::CopyOf(kShort));
  const Secret taken = std::move(*secret);
  EXPECT_EQ(taken.Reveal(), kShort);
  EXPECT_TRUE(secret->empty());
  EXPECT_EQ(memmem(storage, sizeof(storage), kShort, strlen(kShort)), nullptr);
  secret->~Secret();
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret = Secret::CopyOf(kShort);
  Secret& same = secret;
  secret = same;
  EXPECT_EQ(secret.Reveal(), kShort);
  secret = std::move(same);
  EXPECT_EQ(secret.Reveal(), kShort);
}

TEST(Secret, CannotBePrintedOrConvertedByAccident) {
  EXPECT_TRUE(IsPrintable<std::string>::value);
  EXPECT_FALSE(IsPrintable<Secret>::value);
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string>));
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string_view>));
  EXPECT_FALSE((std::is_convertible_v<std::string, Secret>));
}

TEST(Secret, IsEqualToTheSameBytesOnly) {
  EXPECT_TRUE(Secret::CopyOf("abc") == Secret::CopyOf("abc"));
  EXPECT_FALSE(Secret::CopyOf("abc") == Secret::CopyOf("abd"));
  EXPECT_FALSE(Secret::CopyOf("abc") == Secret::CopyOf("xbc"));
  EXPECT_FALSE(Secret::CopyOf("abc") == Secret::CopyOf("abcd"));
  EXPECT_TRUE(Secret() == Secret::CopyOf(""));
}

TEST(Secret, ConstantTimeEqualLooksAtBytesBehindAZero) {
  EXPECT_FALSE(Secret::ConstantTimeEqual(std::string("a\0b", 3), std::string("a\0c", 3)));
  EXPECT_FALSE(Secret::ConstantTimeEqual({"\x80", 1}, {"\0", 1}));
}

TEST(WipeString, ClearsTheWholeCapacity) {
  std::string text(kLong);
  text.resize(4);  // the rest stays in the buffer
  const char* const buffer = text.data();
  const size_t capacity = text.capacity();
  WipeString(text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), buffer);
  for (size_t i = 0; i < capacity; ++i) ASSERT_EQ(buffer[i], '\0') << i;
}

}  // namespace
}  // namespace tessera
