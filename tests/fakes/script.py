"""What the model says: parts, and how they are cut into deltas. Shared by both providers.

A part is a string, or a dict with one of these keys (others beside it refine it):

    text            words; `citations` (Anthropic) or `annotations` (OpenAI): a list of the provider's own objects
    tool            a tool's name, with `arguments` (an object, or a string that is sent as it is), `id`;
                    `custom` true: OpenAI's custom tool, whose input is the string
    thinking        reasoning in words: Anthropic's thinking block with `signature`, the summary of an OpenAI reasoning
                    item (a list of strings: several summary parts), with `encrypted` (its encrypted_content);
                    Chat Completions do not have it: there it is left out
    redacted        Anthropic's redacted_thinking, as base64
    refusal         OpenAI's refusal; for Anthropic words, and the stop reason `refusal`
    block           Anthropic: a content block as it is (server tools and their results), given in content_block_start
    item            OpenAI Responses: an output item as it is; `events`: [[type, {fields}], ...] between added and done
"""
import json
import re
import zlib

DEFAULT_SPLIT = 8


PLACEHOLDER = re.compile(r"<([A-Z_]+)_([a-z][0-9a-z]{9}(?:[0-9a-z]{10})?)>")


def placeholders(text):
    """Those of a request, by their labels, in the order in which they are read first."""
    found = {}
    for label, name in PLACEHOLDER.findall(text):
        if name not in found.setdefault(label, []):
            found[label].append(name)
    return found


def numbered(text):
    """The text with "<EMAIL_1>" for its first placeholder of an address, and so on."""
    found = placeholders(text)
    return PLACEHOLDER.sub(lambda match: f"<{match[1]}_{found[match[1]].index(match[2]) + 1}>", text)


def with_names(behaviour, request):
    """In what the model is to say, "<EMAIL_1>" is the first address that it read in the request, if it read one."""
    found = placeholders(request.body.decode("utf-8", "replace"))

    def name(match):
        names = found.get(match.group(1), [])
        number = int(match.group(2))
        return f"<{match.group(1)}_{names[number - 1]}>" if number <= len(names) else match.group(0)

    return json.loads(re.sub(r"<([A-Z_]+)_([1-9][0-9]?)>", name, json.dumps(behaviour))) if found else behaviour


def as_part(part):
    return {"text": part} if isinstance(part, str) else part


def as_parts(said):
    return [as_part(part) for part in (said if isinstance(said, list) else [said])]


def arguments_text(part):
    arguments = part.get("arguments", {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def split(text, how):
    """Pieces of a text: every N characters, or at the positions of a list."""
    at = how.get("split", DEFAULT_SPLIT)
    if isinstance(at, list):
        marks = [0, *[mark for mark in at if 0 < mark < len(text)], len(text)]
        return [text[start:end] for start, end in zip(marks, marks[1:]) if start < end]
    return [text[start:start + at] for start in range(0, len(text), at)]


def count_tokens(value):
    """About four characters a token, as the providers' rule of thumb has it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return max(1, (len(text) + 3) // 4) if text else 0


def dump(value, how, indent=None):
    """JSON as the provider writes it; `escape`: "ascii" or "all" (every character of a value as \\uXXXX)."""
    escape = how.get("escape")
    separators = None if indent else (",", ":")
    if escape == "all":
        return escape_all(value)
    return json.dumps(value, ensure_ascii=escape == "ascii", indent=indent, separators=separators)


def escape_all(value):
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + escape_all(member) for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(escape_all, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    units = value.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)) + '"'


def name_of(kind, *seed):
    """Identifiers that are the same in each run."""
    number = zlib.crc32(repr(seed).encode())
    return f"{kind}{number:08x}{zlib.crc32(str(number).encode()):08x}{number ^ 0x5A5A5A5A:08x}"


def texts(value):
    """Every text that a `content` holds."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    if isinstance(value, dict):
        return [text for key in ("text", "content", "output", "input", "refusal") for text in texts(value.get(key))]
    return []


def marked(value, mark="[[fake "):
    """The behaviour in a marker `[[fake {...}]]` of any string of the request, for clients that can set nothing else."""
    if isinstance(value, str):
        start = value.rfind(mark)
        end = value.find("]]", start)
        while start >= 0 and end >= 0:
            try:
                return json.loads(value[start + len(mark):end])
            except ValueError:
                end = value.find("]]", end + 1)
        return None
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [marked(member, mark) for member in members]
    return next((behaviour for behaviour in reversed(found) if behaviour is not None), None)


def server_sent(data, event=None):
    return ((f"event: {event}\n" if event else "") + f"data: {data}\n\n").encode("utf-8", "surrogatepass")
