#!/usr/bin/python3
"""A scripted stand-in for both model providers, which records what it received.

    with Provider("openai", key="sk-...") as fake:          # or "anthropic"; fake.port, fake.url
        fake.script({"say": "Hello"})                       # the next request; then the default again
        fake.script({"status": 529}, times=2)               # the two after it
        fake.script({"say": [{"tool": "send_mail", "arguments": {"to": "<EMAIL_1>"}}], "split": 1})
                                                            # <EMAIL_1>: the first address that is in the request
        fake.script({"delay_ms": 50}, always=True)          # for each request that has no script of its own
        ...
        fake.requests[0].head, .raw_body, .json(), .problems; fake.take(); fake.wait(lambda requests: ...)

Unless told otherwise the model echoes the words that it was asked, so that placeholders come back. A behaviour is a dict:
how the answer travels (server.py has the list), what is said (script.py has the parts), and

    say             parts, or one                          choices         a list of `say`, for Chat Completions' n
    split           a delta every N characters, or at these positions of each text (default 8)
    escape          "ascii", "all": values as \\uXXXX       usage, stop_reason, finish_reason, request_id: in their place
    status, error   an error in the provider's own JSON; `error` a message or members of it
    fail_event      before this event an error comes in the stream, of `fail_status`
    response_status completed | incomplete | failed (Responses)
    body            the body of the answer instead of the composed one: an object, or a string as it is
    raw_events      [[event or null, data], ...]: the stream instead of the composed one

Who cannot call script() sends a behaviour as JSON in a header `x-fake-script` or in a prompt: `[[fake {...}]]`.

As a program (for the demo): providers.py openai|anthropic PORT [--key KEY] [--record FILE] [--play FILE]; one JSON line a
request is appended to the recorded FILE; the played one is a JSON list of behaviours, one a request, in order. Port 0: any.
"""
import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from fakes import script  # noqa: E402
from fakes.anthropic_api import Anthropic  # noqa: E402
from fakes.openai_api import OpenAI  # noqa: E402
from fakes.server import Server  # noqa: E402

APIS = {"openai": OpenAI, "anthropic": Anthropic}


class Provider(Server):
    """One provider on a port of its own."""

    def __init__(self, name, key=None, port=0, on_request=None):
        self.api = APIS[name](key)
        self.name, self.key = name, key
        self.scripts, self.standing, self.served = [], {}, 0
        self.on_request = on_request
        super().__init__(port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self):
        """What the official SDK of this provider takes."""
        return self.url + ("/v1" if self.name == "openai" else "")

    def script(self, behaviour, times=1, always=False, path=None):
        """For the next `times` requests (to `path`, if given), or for all that have none of their own."""
        with self.lock:
            if always:
                self.standing = dict(behaviour)
            else:
                self.scripts += [(path, dict(behaviour))] * times

    def reset(self):
        with self.lock:
            self.scripts, self.standing, self.requests = [], {}, []

    def behaviour(self, request):
        with self.lock:
            self.served += 1
            number = self.served
            for at, (path, behaviour) in enumerate(self.scripts):
                if path is None or path == request.path:
                    del self.scripts[at]
                    return number, {**self.standing, **behaviour}
        if request.header("x-fake-script"):
            return number, {**self.standing, **json.loads(request.header("x-fake-script"))}
        try:
            found = script.marked(request.json()) if b"[[fake " in request.body else None
        except ValueError:
            found = None
        return number, {**self.standing, **(found or {})}

    def handle(self, request):
        if self.on_request:
            self.on_request(request)
        number, how = self.behaviour(request)
        how = script.with_names(how, request)
        return self.api.answer(request, number, how)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser(description="A stand-in for a model provider.")
    parser.add_argument("provider", choices=sorted(APIS))
    parser.add_argument("port", type=int)
    parser.add_argument("--key")
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--play", type=pathlib.Path)
    options = parser.parse_args()

    def record(request):
        if options.record:
            with open(options.record, "a", encoding="utf-8") as out:
                out.write(json.dumps({"method": request.method, "target": request.target, "headers": request.headers,
                                      "body": request.body.decode("utf-8", "replace")}) + "\n")

    provider = Provider(options.provider, options.key, options.port, record)
    for behaviour in json.loads(options.play.read_text()) if options.play else []:
        provider.script(behaviour)
    print(f"listening on {provider.url}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
