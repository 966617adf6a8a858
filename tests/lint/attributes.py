"""The table of context attributes in doc/policy-guide.md says what model/attributes.def says. --print shows it."""
import pathlib
import re
import sys

SOURCE = pathlib.Path("model/attributes.def")
GUIDE = pathlib.Path("doc/policy-guide.md")
ROW = re.compile(r'^ATTRIBUTE\(\w+, "(\w+)", (\w+), ([\w| ]+), ([\w| ]+), "(.+)"\)$', re.MULTILINE)
TYPES = {"STRING": "String", "BOOL": "Bool", "LONG": "Long", "SET": "Set of String", "IP": "ipaddr",
         "DATETIME": "datetime", "TAGS": "Input, tags of String", "NUMBER_TAGS": "InputNumbers, tags of Long"}
PLACES = {"IN_SQL": "SQL", "IN_LLM": "prompts", "IN_TOOL": "tool calls", "IN_HTTP": "HTTP", "IN_ACTIONS": "all actions",
          "IN_REVEAL": "reveal"}
HEADING = ["| `context.` | type | in | meaning |", "|---|---|---|---|"]


def places(always, known):
    """Where the attribute stands; a question mark where it may be absent."""
    names = [PLACES[name] for name in always.split(" | ") if name != "0"]
    return ", ".join(names + [f"{PLACES[name]}?" for name in known.split(" | ") if name != "0"])


def wanted():
    rows = ROW.findall(SOURCE.read_text())
    return HEADING + [f"| `{name}` | {TYPES[kind]} | {places(always, known)} | {text} |"
                      for name, kind, always, known, text in rows]


def found():
    lines = GUIDE.read_text().split("\n")
    if HEADING[0] not in lines:
        return []
    start = lines.index(HEADING[0])
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return lines[start:end]


def main():
    table = wanted()
    if sys.argv[1:] == ["--print"]:
        print("\n".join(table))
        return 0
    if len(table) == len(HEADING) or table != found():
        print(f"{GUIDE}: the table of context attributes differs from {SOURCE}: paste `{sys.argv[0]} --print`")
        return 1
    return 0


sys.exit(main())
