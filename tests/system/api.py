"""What tests of the protocol `http` stand on: a scripted API (fakes/server.py), sworn before it, and bare clients."""
import contextlib
import itertools
import json
import pathlib
import shutil
import socket
import sys
import threading

import pytest

from conftest import PRINCIPALS, ROOT, Gateway, free_port
from rawhttp import Closed, RawClient

sys.path.insert(0, str(ROOT / "tests"))
from fakes.server import Answer, Server  # noqa: E402

KEY = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
EMAIL = "mk.private@example.net"
CARD = "4111 1111 1111 1111"
PULL = "/repos/acme/web/pulls/7"
ALL = """
@id("all") permit (principal, action, resource);
"""
# Everything may be done; nothing is revealed to anybody.
DO_ALL = """
@id("do-all") permit (principal, action, resource) unless { action == Sworn::Action::"reveal" };
"""


class Api(Server):
    """Answers each request by `script`: an Answer, or a function from the request to one."""

    def __init__(self, script=None, port=0):
        self.script = script or json_answer({"ok": True})
        super().__init__(port)

    def handle(self, request):
        return self.script(request) if callable(self.script) else self.script

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class RawServer:
    """Runs `script(connection, number)` for each connection, on a thread of its own; for what is not HTTP."""

    def __init__(self, script):
        self.script, self.open, self.numbers = script, set(), itertools.count(1)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection, next(self.numbers)), daemon=True).start()

    def serve(self, connection, number):
        with connection, contextlib.suppress(OSError, ValueError):
            self.script(connection, number)
        self.open.discard(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise OSError("the peer left")
        data += part
    return data


def json_answer(value, status=200, headers=(), **behaviour):
    return Answer(status, [("Content-Type", "application/json"), *headers], json.dumps(value).encode(), None, behaviour)


def text_answer(text, kind="text/plain", status=200, headers=(), **behaviour):
    body = text if isinstance(text, bytes) else text.encode()
    return Answer(status, [("Content-Type", kind), *headers], body, None, behaviour)


def stream_answer(pieces, kind="text/plain", headers=(), **behaviour):
    return Answer(200, [("Content-Type", kind), *headers], b"", pieces, behaviour)


class ApiGateway(Gateway):
    """sworn before one API. listener, upstream, config: further YAML."""

    def __init__(self, folder, api_port, policies=None, listener="", upstream="", config="", address=None,
                 environment=None):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.process, self.tokens = None, {}
        self.environment = {"API_KEY": KEY, **(environment or {})}
        self.config = self.folder / "sworn.yaml"
        self.log = self.folder / "gateway.log"
        self.evidence = self.folder / "evidence"
        (self.folder / "policies").mkdir(parents=True, exist_ok=True)
        self.write_policies(policies or {"all.cedar": ALL})
        address = address or f"127.0.0.1:{api_port}"
        self.config.write_text(f"""
listeners:
  - protocol: http
    address: {self.listener_address()}
    upstream: code
    {listener}
upstreams:
  - name: code
    protocol: http
    address: {address}
    environment: prod
    key: env:API_KEY
    operations: github
    {upstream}
principals:{PRINCIPALS}
policy: {{directory: policies}}
masking: {{hash_key: file:mask.key}}
ledger: {{directory: evidence, vkey: evidence.vkey, origin: sworn.example/test, checkpoint_interval: 200ms}}
state: sworn.db
admin: unix:sworn.sock
{config}
""")

    def listener_address(self):
        return f"127.0.0.1:{self.port}"


class Client(RawClient):
    """A client of one principal."""

    def __init__(self, gateway, user="ana", timeout_s=20):
        super().__init__(gateway.port, timeout_s)
        self.gateway = gateway
        self.token = gateway.token(user) if user else None

    def fields(self, headers=()):
        return [*([("Authorization", f"Bearer {self.token}")] if self.token else []), *headers]

    def ask(self, method, target, body=None, headers=()):
        """A request, with `body` as JSON unless it is bytes."""
        if body is not None and not isinstance(body, bytes):
            headers = [("Content-Type", "application/json"), *headers]
            body = json.dumps(body).encode()
        return self.request(method, target, self.fields(headers), body)

    def get(self, target=PULL, headers=()):
        return self.ask("GET", target, None, headers)

    def post(self, target, body, headers=()):
        return self.ask("POST", target, body, headers)

    def head_of(self, method, target, headers=()):
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        return ("\r\n".join(lines + [f"{name}: {value}" for name, value in self.fields(headers)]) + "\r\n\r\n").encode()

    def rest(self):
        """What comes until the server closes."""
        try:
            while True:
                self.fill()
        except (Closed, ConnectionError):
            data, self.buffer = self.buffer, b""
            return data

    def is_closed_by_peer(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def detail(reply):
    return json.loads(reply.body)["detail"]


@contextlib.contextmanager
def running(folder, api, **options):
    gateway = ApiGateway(folder, api.port, **options).start()
    try:
        yield gateway
    finally:
        if gateway.process is not None:
            gateway.stop(expect=None)


@pytest.fixture
def api():
    with Api() as made:
        yield made


@pytest.fixture
def make_api_gateway(tmp_path_factory, api):
    """make_api_gateway(policies=...) starts one before `api`; all are stopped at the end of the test."""
    started = []

    def make(start=True, port=None, **options):
        made = ApiGateway(tmp_path_factory.mktemp("gw"), port or api.port, **options)
        started.append(made)
        return made.start() if start else made

    yield make
    for made in started:
        if made.process is not None:
            made.stop(expect=None)
    for made in started:
        shutil.rmtree(made.folder, ignore_errors=True)
