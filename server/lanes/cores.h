// How many cores this process may use.
#ifndef TESSERA_SERVER_LANES_CORES_H_
#define TESSERA_SERVER_LANES_CORES_H_

namespace tessera::server {

// The cores that affinity and the control group's quota (version 2 or 1) leave, at least 1.
int UsableCores();

}  // namespace tessera::server

#endif  // TESSERA_SERVER_LANES_CORES_H_
