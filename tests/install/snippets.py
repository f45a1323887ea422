#!/usr/bin/python3
"""Compiles every C++, proto and CMake block of the Markdown pages against the installed libraries, and reads the others.

Usage: snippets.py ROOT PREFIX WORK-FOLDER COMPILER

The word behind a block's language says what stands around it: ```cpp serving is compiled inside the
function of snippets/serving.cc, where `channel`, `log` and the like are declared. `file` is compiled
as it stands. ```proto takes `service` (methods, or a service; messages it does not declare are made
up) or `file`, ```cmake takes `project` (of a program `orders`). A block without a word is an error.

```toml is a part of tesserad's configuration: tesserad checks it, with what is required beside it.
```yaml and ```json are parsed, and so is every .yaml file of the tree. ```sh is read by bash and shellcheck;
```sh building is run as well, in a folder with orders.proto and the program of snippets/building.cc, and has to
make the program `orders`, which is then run. Prints PAGE:LINE: WHAT for each error, and exits with 1 if there
is any, or no block at all.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass

import yaml

HERE = pathlib.Path(__file__).resolve().parent
WRAPPERS = HERE / "snippets"
SKIPPED = {"build", "node_modules", ".git"}
FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([^\s`]*)\s*([^`]*?)\s*$")
LANGUAGES = {"cpp": "cpp", "c++": "cpp", "cc": "cpp", "cxx": "cpp", "proto": "proto",
             "protobuf": "proto", "cmake": "cmake", "toml": "toml", "yaml": "yaml", "yml": "yaml",
             "json": "json", "sh": "sh", "bash": "sh", "shell": "sh"}
# What tesserad asks for at least; a block's own word on a key counts instead.
REQUIRED = {"server.tls.certificate": "tls.crt", "server.tls.key": "tls.key",
            "keys.master_key_file": "master.key", "tokens.issuer": "https://auth.example.com",
            "tokens.audiences": "orders"}
# Of a block alone nobody can say: a variable that the reader has, words that are to be split.
SHELLCHECK = ["shellcheck", "--shell=bash", "--exclude=SC2154,SC2046"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused", "-Wno-unused-parameter"]
EACH = "// EACH\n"
SNIPPET = re.compile(r"^ *// SNIPPET\n", re.MULTILINE)


@dataclass
class Block:
    page: str
    line: int  # of its first line of text
    language: str
    word: str
    text: str

    def name(self):
        return "%s_%d" % (re.sub(r"\W", "_", self.page), self.line)


def words():
    """The words that each language knows."""
    around = {path.stem for path in WRAPPERS.glob("*.cc")} - {"building"}
    return {"cpp": around | {"file"}, "proto": {"service", "file"}, "cmake": {"project"},
            "toml": {""}, "yaml": {""}, "json": {""}, "sh": {"", "building"}}


def blocks_of(page, text):
    """The fenced blocks of a page whose language is one of ours."""
    opened = None
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        match = FENCE.match(line)
        if opened is None:
            if match:
                opened, lines = (match, number), []
            continue
        fence, start = opened
        if match and match.group(2).startswith(fence.group(2)) and not match.group(3):
            language = LANGUAGES.get(fence.group(3).lower())
            if language:
                indent = len(fence.group(1))
                body = "".join(entry[indent:] + "\n" for entry in lines)
                yield Block(page, start + 1, language, fence.group(4), body)
            opened = None
        else:
            lines.append(line)


def pages(root):
    return [path for path in sorted(root.rglob("*.md"))
            if not SKIPPED & set(path.relative_to(root).parts)]


def unmarked(blocks):
    known = words()
    for block in blocks:
        if block.word not in known[block.language]:
            yield "%s:%d: a %s block says with one word what stands around it (%s), not `%s`" % (
                block.page, block.line - 1, block.language, ", ".join(sorted(known[block.language])),
                block.word)


def with_includes_apart(text):
    """The #include lines, and the text with these blanked, so that lines keep their numbers."""
    found = re.findall(r"^#include.*$", text, flags=re.MULTILINE)
    return found, re.sub(r"^#include.*$", "", text, flags=re.MULTILINE)


def around_all(word, blocks):
    """One source file of all blocks with this word, each in a namespace of its own."""
    head, each = (WRAPPERS / (word + ".cc")).read_text(encoding="utf-8").split(EACH)
    before, after = SNIPPET.split(each)
    includes, bodies = [], []
    for block in blocks:
        own, text = with_includes_apart(block.text)
        includes += own
        bodies.append('namespace %s {\n%s#line %d "%s"\n%s#line 1 "snippets/%s.cc"\n%s}\n' % (
            block.name(), before, block.line, block.page, text, word, after))
    return "\n".join(dict.fromkeys(includes)) + "\n" + head + "\n".join(bodies)


def cpp_sources(blocks):
    """(name, text) of the files to compile."""
    for word in sorted({block.word for block in blocks}):
        chosen = [block for block in blocks if block.word == word]
        if word != "file":
            yield word, around_all(word, chosen)
            continue
        for block in chosen:
            yield block.name(), '#line %d "%s"\n%s' % (block.line, block.page, block.text)


def proto_file(block):
    """The block as a file of its own."""
    if block.word == "file":
        return block.text
    imports = re.findall(r"^import .*$", block.text, flags=re.MULTILINE)
    body = re.sub(r"^import .*$", "", block.text, flags=re.MULTILINE)
    if not re.search(r"^service\b", body, flags=re.MULTILINE):
        body = "service Snippet {\n" + body + "}\n"
    used = re.findall(r"\(\s*(?:stream\s+)?([A-Z]\w*)\s*\)", body)
    declared = set(re.findall(r"^message\s+(\w+)", body, flags=re.MULTILINE))
    missing = [name for name in dict.fromkeys(used) if name not in declared]
    access = 'import "tessera/v1/access.proto";'
    return "\n".join(['syntax = "proto3";', "package %s;" % block.name().lower()] +
                     list(dict.fromkeys(imports + [access])) + [body] +
                     ["message %s {}" % name for name in missing]) + "\n"


def keys_of(table, prefix=""):
    """The full names of the keys of a TOML table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys_of(value, prefix + name + ".")
        else:
            yield prefix + name


def parsed(parse, text, what):
    """The error, if it is none of that language."""
    try:
        parse(text)
    except (ValueError, yaml.YAMLError) as error:
        return ["%s %s" % (what, error)]
    return []


def yaml_documents(text):
    if not [document for document in yaml.safe_load_all(text) if document is not None]:
        raise ValueError("no document")


def yaml_files(root):
    errors = []
    for path in sorted([*root.rglob("*.yaml"), *root.rglob("*.yml")]):
        name = path.relative_to(root)
        if not SKIPPED & set(name.parts):
            errors += parsed(yaml_documents, path.read_text(encoding="utf-8"), "%s:" % name)
    return errors


def run(command, what, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode == 0:
        return []
    return ["%s\n%s" % (what, done.stdout)]


class Compilation:
    def __init__(self, prefix, work, compiler):
        self.prefix, self.work, self.compiler = prefix, work, compiler
        self.protos = prefix / "share/tessera/proto"
        work.mkdir(parents=True, exist_ok=True)

    def prepare(self):
        """The service that the pages talk about, as generated code."""
        examples = HERE.parents[1] / "client/examples"
        plugin = subprocess.run(["which", "grpc_cpp_plugin"], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.strip()
        return run(["protoc", "-I", examples, "-I", self.protos, "--cpp_out", self.work, "--grpc_out",
                    self.work, "--plugin=protoc-gen-grpc=" + plugin, "orders.proto"], "orders.proto")

    def cpp(self, blocks):
        errors = []
        for name, text in cpp_sources(blocks):
            source = self.work / (name + ".cc")
            source.write_text(text, encoding="utf-8")
            errors += run([self.compiler, "-std=c++17", "-fsyntax-only", *WARNINGS, "-I",
                           self.prefix / "include", "-isystem", self.work, source], name)
        return errors

    def proto(self, blocks):
        errors = []
        for block in blocks:
            source = self.work / (block.name() + ".proto")
            source.write_text(proto_file(block), encoding="utf-8")
            errors += run(["protoc", "-I", self.work, "-I", self.protos, "-o", "/dev/null", source],
                          "%s:%d:" % (block.page, block.line))
        return errors

    def cmake(self, blocks):
        errors = []
        for block in blocks:
            folder = self.work / block.name()
            folder.mkdir(exist_ok=True)
            (folder / "main.cc").write_text("int main() {}\n", encoding="utf-8")
            (folder / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.22)\nproject(orders CXX)\n"
                "add_executable(orders main.cc)\nadd_executable(orders_test main.cc)\n" + block.text,
                encoding="utf-8")
            errors += run(["cmake", "-S", folder, "-B", folder / "build", "-DCMAKE_PREFIX_PATH=%s"
                           % self.prefix, "-DCMAKE_CXX_COMPILER=%s" % self.compiler],
                          "%s:%d:" % (block.page, block.line))
        return errors

    def toml(self, blocks):
        errors = []
        for block in blocks:
            where = "%s:%d:" % (block.page, block.line)
            unread = parsed(tomllib.loads, block.text, where)
            errors += unread
            if unread:
                continue
            source = self.work / (block.name() + ".toml")
            source.write_text(block.text, encoding="utf-8")
            given = set(keys_of(tomllib.loads(block.text)))
            beside = {"TESSERA_" + key.replace(".", "_").upper(): value
                      for key, value in REQUIRED.items() if key not in given}
            errors += run([self.prefix / "bin/tesserad", "--config", source, "--check-config"], where,
                          env={"PATH": os.environ["PATH"], **beside})
        return errors

    def yaml(self, blocks):
        return [error for block in blocks
                for error in parsed(yaml_documents, block.text, "%s:%d:" % (block.page, block.line))]

    def json(self, blocks):
        return [error for block in blocks
                for error in parsed(json.loads, block.text, "%s:%d:" % (block.page, block.line))]

    def sh(self, blocks):
        errors = []
        for block in blocks:
            where = "%s:%d:" % (block.page, block.line)
            source = self.work / (block.name() + ".sh")
            source.write_text(block.text, encoding="utf-8")
            unread = run(["bash", "-n", source], where) or run([*SHELLCHECK, source], where)
            errors += unread
            if block.word == "building" and not unread:
                errors += self.build_by(source, block, where)
        return errors

    def build_by(self, source, block, where):
        """Runs the block where a reader would, and then what it made."""
        folder = self.work / (block.name() + "_folder")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(HERE.parents[1] / "client/examples/orders.proto", folder)
        shutil.copy(WRAPPERS / "building.cc", folder / "main.cc")
        modules = next(self.prefix.rglob("tessera-guard.pc")).parent
        here = {**os.environ, "PKG_CONFIG_PATH": str(modules)}
        built = run(["bash", "-eu", source], where, cwd=folder, env=here)
        return built or run([folder / "orders"], where)


def check(root, prefix, work, compiler):
    """(errors, how many blocks)"""
    blocks = [block for path in pages(root)
              for block in blocks_of(path.relative_to(root).as_posix(),
                                     path.read_text(encoding="utf-8"))]
    errors = list(unmarked(blocks))
    marked = [block for block in blocks if block.word in words()[block.language]]
    compilation = Compilation(prefix, work, compiler)
    errors += compilation.prepare()
    for language in sorted(set(LANGUAGES.values())):
        chosen = [block for block in marked if block.language == language]
        errors += getattr(compilation, language)(chosen)
    return errors + yaml_files(root), len(blocks)


def main(arguments):
    root, prefix, work = (pathlib.Path(argument).resolve() for argument in arguments[1:4])
    errors, count = check(root, prefix, work, arguments[4])
    print("\n".join(errors + ["snippets: %d blocks, %d errors" % (count, len(errors))]))
    return 1 if errors or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
