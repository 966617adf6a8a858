"""What the eye should not have to look for: width, tabs, trailing space, words of unfinished work, very long files."""
import pathlib
import re
import subprocess
import sys

WIDTH = 125
LINES_MAX = 700
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
ENDINGS = ("*.c", "*.h", "*.def", "*.py", "*.build", "dev", "*.md")


def problems(name):
    text = pathlib.Path(name).read_text()
    lines = text.split("\n")
    is_code = name.endswith((".c", ".h"))
    if is_code and len(lines) > LINES_MAX:
        yield 1, f"{len(lines)} lines: two purposes?"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield number, "tab"
        if line != line.rstrip():
            yield number, "trailing space"
        if is_code and len(line) > WIDTH:
            yield number, f"{len(line)} columns"
        if UNFINISHED.search(line) and "UNFINISHED" not in line:
            yield number, "unfinished work"


def main():
    names = subprocess.run(["git", "ls-files", *ENDINGS], capture_output=True, text=True, check=True).stdout.split()
    bad = 0
    for name in names:
        if name.startswith("tests/fuzz/corpus/"):
            continue
        for number, what in problems(name):
            print(f"{name}:{number}: {what}")
            bad += 1
    return 1 if bad else 0


sys.exit(main())
