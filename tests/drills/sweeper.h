// What has to be tidied away when a test is killed, and so cannot do it itself.
#ifndef TESSERA_TESTS_DRILLS_SWEEPER_H_
#define TESSERA_TESTS_DRILLS_SWEEPER_H_

#include <string>

namespace tessera::testing {

// Once this process is gone, by whatever end, runs `command` (a shell's) with `path` as its $1; at
// most a second later. Throws std::runtime_error if nobody can be told to.
void WhenThisProcessIsGone(const std::string& command, const std::string& path);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_SWEEPER_H_
