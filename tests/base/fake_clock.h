// The clock that ships with tessera::testing, where tests of the rooms below it look for it.
#ifndef TESSERA_TESTS_BASE_FAKE_CLOCK_H_
#define TESSERA_TESTS_BASE_FAKE_CLOCK_H_

#include "tessera/testing/fake_clock.h"

#endif  // TESSERA_TESTS_BASE_FAKE_CLOCK_H_
