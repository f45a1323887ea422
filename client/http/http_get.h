// One GET over HTTPS, for key sets that others publish. The only part that knows libcurl,
// and it loads that (libcurl.so.4, 7.85 or newer) when it is first asked.
#ifndef TESSERA_HTTP_HTTP_GET_H_
#define TESSERA_HTTP_HTTP_GET_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::http {

// Where plain `http` may be spoken.
enum class Plaintext { kNowhere, kOnLoopback };

// No longer `ETag` is kept.
inline constexpr size_t kMaxEtagBytes = 256;

struct HttpRequest {
  std::string url;                            // https; no user, no password
  Plaintext plaintext = Plaintext::kNowhere;  // kOnLoopback: http to 127.0.0.1, ::1, localhost, too
  std::string ca_file;                        // PEM; empty: the machine's own authorities
  Secret bearer;                              // sent as `authorization: Bearer`; empty: none
  std::string etag;                           // as an answer said it: sent as `if-none-match`
  absl::Duration timeout = absl::Seconds(5);  // for the whole of it
  size_t max_bytes = size_t{256} * 1024;      // of the answer's body
  // Asked about once a second while it waits: true gives up. May be empty.
  std::function<bool()> stop;
};

struct HttpAnswer {
  std::string body;
  bool not_modified = false;  // 304 to a request with an `etag`; there is no body
  std::string etag;           // empty: none, or none that can be sent back
  // `max-age` of Cache-Control (RFC 9111 section 5.2), zero for `no-store` and `no-cache`; absent
  // where it says neither. Not yet bounded in any way.
  std::optional<absl::Duration> max_age;
};

// INVALID_ARGUMENT: a URL that HttpGet would not ask. UNAVAILABLE: there is no libcurl.
absl::Status CheckHttpUrl(const std::string& url, Plaintext plaintext);

// An answer with status 200, or 304 where `etag` was sent. Follows no redirect, asks no proxy,
// sends no cookie; verifies the server's certificate and name (TLS 1.2 or newer). Blocks for at
// most the timeout. Thread-safe. SIGPIPE is blocked on the thread meanwhile, so that a peer that
// goes away is a failure, whatever the process does about that signal. INVALID_ARGUMENT: the URL.
// UNAVAILABLE: everything else; the message, for the log, holds nothing of what was sent or
// received.
absl::StatusOr<HttpAnswer> HttpGet(const HttpRequest& request);

}  // namespace tessera::http

#endif  // TESSERA_HTTP_HTTP_GET_H_
