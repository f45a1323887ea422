#include "tests/e2e/authenticator.h"

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "tests/base/program.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);

}  // namespace

std::string AuthenticatorCode(const std::string& secret, absl::Time now,
                              const std::string& algorithm) {
  const auto program =
      Program::Start({"oathtool", "--totp=" + algorithm, "--base32", "--digits=6", "--now",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", now, absl::UTCTimeZone()), secret});
  if (program == nullptr) {
    ADD_FAILURE() << "oathtool cannot be started";
    return "";
  }
  EXPECT_EQ(program->Wait(kPatience), 0) << program->Output();
  return std::string(absl::StripAsciiWhitespace(program->Output()));
}

}  // namespace tessera::testing
