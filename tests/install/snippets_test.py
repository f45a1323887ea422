#!/usr/bin/python3
"""Plants a fault of every kind in a page, and expects snippets.py to name it. snippets_test.py PREFIX COMPILER"""

import pathlib
import sys
import tempfile
import unittest

import snippets

PREFIX, COMPILER = None, None


def check_page(text):
    """The errors of a tree with this one page, and how many blocks it has."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "tree"
        root.mkdir()
        (root / "PAGE.md").write_text(text, encoding="utf-8")
        return snippets.check(root, PREFIX, pathlib.Path(folder) / "work", COMPILER)


def fenced(info, text):
    return "# A page\n\n```%s\n%s\n```\n" % (info, text)


class Snippets(unittest.TestCase):
    def assert_error(self, page, *expected):
        errors, count = check_page(page)
        self.assertEqual(count, 1)
        for part in expected:
            self.assertTrue(any(part in error for error in errors), (part, errors))

    def test_a_block_without_a_word_is_an_error(self):
        self.assert_error(fenced("cpp", "int a;"), "PAGE.md:3:", "serving")
        self.assert_error(fenced("c++", "int a;"), "PAGE.md:3:")
        self.assert_error(fenced("proto", "message A {}"), "PAGE.md:3:")
        self.assert_error(fenced("cmake", "project(a)"), "PAGE.md:3:")

    def test_an_unknown_word_is_an_error(self):
        self.assert_error(fenced("cpp ignore", "int a;"), "PAGE.md:3:", "`ignore`")

    def test_cpp_that_does_not_compile_is_named_by_page_and_line(self):
        self.assert_error(fenced("cpp serving", "\noptions.no_such_option = 1;"),
                          "PAGE.md:5:", "no_such_option")
        self.assert_error(fenced("cpp file", "#include <no/such/header.h>"), "PAGE.md:4:")

    def test_a_rule_with_an_unknown_field_is_an_error(self):
        self.assert_error(fenced(
            "proto service",
            "rpc Get(GetRequest) returns (GetResponse) {\n"
            "  option (tessera.v1.access) = {no_such_field: true};\n}"), "PAGE.md:4:", "no_such_field")

    def test_a_target_that_there_is_not_is_an_error(self):
        self.assert_error(fenced("cmake project", "find_package(tessera CONFIG REQUIRED)\n"
                                 "target_link_libraries(orders PRIVATE tessera::no_such_library)"),
                          "PAGE.md:4:", "no_such_library")

    def test_a_configuration_that_tesserad_refuses_is_an_error(self):
        self.assert_error(fenced("toml", "[server\nlisten = 1"), "PAGE.md:4:")
        self.assert_error(fenced("toml", "[server]\nno_such_key = 1"), "PAGE.md:4:", "no_such_key")
        self.assert_error(fenced("toml", '[tokens]\nissuer = "not a URL"'), "PAGE.md:4:", "tokens.issuer")

    def test_what_does_not_parse_is_an_error(self):
        self.assert_error(fenced("yaml", "a: [1, 2"), "PAGE.md:4:")
        self.assert_error(fenced("yaml", "# nothing"), "PAGE.md:4:", "no document")
        self.assert_error(fenced("json", "{a: 1}"), "PAGE.md:4:")
        self.assert_error(fenced("sh", "if true; then"), "PAGE.md:4:")
        self.assert_error(fenced("sh", "rm -rf $HOME/*/$x"), "PAGE.md:4:", "SC2086")

    def test_yaml_files_are_parsed(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "good.yaml").write_text("a: 1\n---\nb: 2\n", encoding="utf-8")
            self.assertEqual(snippets.yaml_files(root), [])
            (root / "bad.yaml").write_text("a: b: c\n", encoding="utf-8")
            self.assertIn("bad.yaml", snippets.yaml_files(root)[0])

    def test_a_recipe_that_builds_no_program_is_an_error(self):
        self.assert_error(fenced("sh building", "protoc -I. --cpp_out=. no_such.proto"), "PAGE.md:4:", "no_such")
        self.assert_error(fenced("sh building", "ln -s /bin/false orders"), "PAGE.md:4:")

    def test_good_blocks_pass_and_other_languages_are_left_alone(self):
        errors, count = check_page(
            fenced("cpp serving", "#include <vector>\noptions.audience = \"orders\";") +
            fenced("cpp serving", "options.issuer = \"https://auth.example\";") +
            fenced("proto service", "rpc Get(GetRequest) returns (stream GetResponse) {\n"
                   "  option (tessera.v1.access) = {admission: ADMISSION_PUBLIC};\n}") +
            fenced("cmake project", "find_package(tessera CONFIG REQUIRED)\n"
                   "target_link_libraries(orders PRIVATE tessera::guard)") +
            fenced("toml", '[tokens]\naudiences = ["billing"]') + fenced("yaml", "a: {b: [c, d]}") +
            fenced("json", '{"a": 1}') + fenced("sh", 'echo "$token" | cat') +
            fenced("sh building", "ln -s /bin/true orders") +
            fenced("text", "rm -rf nothing") + fenced("", "plain"))
        self.assertEqual(errors, [])
        self.assertEqual(count, 9)

    def test_a_tree_without_a_block_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(snippets.main(["", folder, PREFIX, folder + "/work", COMPILER]), 1)


if __name__ == "__main__":
    PREFIX, COMPILER = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    unittest.main(argv=sys.argv[:1])
