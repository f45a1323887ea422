// The machine and the software that figures come from: without them a figure says little.
#ifndef TESSERA_TESTS_BENCH_MACHINE_H_
#define TESSERA_TESTS_BENCH_MACHINE_H_

#include <map>
#include <string>

namespace tessera::bench {

struct Machine {
  int cores = 0;
  std::string processor;  // as /proc/cpuinfo has it
  std::string kernel;
  std::string compiler;
  std::string build;                            // `Release`
  std::map<std::string, std::string> versions;  // of what tessera stands on

  static Machine This();
  // In one line.
  std::string Text() const;
  std::map<std::string, std::string> Fields() const;
};

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_MACHINE_H_
