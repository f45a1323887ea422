// A loopback port for a server that has to say where it will be before it is there.
#ifndef TESSERA_TESTS_BASE_FREE_PORT_H_
#define TESSERA_TESTS_BASE_FREE_PORT_H_

namespace tessera::testing {

// Free now, and below those that the kernel gives to whoever asks for any: so nobody takes it
// between a stop and the next start, save another test that draws the same of 12,000. Throws
// std::runtime_error if there is none.
int FreePort();

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_FREE_PORT_H_
