#!/usr/bin/python3
"""What travelled in the demo's second act, in a form to read.

    show.py request FILE            the messages of a request as the agent has it
    show.py prompt RECORD NUMBER    the messages of a request as the upstream received it
    show.py answer FILE             a streamed answer of Chat Completions that curl wrote to FILE
"""
import json
import sys


def show_messages(body):
    for message in json.loads(body)["messages"]:
        print(f"{message['role']}: " + message["content"].replace("\n", "\n    "))


def show_request(path):
    with open(path, encoding="utf-8") as body:
        show_messages(body.read())


def show_prompt(record, number):
    with open(record, encoding="utf-8") as lines:
        show_messages(json.loads(lines.readlines()[int(number) - 1])["body"])


def show_answer(path):
    text, calls, finish = "", {}, None
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().split("\n")
    for line in lines:
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[len("data: "):]).get("choices", []):
            text += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls", []):
                known = calls.setdefault(call["index"], {"name": call["function"].get("name"), "arguments": ""})
                known["arguments"] += call["function"].get("arguments", "")
            finish = choice.get("finish_reason") or finish
    if finish is None:
        sys.exit(f"the answer has no end: {' '.join(lines)[:500]}")
    print(text)
    for call in calls.values():
        print(f"tool call: {call['name']} {call['arguments']}")
    pings = lines.count(": ping")
    print(f"finish_reason: {finish}" + (f", kept alive by pings: {pings}" if pings else ""))


if __name__ == "__main__":
    {"request": show_request, "prompt": show_prompt, "answer": show_answer}[sys.argv[1]](*sys.argv[2:])
