// The PRECIS IdentifierClass (RFC 8264 section 4.2) and the Bidi Rule. Not part of the room's
// interface.
#ifndef TESSERA_SERVER_NAMES_IDENTIFIER_CLASS_H_
#define TESSERA_SERVER_NAMES_IDENTIFIER_CLASS_H_

#include <unicode/unistr.h>

namespace tessera::server {

// Whether every character is one that an identifier may hold, where it stands (RFC 8264 section 8;
// the contextual ones by RFC 5892 appendix A). Code points that this ICU does not know are none.
bool IsOfIdentifierClass(const icu::UnicodeString& text);

// RFC 5893 section 2, for text that is all one label. Text without characters that are written from
// right to left keeps it.
bool KeepsBidiRule(const icu::UnicodeString& text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_NAMES_IDENTIFIER_CLASS_H_
