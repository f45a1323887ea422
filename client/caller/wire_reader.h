// Reads protobuf's wire format field by field, without descriptors: google.rpc types registered by
// two libraries in one process would abort it.
#ifndef TESSERA_CALLER_WIRE_READER_H_
#define TESSERA_CALLER_WIRE_READER_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace tessera {

// One field. `number` is set for varints, `bytes` for length-delimited fields (a view into what the
// reader was given); neither for fixed-width ones, which are skipped.
struct WireField {
  enum class Kind { kNumber, kBytes, kFixed };
  uint32_t id = 0;
  Kind kind = Kind::kNumber;
  uint64_t number = 0;
  std::string_view bytes;
};

// Walks over one message. Strict: a field that runs past the end, an overlong varint, field number
// 0 or a group ends the walk as broken. Copies nothing, allocates nothing. Not thread-safe.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  // The next field; absent at the end, and from the first broken field on.
  std::optional<WireField> Next();

  // False once a broken field was met: nothing of the message is to be trusted then.
  bool ok() const { return ok_; }

 private:
  std::optional<uint64_t> Varint();
  std::optional<std::string_view> Take(uint64_t count);
  std::nullopt_t Broken();

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_WIRE_READER_H_
