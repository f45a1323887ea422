// Two shared libraries, one with the guard and one with the caller, in one process: both hold
// tessera's own descriptors, which must not be registered twice (that would abort at the start).
#include <iostream>

bool RefusesToGuardForNobody();  // serving.cc
bool RefusesToCallNobody();      // calling.cc

int main() {
  const bool guard = RefusesToGuardForNobody();
  const bool caller = RefusesToCallNobody();
  if (!guard) std::cerr << "the guard's library does not work\n";
  if (!caller) std::cerr << "the caller's library does not work\n";
  return guard && caller ? 0 : 1;
}
