// Plain TCP sockets for tests that stand between a client and a server.
#ifndef TESSERA_TESTS_BASE_LOOPBACK_SOCKET_H_
#define TESSERA_TESTS_BASE_LOOPBACK_SOCKET_H_

#include <string>

namespace tessera::testing {

// How soon a thread that waits for a socket notices that it is to end.
inline constexpr int kSocketPollMillis = 50;

// Listens on `host` (an IPv4 address); `port` becomes the one that it got. Throws if it cannot.
int ListenOn(const std::string& host, int& port);
// The next connection; -1 if none came within kSocketPollMillis.
int AcceptOne(int listener);
// To a server on 127.0.0.1; -1 if nobody listens there.
int ConnectTo(int port);
// What there is, waiting for it; empty at the end.
std::string Receive(int socket);
bool Send(int socket, const std::string& bytes);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_LOOPBACK_SOCKET_H_
