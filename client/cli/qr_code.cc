#include "tessera/cli/qr_code.h"

#include <qrencode.h>

#include <memory>
#include <utility>

namespace tessera::cli {
namespace {

// Squares without ink around the code (ISO/IEC 18004).
constexpr int kQuietZone = 4;
constexpr std::string_view kWhiteOnBlack = "\x1b[97;40m";
constexpr std::string_view kOwnColors = "\x1b[0m";

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};
using Code = std::unique_ptr<QRcode, FreeCode>;

// A light square is drawn, a dark one is the background.
bool IsLight(const QRcode& code, int row, int column) {
  if (row < 0 || column < 0 || row >= code.width || column >= code.width) return true;
  return (code.data[row * code.width + column] & 1) == 0;
}

std::string_view HalfBlock(bool upper, bool lower) {
  if (upper && lower) return "\u2588";
  if (upper) return "\u2580";
  return lower ? "\u2584" : " ";
}

std::string Draw(const QRcode& code, bool colors) {
  const int end = code.width + kQuietZone;
  std::string lines;
  lines.reserve(static_cast<size_t>(end + kQuietZone) * static_cast<size_t>(end + kQuietZone) * 2);
  for (int row = -kQuietZone; row < end; row += 2) {
    if (colors) lines.append(kWhiteOnBlack);
    for (int column = -kQuietZone; column < end; ++column) {
      lines.append(HalfBlock(IsLight(code, row, column), IsLight(code, row + 1, column)));
    }
    if (colors) lines.append(kOwnColors);
    lines.push_back('\n');
  }
  return lines;
}

}  // namespace

std::optional<Secret> DrawQrCode(const Secret& text, bool colors) {
  Secret terminated = Secret(std::string(text.Reveal()));
  const Code code(QRcode_encodeString(terminated.Reveal().data(), 0, QR_ECLEVEL_M, QR_MODE_8, 1));
  if (code == nullptr) return std::nullopt;
  return Secret(Draw(*code, colors));
}

}  // namespace tessera::cli
