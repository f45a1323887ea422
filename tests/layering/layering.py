#!/usr/bin/python3
"""Fails on an include against the arrows between the rooms, and on a few other things out of place.

Usage: layering.py [ROOT]      prints FILE:LINE: WHAT for each, and exits 1 if there is any.

The table ROOMS below is section 2 of the design as a program: who may include whom. README.md
draws the same arrows. layering_test.py plants a violation of every kind and expects it here.
"""

import pathlib
import re
import sys

PROTO = "proto"
CLIENT = {"client/base", "client/token", "client/guard", "client/caller", "client/http", "client/keys_from_url",
          "client/guard_prometheus"}
SERVER_PARTS = {"server/names", "server/config", "server/lanes", "server/mesh", "server/auth", "server/user",
                "server/rpc"}

# room -> the rooms that it may include besides itself. A path belongs to the longest room that
# is a prefix of it.
ROOMS = {
    "client/base": set(),
    "client/http": {"client/base"},
    "client/token": {"client/base"},
    "client/guard": {"client/base", "client/token", PROTO},
    "client/guard_prometheus": {"client/base", "client/guard"},
    "client/keys_from_url": {"client/base", "client/token", "client/guard", "client/http"},
    "client/caller": {"client/base", "client/token", PROTO},
    # For tests alone: no room but tests may include it.
    "client/testing": {"client/base", "client/token", "client/guard"},
    "client/cli": CLIENT | {PROTO},
    "client/examples": CLIENT | {PROTO},
    "storage": {"client/base"},
    "storage/sql": {"client/base", "storage"},
    "server/names": {"client/base"},
    "server/config": {"client/base", "server/names"},
    "server/lanes": {"client/base"},
    "server/mesh": {"client/base", "client/token", "client/guard", PROTO},
    "server/auth": {"client/base", "client/token", "client/guard", "storage", "server",
                    "server/names"},
    "server/user": {"client/base", "client/token", "client/guard", "storage", "server",
                    "server/names", "server/auth"},
    "server/rpc": CLIENT | {PROTO, "storage", "server", "server/lanes", "server/names", "server/auth",
                            "server/user"},
    # The composition root (main) and what all parts share (call_info.h).
    "server": CLIENT | {PROTO, "storage", "storage/sql"} | SERVER_PARTS,
    "tests": CLIENT | {PROTO, "client/testing", "client/cli", "storage", "storage/sql", "server"} | SERVER_PARTS,
}

GRPC_ROOMS = {"client/guard", "client/caller", "client/testing", "client/cli", "client/examples", "server/rpc",
              "server/mesh", "server", "tests"}
PROGRAMS = {"client/cli", "client/examples", "server", "tests"}

# (what, pattern of the included path, the rooms that may)
LIBRARIES = [
    ("protobuf", re.compile(r"^google/|\.pb\.h$"), GRPC_ROOMS),
    ("gRPC", re.compile(r"^grpc"), GRPC_ROOMS),
    ("SOCI", re.compile(r"^soci"), {"storage/sql", "tests"}),
    ("SQLite", re.compile(r"^sqlite3"), {"storage/sql", "tests"}),
    ("toml++", re.compile(r"^toml\+\+"), {"server/config", "tests"}),
    ("CLI11", re.compile(r"^CLI/"), PROGRAMS),
    ("spdlog", re.compile(r"^spdlog/"), PROGRAMS),
    ("Argon2", re.compile(r"^argon2"), {"server/auth", "tests"}),
    ("prometheus-cpp", re.compile(r"^prometheus/"), {"client/guard_prometheus", "tests"}),
    ("libcurl", re.compile(r"^curl/"), {"client/http", "tests"}),
    ("OpenSSL", re.compile(r"^openssl/"),
     {"client/base", "client/token", "client/guard", "client/caller", "client/cli", "server/auth",
      "server/rpc", "tests"}),
]

# What is installed with the libraries, as deploy/cmake/package.cmake has it.
PUBLIC_HEADERS = {"client/%s.h" % name for name in (
    "base/clock", "base/ids", "base/log", "base/mutex", "base/random", "base/reason",
    "base/secret", "token/algorithm", "token/base64url", "token/claims", "token/digest",
    "token/jwk_set", "token/key", "token/kept_token", "token/token_signer",
    "token/token_verifier", "guard/guard", "guard/guard_options",
    "guard/key_set_version",
    "guard/key_source", "guard/principal", "guard/revocation_source", "guard/revocation_view",
    "guard/rule", "guard/rules_from_descriptor_set", "guard/explain", "guard/metrics",
    "guard_prometheus/guard_collector", "guard/token_cookie",
    "keys_from_url/keys_from_url", "caller/caller", "caller/credentials", "caller/reason",
    "testing/fake_clock", "testing/fake_issuer", "testing/guarded_server",
    "testing/token_change")}

# What an installed header must not include: another program would have to have it, in our version.
NOT_IN_PUBLIC = re.compile(r"^(google/|nlohmann/|openssl/|soci|spdlog/|toml\+\+|CLI/)|\.pb\.h$")
STRING_VIEW = re.compile(r"\babsl\s*::\s*string_view\b")

# Time and chance come in as arguments; client/base alone asks the machine.
CLOCK_OR_CHANCE = re.compile(
    r"\babsl\s*::\s*(Now|GetCurrentTimeNanos|SleepFor|BitGen|InsecureBitGen)\b"
    r"|\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now\b"
    r"|\b(random_device|mt19937(_64)?|default_random_engine)\b"
    r"|\b(gettimeofday|clock_gettime|timespec_get|gpr_now|getrandom|getentropy|arc4random\w*)\s*\("
    r"|\b(RAND_(priv_)?bytes|s?rand(om)?|uuid_generate\w*)\s*\("
    r"|(?<![\w.>])(std\s*::\s*)?time\s*\(\s*(nullptr|NULL|0|&)"
    r"|\bsleep_(for|until)\s*\(|(?<![\w.>])u?sleep\s*\(")
MAY_ASK_THE_MACHINE = {"client/base", "client/examples", "tests"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".h", ".cc"}


def room_of(path):
    """The longest room that `path` (relative, with slashes) lies in; None outside all rooms."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 0, -1):
        prefix = "/".join(parts[:length])
        if prefix in ROOMS or prefix == PROTO:
            return prefix
    return None


def included_room(text):
    """The room that an include path names; None for another library or the file's own folder."""
    if text.startswith("tessera/v1/"):
        return PROTO
    if text.startswith("tessera/"):
        return room_of("client/" + text[len("tessera/"):])
    return room_of(text)


def without_comments_and_strings(text):
    """The same lines, with comments and literals blanked."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = (r'R"([^()\\ ]*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/'
               r'|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'')
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def check_include(room, included, public):
    target = included_room(included)
    if included.startswith("client/"):
        yield "the libraries are included as tessera/..., not by path: %s" % included
    if target is not None and target != room and target not in ROOMS[room]:
        yield "%s must not include %s (%s)" % (room, target, included)
    for name, pattern, rooms in LIBRARIES:
        if target is None and pattern.search(included) and room not in rooms:
            yield "%s must not know %s (%s)" % (room, name, included)
    if public and NOT_IN_PUBLIC.search(included):
        yield "a public header must not include %s" % included


def is_private_header(included):
    """Whether `included` names a header of the libraries that is not installed."""
    return (included.startswith("tessera/") and not included.startswith("tessera/v1/")
            and "client/" + included[len("tessera/"):] not in PUBLIC_HEADERS)


def check_text(path, text):
    """Yields (line, what) for one file."""
    room = room_of(path)
    public = path in PUBLIC_HEADERS
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            for what in check_include(room, match.group(2), public):
                yield number, what
            if public and is_private_header(match.group(2)):
                yield number, "a public header must not include a private one: " + match.group(2)
    for number, line in enumerate(without_comments_and_strings(text).split("\n"), 1):
        if public and STRING_VIEW.search(line):
            yield number, "a public header must not use absl::string_view: users have another"
        match = CLOCK_OR_CHANCE.search(line)
        if match and room not in MAY_ASK_THE_MACHINE:
            yield number, "no clock or random call outside client/base: %s" % match.group(0).strip()


def sources(root):
    """The C++ files of all rooms, relative to `root`."""
    for top in sorted({room.split("/")[0] for room in ROOMS}):
        for path in sorted((root / top).rglob("*")):
            relative = path.relative_to(root).as_posix()
            if path.suffix in SUFFIXES and "node_modules" not in relative and room_of(relative):
                yield relative


def check_tree(root):
    """All violations under `root`, as lines of text, and how many files were read."""
    found, files = [], 0
    for relative in sources(root):
        text = (root / relative).read_text(encoding="utf-8")
        files += 1
        found += ["%s:%d: %s" % (relative, *finding) for finding in check_text(relative, text)]
    return found, files


def main(arguments):
    here = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(arguments[1]).resolve() if len(arguments) > 1 else here
    found, files = check_tree(root)
    for line in found:
        print(line)
    if files == 0:
        print("no source file under %s: nothing was checked" % root)
    print("layering: %d files, %d violations" % (files, len(found)))
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
