// tesserad with a clock that a test moves through the file that TESSERA_TEST_CLOCK names. Never
// installed.
#include <cstdlib>
#include <iostream>

#include "server/run_main.h"
#include "tests/e2e/shared_clock.h"

int main(int argc, char** argv) {
  const char* path = std::getenv("TESSERA_TEST_CLOCK");
  if (path == nullptr) {
    std::cerr << "TESSERA_TEST_CLOCK is not set\n";
    return 2;
  }
  static tessera::testing::SharedClock clock(path);
  return tessera::server::RunMain(argc, argv, clock);
}
