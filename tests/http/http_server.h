// A small HTTP server of a test, on a random loopback port, in plaintext or over TLS.
#ifndef TESSERA_TESTS_HTTP_HTTP_SERVER_H_
#define TESSERA_TESTS_HTTP_HTTP_SERVER_H_

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe. Reads one request of each connection, gives one answer, and closes it.
class HttpServer {
 public:
  // The whole answer, status line and all, to the head of a request.
  using Answer = std::function<std::string(const std::string& head)>;
  struct Pem {
    std::string certificate;
    std::string key;
  };

  explicit HttpServer(Answer answer) : HttpServer(std::move(answer), Pem()) {}
  // Over TLS, if there is a certificate.
  HttpServer(Answer answer, const Pem& tls);
  ~HttpServer();

  int port() const { return port_; }
  // Requests whose head was read.
  int requests() const;
  void AwaitRequests(int count);
  // From now on answers are held back, until it is called with false or the server ends.
  void Stall(bool stalled);

  // `200 OK` with this body.
  static std::string Ok(const std::string& body);

 private:
  void Accept();
  void Serve(int connection);
  void Talk(const std::function<int(char*, int)>& read,
            const std::function<int(const char*, int)>& write);
  std::string AnswerTo(const std::string& head);

  const Answer answer_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_;
  int listener_ = -1;
  int port_ = 0;
  mutable Mutex mu_;
  CondVar changed_;
  bool stalled_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  int requests_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::thread> connections_;  // the accepting thread's, then the destructor's
  std::thread accepting_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_HTTP_HTTP_SERVER_H_
