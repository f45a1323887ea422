#include "tessera/base/cookie.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

CookieScan Scan(std::initializer_list<std::string_view> fields) {
  CookieScan scan("__Host-t");
  for (const std::string_view field : fields) scan.See(field);
  return scan;
}

TEST(CookieScan, FindsTheOneAmongOthers) {
  for (const std::string_view field :
       {"__Host-t=abc", "a=1; __Host-t=abc; b=2", ";;a=1;__Host-t=abc", "\t__Host-t = abc \t;",
        "a; =; __Host-t=abc"}) {
    const CookieScan scan = Scan({field});
    EXPECT_EQ(scan.count(), 1) << field;
    EXPECT_EQ(scan.value(), "abc") << field;
  }
}

TEST(CookieScan, AnotherNameIsAnother) {
  for (const std::string_view field :
       {"", ";", "=abc", "__host-t=abc", "__Host-tt=abc", "x__Host-t=abc", "__Host-t", "abc",
        "a=__Host-t=abc", "a=\"; b=1"}) {
    EXPECT_EQ(Scan({field}).count(), 0) << field;
  }
}

TEST(CookieScan, CountsAcrossFieldsAndWithinOne) {
  EXPECT_EQ(Scan({"__Host-t=a", "b=2; __Host-t=c"}).count(), 2);
  EXPECT_EQ(Scan({"__Host-t=a; __Host-t=a"}).count(), 2);
}

TEST(CookieScan, TakesAValueAsItStands) {
  EXPECT_EQ(Scan({"__Host-t=\"a=b, c\""}).value(), "\"a=b, c\"");
  EXPECT_EQ(Scan({"__Host-t="}).value(), "");
  EXPECT_EQ(Scan({"__Host-t="}).count(), 1);
}

TEST(WithoutCookie, KeepsTheOthers) {
  EXPECT_EQ(WithoutCookie("a=1; __Host-t=x;b=2;__Host-t=y", "__Host-t"), "a=1; b=2");
  EXPECT_EQ(WithoutCookie("__Host-t=x", "__Host-t"), "");
  EXPECT_EQ(WithoutCookie(" __Host-t = x", "__Host-t"), "");
  EXPECT_EQ(WithoutCookie("__Host-t", "__Host-t"), "");
  EXPECT_EQ(WithoutCookie("a=1", "__Host-t"), "a=1");
  EXPECT_EQ(WithoutCookie("", "__Host-t"), "");
}

}  // namespace
}  // namespace tessera
