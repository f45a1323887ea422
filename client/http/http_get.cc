#include "tessera/http/http_get.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tessera/base/status_macros.h"

namespace tessera::http {
namespace {

// What is used of libcurl. It is loaded when it is first wanted, not at the start: with all that it
// brings along it takes 4 MB, and most servers never ask anybody.
class Curl {
 public:
  // Null: this machine has no libcurl of ours. Thread-safe.
  static const Curl* Loaded() {
    static const Curl curl;
    return curl.complete_ ? &curl : nullptr;
  }

  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  decltype(&curl_url) url = nullptr;
  decltype(&curl_url_cleanup) url_cleanup = nullptr;
  decltype(&curl_url_set) url_set = nullptr;
  decltype(&curl_url_get) url_get = nullptr;
  decltype(&curl_free) free = nullptr;

 private:
  Curl() {
    library_ = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    decltype(&curl_global_init) global_init = nullptr;
    complete_ =
        library_ != nullptr && Find("curl_global_init", global_init) &&
        Find("curl_easy_init", easy_init) && Find("curl_easy_cleanup", easy_cleanup) &&
        Find("curl_easy_setopt", easy_setopt) && Find("curl_easy_perform", easy_perform) &&
        Find("curl_easy_getinfo", easy_getinfo) && Find("curl_easy_strerror", easy_strerror) &&
        Find("curl_slist_append", slist_append) && Find("curl_slist_free_all", slist_free_all) &&
        Find("curl_url", url) && Find("curl_url_cleanup", url_cleanup) &&
        Find("curl_url_set", url_set) && Find("curl_url_get", url_get) && Find("curl_free", free) &&
        global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }
  template <typename Function>
  bool Find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    return function != nullptr;
  }

  void* library_ = nullptr;  // never closed: it may have threads of its own
  bool complete_ = false;
};

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

absl::Status NoLibrary() { return absl::UnavailableError("libcurl.so.4 cannot be used"); }

constexpr long kOk = 200;
constexpr long kNotModified = 304;
// Of all headers of an answer together.
constexpr size_t kMaxHeaderBytes = size_t{64} * 1024;
constexpr std::array<std::string_view, 3> kLoopback = {"127.0.0.1", "[::1]", "localhost"};

// A transfer under way: what was asked, and what comes back as far as it is wanted.
struct Transfer {
  const HttpRequest& request;
  HttpAnswer answer = {};
  size_t header_bytes = 0;
  bool too_large = false;
};

size_t TakeBody(const char* data, size_t size, size_t count, void* transfer_pointer) {
  Transfer& transfer = *static_cast<Transfer*>(transfer_pointer);
  const size_t bytes = size * count;
  if (bytes > transfer.request.max_bytes - transfer.answer.body.size()) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.answer.body.append(data, bytes);
  return bytes;
}

// An entity-tag (RFC 9110 section 8.8.3), as far as it can be sent back as it is.
bool IsEtag(std::string_view text) {
  return text.size() >= 2 && text.size() <= kMaxEtagBytes && text.back() == '"' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// What stands behind `name:`, without blanks around it; empty if the line is of another header.
std::string ValueOf(std::string_view line, std::string_view name) {
  const absl::string_view text(line.data(), line.size());
  const absl::string_view wanted(name.data(), name.size());
  const size_t colon = text.find(':');
  if (colon == text.npos || !absl::EqualsIgnoreCase(text.substr(0, colon), wanted)) return {};
  return std::string(absl::StripAsciiWhitespace(text.substr(colon + 1)));
}

std::optional<absl::Duration> MaxAgeIn(const std::string& cache_control) {
  std::optional<absl::Duration> age;
  for (absl::string_view part : absl::StrSplit(absl::AsciiStrToLower(cache_control), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part == "no-store" || part == "no-cache") return absl::ZeroDuration();
    if (!absl::ConsumePrefix(&part, "max-age=")) continue;
    uint32_t seconds = 0;
    if (!absl::SimpleAtoi(part, &seconds)) return absl::ZeroDuration();
    age = std::min(age.value_or(absl::InfiniteDuration()), absl::Seconds(seconds));
  }
  return age;
}

size_t TakeHeader(const char* data, size_t size, size_t count, void* transfer_pointer) {
  Transfer& transfer = *static_cast<Transfer*>(transfer_pointer);
  const std::string_view line(data, size * count);
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > kMaxHeaderBytes) {
    transfer.too_large = true;
    return 0;
  }
  // An interim answer's headers (RFC 9110 section 15.2) are not those of the answer behind it.
  if (absl::StartsWith(absl::string_view(line.data(), line.size()), "HTTP/")) {
    transfer.answer.etag.clear();
    transfer.answer.max_age.reset();
  }
  const std::string etag = ValueOf(line, "etag");
  if (IsEtag(etag)) transfer.answer.etag = etag;
  const std::string cache_control = ValueOf(line, "cache-control");
  const std::optional<absl::Duration> age = MaxAgeIn(cache_control);
  // Of several lines, the one that trusts the answer least.
  if (age.has_value()) {
    std::optional<absl::Duration>& known = transfer.answer.max_age;
    known = std::min(known.value_or(absl::InfiniteDuration()), *age);
  }
  return line.size();
}

int AskWhetherToStop(void* transfer_pointer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const HttpRequest& request = static_cast<const Transfer*>(transfer_pointer)->request;
  return request.stop && request.stop() ? 1 : 0;
}

// A part of a parsed URL; empty if it has none.
std::string Part(const Curl& curl, CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl.url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl.free(text);
  return copy;
}

// Collects the settings of a transfer: one that the library does not take spoils it.
class Settings {
 public:
  Settings(const Curl& curl, CURL* easy) : curl_(curl), easy_(easy) {}
  template <typename Value>
  Settings& Set(CURLoption option, Value value) {
    taken_ = taken_ && curl_.easy_setopt(easy_, option, value) == CURLE_OK;
    return *this;
  }
  bool taken() const { return taken_; }

 private:
  const Curl& curl_;
  CURL* const easy_;
  bool taken_ = true;
};

bool Configure(const Curl& curl, CURL* easy, Transfer& transfer) {
  const HttpRequest& request = transfer.request;
  Settings settings(curl, easy);
  settings.Set(CURLOPT_URL, request.url.c_str())
      .Set(CURLOPT_PROTOCOLS_STR, "http,https")
      .Set(CURLOPT_FOLLOWLOCATION, 0L)
      .Set(CURLOPT_PROXY, "")
      .Set(CURLOPT_NOSIGNAL, 1L)
      .Set(CURLOPT_TIMEOUT_MS,
           std::max(static_cast<long>(absl::ToInt64Milliseconds(request.timeout)),
                    1L))  // 0 would be none
      .Set(CURLOPT_SSL_VERIFYPEER, 1L)
      .Set(CURLOPT_SSL_VERIFYHOST, 2L)
      .Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2))
      .Set(CURLOPT_USERAGENT, "tessera")
      .Set(CURLOPT_WRITEFUNCTION, &TakeBody)
      .Set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer))
      .Set(CURLOPT_HEADERFUNCTION, &TakeHeader)
      .Set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer))
      .Set(CURLOPT_NOPROGRESS, 0L)
      .Set(CURLOPT_XFERINFOFUNCTION, &AskWhetherToStop)
      .Set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  if (!request.ca_file.empty()) {
    settings.Set(CURLOPT_CAINFO, request.ca_file.c_str());
    // Debian's libcurl would go on trusting the machine's authorities beside it.
    settings.Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  return settings.taken();
}

// While it lives a SIGPIPE of this thread's (TLS writes to a peer that has gone) ends nobody: the
// write says EPIPE, and the signal is taken back. One that was pending before stays.
class PipeSignalHeld {
 public:
  PipeSignalHeld() {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalHeld() {
    constexpr timespec kNow = {0, 0};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalHeld(const PipeSignalHeld&) = delete;
  PipeSignalHeld& operator=(const PipeSignalHeld&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

absl::StatusOr<HttpAnswer> Perform(const Curl& curl, CURL* easy, Transfer& transfer) {
  const CURLcode code = curl.easy_perform(easy);
  if (transfer.too_large) return absl::UnavailableError("the answer is too large");
  if (code != CURLE_OK) return absl::UnavailableError(curl.easy_strerror(code));
  long status = 0;
  curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.answer.not_modified = status == kNotModified && !transfer.request.etag.empty();
  if (status != kOk && !transfer.answer.not_modified) {
    return absl::UnavailableError(absl::StrCat("HTTP status ", status));
  }
  return std::move(transfer.answer);
}

// Adds a header to those that are sent. False: there is no memory for it.
bool Append(const Curl& curl, Headers& headers, const std::string& line) {
  curl_slist* const longer = curl.slist_append(headers.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(headers.release());  // part of the longer one
  headers.reset(longer);
  return true;
}

bool AddHeaders(const Curl& curl, const HttpRequest& request, Headers& headers) {
  if (IsEtag(request.etag) && !Append(curl, headers, "if-none-match: " + request.etag)) {
    return false;
  }
  if (request.bearer.empty()) return true;
  std::string line = absl::StrCat(
      "authorization: Bearer ",
      absl::string_view(request.bearer.Reveal().data(), request.bearer.Reveal().size()));
  const bool added = Append(curl, headers, line);
  WipeString(line);
  return added;
}

}  // namespace

absl::Status CheckHttpUrl(const std::string& url, Plaintext plaintext) {
  const Curl* const curl = Curl::Loaded();
  if (curl == nullptr) return NoLibrary();
  const Url parsed(curl->url(), curl->url_cleanup);
  if (parsed == nullptr || curl->url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                                         CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL");
  }
  if (!Part(*curl, parsed.get(), CURLUPART_USER).empty() ||
      !Part(*curl, parsed.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a URL with a user name or password");
  }
  const std::string scheme = Part(*curl, parsed.get(), CURLUPART_SCHEME);
  if (scheme == "https") return absl::OkStatus();
  if (plaintext == Plaintext::kNowhere) return absl::InvalidArgumentError("not https");
  const std::string host = Part(*curl, parsed.get(), CURLUPART_HOST);
  const bool near = std::find(kLoopback.begin(), kLoopback.end(), host) != kLoopback.end();
  if (scheme == "http" && near) return absl::OkStatus();
  return absl::InvalidArgumentError("neither https nor http on loopback");
}

absl::StatusOr<HttpAnswer> HttpGet(const HttpRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckHttpUrl(request.url, request.plaintext));
  const Curl* const curl = Curl::Loaded();
  if (curl == nullptr) return NoLibrary();
  const PipeSignalHeld held;  // until the connection has been closed
  const Easy easy(curl->easy_init(), curl->easy_cleanup);
  if (easy == nullptr) return NoLibrary();
  Transfer transfer{request};
  Headers headers(nullptr, curl->slist_free_all);
  if (!Configure(*curl, easy.get(), transfer) || !AddHeaders(*curl, request, headers) ||
      curl->easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get()) != CURLE_OK) {
    return absl::UnavailableError("libcurl does not take the settings");
  }
  return Perform(*curl, easy.get(), transfer);
}

}  // namespace tessera::http
