#include "tessera/base/secret.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace tessera {
namespace {

constexpr char kShort[] = "hunter2-short";
constexpr char kLong[] = "correct horse battery staple, longer than a string keeps inline";

template <typename T, typename = void>
struct IsPrintable : std::false_type {};
template <typename T>
struct IsPrintable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

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
