// One GET over HTTPS, for what foreign issuers publish. The only part that knows libcurl,
// and it loads that (libcurl.so.4, 7.85 or newer) when it is first asked.
#ifndef TESSERA_SERVER_HTTP_HTTP_GET_H_
#define TESSERA_SERVER_HTTP_HTTP_GET_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::server {

struct HttpRequest {
  std::string url;      // https, or http to 127.0.0.1, ::1 or localhost; no user, no password
  std::string ca_file;  // PEM; empty: the machine's own authorities
  Secret bearer;        // sent as `authorization: Bearer`; empty: none
  absl::Duration timeout = absl::Seconds(5);  // for the whole of it
  size_t max_bytes = size_t{256} * 1024;      // of the answer's body
  // Asked about once a second while it waits: true gives up. May be empty.
  std::function<bool()> stop;
};

// INVALID_ARGUMENT: a URL that HttpGet would not ask. UNAVAILABLE: there is no libcurl.
absl::Status CheckHttpUrl(const std::string& url);

// The body of an answer with status 200. Follows no redirect, asks no proxy, sends no cookie;
// verifies the server's certificate and name (TLS 1.2 or newer). Blocks for at most the timeout.
// Thread-safe; the process must ignore SIGPIPE. INVALID_ARGUMENT: the URL. UNAVAILABLE: everything
// else; the message, for the log, holds nothing of what was sent or received.
absl::StatusOr<std::string> HttpGet(const HttpRequest& request);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_HTTP_HTTP_GET_H_
