#!/usr/bin/python3
"""Fails if a Markdown file links to a file or heading that is not there. Usage: links.py ROOT"""

import pathlib
import re
import sys

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
SKIPPED = {"build", "node_modules", ".git"}


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(path):
    """The anchors that the headings of a Markdown file make."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken(root, page):
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield "%s: no such file: %s" % (page.relative_to(root), target)
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield "%s: no such heading: %s" % (page.relative_to(root), target)


def main(arguments):
    root = pathlib.Path(arguments[1]).resolve()
    pages = [page for page in sorted(root.rglob("*.md"))
             if not SKIPPED & set(page.relative_to(root).parts)]
    found = [line for page in pages for line in broken(root, page)]
    print("\n".join(found + ["links: %d pages, %d broken" % (len(pages), len(found))]))
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
