"""A server that does not keep to its protocol: each message type in each state of an answer.

What may come is PostgreSQL's documentation of message flow (55.2); everything else ends that session with an error that
names the message, and nothing else.
"""
import contextlib
import socket
import struct
import threading

import pytest

import pgwire
from pgwire import message

GREETING = (message(b"R", struct.pack("!I", 0)) + message(b"S", b"server_version\x0015.0\0") +
            message(b"S", b"client_encoding\0UTF8\0") + message(b"S", b"server_encoding\0UTF8\0") +
            message(b"S", b"standard_conforming_strings\0on\0") + message(b"K", struct.pack("!II", 1, 2)) +
            message(b"Z", b"I"))
COLUMN = b"\0\1a\0" + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
ROW = struct.pack("!hi", 1, 1) + b"x"
ERROR = b"SERROR\0VERROR\0C22000\0Mno\0\0"
BODIES = {b"T": COLUMN, b"D": ROW, b"C": b"SELECT 1\0", b"I": b"", b"s": b"", b"G": b"\0\0\0", b"H": b"\0\0\0", b"d": b"1\n",
          b"c": b"", b"Z": b"I", b"1": b"", b"2": b"", b"3": b"", b"n": b"", b"t": b"\0\0", b"R": struct.pack("!I", 0),
          b"K": struct.pack("!II", 1, 2), b"V": struct.pack("!i", -1), b"W": b"\0\0\0", b"v": struct.pack("!II", 0, 0),
          b"E": ERROR, b"q": b"", b"\0": b""}

# what was sent -> what may come then; the documented flows, written down apart from the code
QUERY_STATES = {
    (): b"TCIGHZE", (b"T",): b"DCE", (b"T", b"D"): b"DCE", (b"T", b"D", b"C"): b"TCIGHZE", (b"C",): b"TCIGHZE",
    (b"H",): b"dcE", (b"H", b"d"): b"dcE", (b"H", b"d", b"c"): b"CE", (b"H", b"d", b"c", b"C"): b"TCIGHZE", (b"I",): b"Z",
    (b"E",): b"Z", (b"T", b"E"): b"Z", (b"G",): b"CE",
}
EXECUTE_STATES = {
    (): b"DCIsGHE", (b"D",): b"DCsE", (b"G",): b"CE", (b"H",): b"dcE", (b"H", b"d"): b"dcE", (b"H", b"c"): b"CE",
}


class Server:
    """Sends what the test says as the answer to the first Query or Execute."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.password = "x"
        self.answer = b""
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(client,), daemon=True).start()

    def serve_one(self, client):
        with client:
            client.settimeout(20)
            with contextlib.suppress(OSError, struct.error):
                self.talk(client, client.makefile("rb"))

    def talk(self, client, stream):
        length, = struct.unpack("!I", stream.read(4))
        stream.read(length - 4)
        client.sendall(GREETING)
        while kind := stream.read(1):
            length, = struct.unpack("!I", stream.read(4))
            body = stream.read(length - 4)
            if kind == b"X":
                return
            if kind in (b"Q", b"E"):
                client.sendall(self.answer)
            elif kind == b"D" and body[:1] == b"P":
                client.sendall(message(b"T", COLUMN))
            elif kind in (b"P", b"B", b"C"):
                client.sendall(message({b"P": b"1", b"B": b"2", b"C": b"3"}[kind]))

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)


@pytest.fixture
def hostile(make_gateway):
    server = Server()
    try:
        yield make_gateway(postgres=server), server
    finally:
        server.stop()


def ask(gateway, request):
    """What the client gets after its request, until the connection ends or nothing more is expected."""
    connection = pgwire.Connection(gateway.port).login("ana", gateway.token("ana"), "shop")
    with connection:
        connection.send(request)
        connection.socket.settimeout(0.3)
        got = []
        try:
            while True:
                got.append(connection.read())
        except pgwire.Closed:
            return got, True
        except TimeoutError:
            return got, False


QUERY = pgwire.query("SELECT 1 AS a")  # names no table: sworn has nothing to ask the server first
EXTENDED = (pgwire.parse("SELECT 1 AS a") + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC)


@pytest.mark.parametrize("request_bytes, states", [(QUERY, QUERY_STATES), (EXTENDED, EXECUTE_STATES)],
                         ids=["query", "execute"])
def test_each_message_in_each_state(hostile, request_bytes, states):
    gateway, server = hostile
    for sent, allowed in states.items():
        for kind in BODIES:
            server.answer = b"".join(message(each, BODIES[each]) for each in (*sent, kind))
            got, is_closed = ask(gateway, request_bytes)
            refused = [error for error in pgwire.errors(got) if "where it may not be" in error["M"]]
            is_allowed = kind in allowed if len(kind) == 1 and kind != b"\0" else False
            assert bool(refused) == (not is_allowed), (sent, kind, got)
            if refused:
                assert is_closed and f"0x{kind[0]:02x}" in refused[0]["M"]
    gateway.stop()
    log = gateway.log.read_text()
    assert "Sanitizer" not in log and "CHECK" not in log, log


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


@pytest.mark.parametrize("answer", [b"H" * 20000, b"T" * 20000, b"Hd" * 20000, b"1" * 20000, b"n" * 20000],
                         ids=["copy-out", "columns", "copy-data", "parse-complete", "no-data"])
def test_repeated_messages_cost_nothing(hostile, answer):
    """46 MB stayed behind for each answer that said CopyOutResponse again and again."""
    gateway, server = hostile
    server.answer = b"".join(message(bytes([kind]), BODIES[bytes([kind])]) for kind in answer)
    ask(gateway, QUERY)
    before = resident_kib(gateway.process.pid)
    for _ in range(10):
        got, _ = ask(gateway, QUERY)
        assert pgwire.errors(got)
    assert resident_kib(gateway.process.pid) - before < 8 * 1024


def test_notices_without_end_reach_the_client_and_stay_nowhere(hostile):
    gateway, server = hostile
    notice = message(b"N", b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0")
    server.answer = notice * 2000 + message(b"C", BODIES[b"C"]) + message(b"Z", b"I")
    got, _ = ask(gateway, QUERY)
    assert len([1 for kind, _ in got if kind == b"N"]) == 2000 and got[-1][0] == b"Z"
