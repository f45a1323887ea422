// tesserad on the machine's clock.
#include "server/run_main.h"
#include "tessera/base/clock.h"

int main(int argc, char** argv) {
  return tessera::server::RunMain(argc, argv, tessera::SystemClock());
}
