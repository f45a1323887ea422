// What lets somebody in, as a run of a test came by it, and whether a text holds any of it in a
// form that can be used.
#ifndef TESSERA_TESTS_E2E_SEEN_SECRETS_H_
#define TESSERA_TESTS_E2E_SEEN_SECRETS_H_

#include <string>
#include <string_view>
#include <vector>

namespace tessera::testing {

class SeenSecrets {
 public:
  // A shorter text is found by chance (a code of six digits in any time), so it is refused: add
  // what such codes are made from.
  static constexpr size_t kShortest = 8;

  // `what` names it in a failure. Also each part of it that dots set off (dashes do not: what comes
  // before one may be an id, which is no secret), and behind a prefix (`tss_`) the rest alone; of
  // what is base64url, base32 or hex, the bytes that it stands for, and the last 32 of them.
  void Add(const std::string& what, const std::string& secret);
  // Likewise, of what somebody can guess: a hash of it without salt and key is as good as itself.
  void AddGuessable(const std::string& what, const std::string& secret);

  // What `text` holds, as `WHAT as FORM`; empty: nothing. Looks for each as it is, in hex, in
  // base64 of either alphabet at any offset, and backwards.
  std::vector<std::string> FoundIn(std::string_view text) const;

  size_t size() const { return forms_.size(); }

 private:
  struct Form {
    std::string what;
    std::string text;
  };

  void AddBytes(const std::string& what, const std::string& bytes);
  void AddForm(const std::string& what, const std::string& text);

  std::vector<Form> forms_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_SEEN_SECRETS_H_
