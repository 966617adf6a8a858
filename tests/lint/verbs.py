"""Every verb that a table of operations in wire/ names is one that policies can name: it stands in model/verbs.def."""
import pathlib
import re
import sys

VERBS = set(re.findall(r'^VERB\("([^"]+)"', pathlib.Path("model/verbs.def").read_text(), re.MULTILINE))
missing = []
for path in sorted(pathlib.Path("wire").glob("*/operations.c")):
    text = path.read_text()
    table = path.parent.name
    named = {f"{table}:{name}" for name in re.findall(r'\bNAMED\("\w+", "[^"]+", "(\w+)"\)', text)}
    named |= set(re.findall(rf'"((?:llm|{table}):\w+)"', text))
    missing += [f"{path}: {verb} is not in model/verbs.def" for verb in sorted(named - VERBS)]
print("\n".join(missing), end="\n" if missing else "")
sys.exit(1 if missing else 0)
