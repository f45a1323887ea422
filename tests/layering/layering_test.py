#!/usr/bin/python3
"""Plants violations of every kind and expects layering.py to find each: a check that cannot fail
is no check."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import layering

SCRIPT = pathlib.Path(layering.__file__)

# (file, text, a piece of the finding)
VIOLATIONS = [
    ("client/base/a.h", '#include "tessera/token/key.h"', "client/base must not include"),
    ("client/token/a.h", '#include "tessera/guard/guard.h"', "must not include client/guard"),
    ("client/token/a.cc", '#include "tessera/v1/errors.pb.h"', "must not include proto"),
    ("client/token/a.cc", "#include <grpcpp/grpcpp.h>", "must not know gRPC"),
    ("client/token/a.cc", "#include <google/protobuf/message.h>", "must not know protobuf"),
    ("client/guard/a.cc", '#include "tessera/caller/caller.h"', "must not include client/caller"),
    ("client/caller/a.cc", '#include "tessera/guard/guard.h"', "must not include client/guard"),
    ("client/guard/a.cc", '#include "server/call_info.h"', "must not include server"),
    ("client/guard/a.cc", '#include "tessera/http/http_get.h"', "must not include client/http"),
    ("client/keys_from_url/a.cc", "#include <curl/curl.h>", "must not know libcurl"),
    ("server/mesh/a.cc", '#include "server/rpc/call.h"', "must not include server/rpc"),
    ("client/guard/a.cc", '#include "storage/store.h"', "must not include storage"),
    ("client/guard/a.cc", '#include "client/token/key.h"', "not by path"),
    ("client/cli/a.cc", '#include "storage/sql/sqlite_store.h"', "must not include storage/sql"),
    ("client/cli/a.cc", '#include "tests/base/fake_clock.h"', "must not include tests"),
    ("storage/a.h", '#include "tessera/token/key.h"', "storage must not include client/token"),
    ("storage/a.h", '#include "storage/sql/sqlite_store.h"', "must not include storage/sql"),
    ("storage/sql/a.cc", '#include "tessera/v1/errors.pb.h"', "must not include proto"),
    ("storage/sql/a.cc", '#include "server/call_info.h"', "must not include server"),
    ("storage/a.cc", "#include <soci/soci.h>", "must not know SOCI"),
    ("server/auth/a.cc", "#include <soci/soci.h>", "must not know SOCI"),
    ("server/auth/a.cc", '#include "storage/sql/sqlite_store.h"', "must not include storage/sql"),
    ("server/auth/a.cc", '#include "tessera/v1/errors.pb.h"', "must not include proto"),
    ("server/auth/a.cc", '#include "server/rpc/auth_service.h"', "must not include server/rpc"),
    ("server/auth/a.cc", '#include "server/user/user_facade.h"', "must not include server/user"),
    ("server/user/a.cc", "#include <grpcpp/grpcpp.h>", "must not know gRPC"),
    ("server/user/a.cc", "#include <google/protobuf/message.h>", "must not know protobuf"),
    ("server/lanes/a.cc", '#include "storage/store.h"', "must not include storage"),
    ("server/config/a.cc", '#include "server/auth/key_ring.h"', "must not include server/auth"),
    ("server/rpc/a.cc", '#include "storage/sql/sqlite_store.h"', "must not include storage/sql"),
    ("server/rpc/a.cc", "#include <toml++/toml.h>", "must not know toml++"),
    ("server/main.cc", '#include "tests/base/fake_clock.h"', "must not include tests"),
    ("server/main.cc", '#include "tessera/testing/fake_issuer.h"', "not include client/testing"),
    ("client/guard/a.cc", '#include "tessera/testing/fake_clock.h"', "not include client/testing"),
    ("client/testing/a.cc", '#include "tessera/caller/caller.h"', "not include client/caller"),
    ("client/guard/a.cc", "#include <spdlog/spdlog.h>", "must not know spdlog"),
    ("storage/sql/a.cc", "#include <openssl/evp.h>", "must not know OpenSSL"),
    # Public headers.
    ("client/token/key.h", "#include <openssl/evp.h>", "public header must not include openssl"),
    ("client/token/key.h", "#include <nlohmann/json.hpp>", "header must not include nlohmann"),
    ("client/guard/rule.h", '#include "tessera/v1/access.pb.h"', "public header must not include"),
    ("client/guard/rule.h", "void F(absl::string_view text);", "absl::string_view"),
    ("client/token/key.h", '#include "tessera/token/jwk.h"', "must not include a private one"),
    # Time and chance.
    ("server/auth/a.cc", "auto now = absl::Now();", "no clock or random call"),
    ("server/auth/a.cc", "auto t = time(nullptr);", "no clock or random call"),
    ("server/auth/a.cc", "auto t = std::time(0);", "no clock or random call"),
    ("client/guard/a.cc", "std::chrono::system_clock::now();", "no clock or random call"),
    ("client/caller/a.cc", "std::chrono::steady_clock::now();", "no clock or random call"),
    ("client/caller/a.cc", "std::mt19937 engine;", "no clock or random call"),
    ("client/token/a.cc", "RAND_bytes(bytes, 16);", "no clock or random call"),
    ("client/token/a.cc", "std::random_device device;", "no clock or random call"),
    ("server/lanes/a.cc", "std::this_thread::sleep_for(x);", "no clock or random call"),
    ("storage/sql/a.cc", "int x = rand();", "no clock or random call"),
    ("storage/sql/a.cc", "gettimeofday(&t, nullptr);", "no clock or random call"),
    ("server/rpc/a.cc", "auto t = gpr_now(GPR_CLOCK_REALTIME);", "no clock or random call"),
]

# (file, text) of what must pass.
ALLOWED = [
    ("client/base/clock.cc", "auto now = absl::Now();"),
    ("client/token/a.cc", '#include "tessera/base/secret.h"\n#include <openssl/evp.h>'),
    ("client/token/jwk.h", "#include <openssl/evp.h>"),
    ("client/guard/a.cc", '#include "tessera/token/key.h"\n#include "tessera/v1/access.pb.h"'),
    ("client/guard/a.cc", "#include <grpcpp/grpcpp.h>"),
    ("client/guard/rule.h", "// never absl::string_view\nvoid F(std::string_view text);"),
    ("storage/sql/a.cc", '#include <soci/soci.h>\n#include "storage/store.h"'),
    ("server/auth/a.cc", '#include "server/call_info.h"\n#include "storage/store.h"'),
    ("server/user/a.cc", '#include "server/auth/password_hasher.h"'),
    ("server/rpc/a.cc", '#include "tessera/v1/auth_service.grpc.pb.h"'),
    ("server/main.cc", '#include "storage/sql/sqlite_store.h"\n#include "server/rpc/a.h"'),
    ("server/auth/a.cc", 'Log("absl::Now() and rand()");  // time(nullptr)\n/* RAND_bytes( */'),
    ("server/auth/a.cc", "session.expiry_time(now); entry.time(0); int64_t lifetime(0);"),
    ("server/auth/a.cc", "constexpr int64_t kMany = 1'000'000;  // it's"),
    ("tests/base/a.cc", '#include "storage/sql/sqlite_store.h"\nauto now = absl::Now();'),
]


def check_one(path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text + "\n", encoding="utf-8")
        return layering.check_tree(root)


class Layering(unittest.TestCase):
    def test_every_planted_violation_is_found(self):
        for path, text, expected in VIOLATIONS:
            with self.subTest(path=path, text=text):
                found, files = check_one(path, text)
                self.assertEqual(files, 1)
                self.assertTrue(any(expected in line for line in found), found)
                self.assertTrue(all(line.startswith(path + ":1: ") for line in found), found)

    def test_what_follows_the_arrows_passes(self):
        for path, text in ALLOWED:
            with self.subTest(path=path, text=text):
                self.assertEqual(check_one(path, text), ([], 1))

    def test_the_public_headers_are_there(self):
        root = SCRIPT.resolve().parents[2]
        missing = [path for path in sorted(layering.PUBLIC_HEADERS) if not (root / path).is_file()]
        self.assertEqual(missing, [])

    def test_the_public_headers_are_those_that_are_installed(self):
        package = (SCRIPT.resolve().parents[2] / "deploy/cmake/package.cmake").read_text()
        listed = re.search(r"set\(TESSERA_PUBLIC_HEADERS([^)]*)\)", package).group(1).split()
        self.assertEqual({"client/" + header for header in listed}, layering.PUBLIC_HEADERS)

    def test_the_line_is_the_one_of_the_violation(self):
        found, _ = check_one("server/auth/a.cc", '/* a\n"b */ R"(\n)"\nauto now = absl::Now();')
        self.assertEqual(len(found), 1)
        self.assertIn("server/auth/a.cc:4:", found[0])

    def test_every_room_has_files_in_the_tree(self):
        root = SCRIPT.resolve().parents[2]
        rooms = {layering.room_of(path) for path in layering.sources(root)}
        self.assertEqual(set(layering.ROOMS) - rooms, set())

    def test_the_program_exits_with_1_on_a_violation_and_on_an_empty_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            self.assertEqual(self.exit_code(root), 1)
            (root / "client/base").mkdir(parents=True)
            source = root / "client/base/a.cc"
            source.write_text("int a;\n", encoding="utf-8")
            self.assertEqual(self.exit_code(root), 0)
            source.write_text('#include "storage/store.h"\n', encoding="utf-8")
            self.assertEqual(self.exit_code(root), 1)

    @staticmethod
    def exit_code(root):
        return subprocess.run([sys.executable, str(SCRIPT), str(root)], stdout=subprocess.DEVNULL,
                              check=False).returncode


if __name__ == "__main__":
    unittest.main()
