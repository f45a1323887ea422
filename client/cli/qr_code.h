// QR codes drawn with characters, for a camera in front of the terminal.
#ifndef TESSERA_CLI_QR_CODE_H_
#define TESSERA_CLI_QR_CODE_H_

#include <optional>
#include <string>
#include <string_view>

#include "tessera/base/secret.h"

namespace tessera::cli {

// Lines of half blocks (UTF-8), two rows of squares to a line, with the quiet zone around them.
// `colors`: white on black whatever the terminal's own colours are, by ANSI escapes; without them
// it shows right on a dark background. Absent: `text` is too long for a QR code, or empty.
std::optional<Secret> DrawQrCode(const Secret& text, bool colors);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_QR_CODE_H_
