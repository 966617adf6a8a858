"""An HTTP/1.1 server by hand, so that a test chooses each byte that goes out and reads each byte that came in.

One thread a connection, keep-alive, requests answered in order. What is received is recorded before it is answered:
`Request.head` and `Request.raw_body` are the bytes as they came. `Request.problems` names what a careful proxy does not
send (both framings, an absolute target, an unknown Expect ...): tests assert that it is empty.

How an answer travels is chosen by the keys of a behaviour (a dict; providers.py adds what the model says):

    head_delay_ms   wait before the status line            body_delay_ms   wait between head and body
    delay_ms        wait between two pieces (events)       segment         bytes given to one send()
    framing         length | chunked | close               chunk           bytes in one chunk (default: a piece)
    encoding        gzip | deflate | a name that is sent without encoding anything; where the client accepts it, or
    is_forced       is true
    cut             stop after so many bytes of the body   cut_pieces      stop after so many pieces (events)
    reset           a cut ends with RST, not FIN           trailers        [[name, value], ...] behind a chunked body
    headers         [[name, value], ...] or a dict: replace those of that name, None takes away
    raw             bytes (or text, as latin-1) sent instead of any answer; the connection is closed behind them
    close           `Connection: close` and no further request
    silent          never answer (until the client goes)
"""
import dataclasses
import json
import select
import socket
import struct
import threading
import time
import urllib.parse
import zlib

HEAD_MAX = 1 << 20
REASONS = {100: "Continue", 200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict",
           413: "Content Too Large", 422: "Unprocessable Entity", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


@dataclasses.dataclass
class Request:
    """One request as it was received."""
    connection: int
    head: bytes
    method: str
    target: str
    headers: list
    body: bytes = b""
    raw_body: bytes = b""
    problems: list = dataclasses.field(default_factory=list)
    at: float = 0.0
    is_answered: bool = False   # the whole answer was given to the kernel
    is_aborted: bool = False    # the client went before that
    answer_bytes: int = 0       # of the body that were sent

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query))

    @property
    def wire(self):
        return self.head + self.raw_body

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name, default=None):
        found = self.values(name)
        return found[0] if found else default

    def json(self):
        return json.loads(self.body)


@dataclasses.dataclass
class Answer:
    """What a handler returns: a body, or pieces (an iterable of bytes) for a stream."""
    status: int = 200
    headers: list = dataclasses.field(default_factory=list)
    body: bytes = b""
    pieces: object = None
    behaviour: dict = dataclasses.field(default_factory=dict)


class Gone(Exception):
    """The client went."""


class Cut(Gone):
    """The behaviour says that the connection ends here."""


class Reader:
    """Bytes of one connection, with what belongs to the current request kept as it came."""

    def __init__(self, connection):
        self.connection, self.buffer, self.taken = connection, b"", bytearray()

    def fill(self):
        try:
            data = self.connection.recv(65536)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        self.taken += data
        return data

    def until(self, mark):
        searched = 0
        while (at := self.buffer.find(mark, searched)) < 0:
            if len(self.buffer) > HEAD_MAX:
                raise Gone
            searched = max(0, len(self.buffer) - len(mark))
            self.fill()
        return self.take(at + len(mark))


def parse_head(head, number):
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    request = Request(number, head, parts[0], parts[1] if len(parts) > 1 else "", [], at=time.monotonic())
    if len(parts) != 3 or parts[2] != "HTTP/1.1" or not request.target.startswith("/"):
        request.problems.append(f"request line {lines[0]!r}")
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or line[:1] in " \t":
            request.problems.append(f"header line {line!r}")
        request.headers.append((name, value.strip(" \t")))
    check_framing(request)
    return request


def check_framing(request):
    lengths, encodings = request.values("content-length"), request.values("transfer-encoding")
    if len(request.values("host")) != 1:
        request.problems.append("not one Host")
    if len(lengths) > 1 or (lengths and encodings) or (lengths and not lengths[0].isdigit()):
        request.problems.append("framing is ambiguous")
    if encodings and encodings != ["chunked"]:
        request.problems.append(f"transfer-encoding {encodings}")
    if request.values("upgrade") or request.values("proxy-connection") or request.values("keep-alive"):
        request.problems.append("hop-by-hop header")


def read_body(reader, request):
    if request.values("transfer-encoding"):
        body = bytearray()
        while True:
            size = int(reader.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while reader.until(b"\r\n") != b"\r\n":
                    pass
                return bytes(body)
            body += reader.take(size)
            reader.take(2)
    return reader.take(int(request.header("content-length", "0")))


class Sender:
    """Writes one answer as its behaviour says."""

    def __init__(self, connection, request, answer):
        self.connection, self.request, self.answer = connection, request, answer
        self.how, self.is_open = answer.behaviour, True
        accepted = [item.split(";")[0].strip() for item in request.header("accept-encoding", "").split(",")]
        wanted = self.how.get("encoding")
        self.encoding = wanted if wanted in accepted or self.how.get("is_forced") else None
        self.compressor = None

    def send(self, data):
        step = self.how.get("segment") or max(1, len(data))
        try:
            for at in range(0, len(data), step):
                self.connection.sendall(data[at:at + step])
        except OSError as error:
            raise Gone from error

    def wait(self, milliseconds):
        """Sleeps, and notices that the client went meanwhile."""
        deadline = time.monotonic() + milliseconds / 1000
        while True:
            left = deadline - time.monotonic()
            try:
                readable, _, _ = select.select([self.connection], [], [], max(0, left))
                if not readable:
                    return
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    raise Gone
            except (OSError, ValueError) as error:
                raise Gone from error
            if left > 0:
                time.sleep(min(left, 0.01))
            else:
                return

    def encode(self, data, is_last):
        if self.encoding not in ("gzip", "deflate"):
            return data
        if self.compressor is None:
            self.compressor = zlib.compressobj(wbits=31 if self.encoding == "gzip" else 15)
        out = self.compressor.compress(data)
        return out + self.compressor.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)

    def framing(self):
        if self.how.get("framing"):
            return self.how["framing"]
        return "length" if self.answer.pieces is None else "chunked"

    def pieces(self):
        if self.answer.pieces is None:
            yield self.encode(self.answer.body, True)
            return
        for piece in self.answer.pieces:
            yield self.encode(piece, False)
        if self.encoding in ("gzip", "deflate"):
            yield self.encode(b"", True)

    def head(self, framing, length):
        headers = list(self.answer.headers)
        if framing == "length":
            headers.append(("Content-Length", str(length)))
        elif framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        if self.encoding:
            headers.append(("Content-Encoding", self.encoding))
        if not self.stays_open(framing):
            headers.append(("Connection", "close"))
        given = self.how.get("headers") or []
        given = list(given.items() if isinstance(given, dict) else given)
        names = {name.lower() for name, _ in given}
        headers = [pair for pair in headers if pair[0].lower() not in names]
        headers += [pair for pair in given if pair[1] is not None]
        status = f"HTTP/1.1 {self.answer.status} {REASONS.get(self.answer.status, 'Unknown')}\r\n"
        return (status + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode("latin-1")

    def run(self):
        if self.how.get("head_delay_ms"):
            self.wait(self.how["head_delay_ms"])
        while self.how.get("silent"):
            self.wait(1000)
        if "raw" in self.how:
            raw = self.how["raw"]
            self.send(raw if isinstance(raw, bytes) else raw.encode("latin-1"))
            raise Cut
        framing = self.framing()
        pieces = self.pieces()
        if framing == "length":
            pieces = [b"".join(pieces)]
        has_body = self.request.method != "HEAD" and self.answer.status not in (204, 304)
        self.send(self.head(framing if has_body or framing == "length" else None, sum(map(len, pieces))
                            if framing == "length" else 0))
        if has_body:
            self.body(framing, pieces)
        self.is_open = self.stays_open(framing)

    def stays_open(self, framing):
        wanted = self.request.header("connection", "").lower() != "close"
        return wanted and framing != "close" and not self.how.get("close")

    def body(self, framing, pieces):
        if self.how.get("body_delay_ms"):
            self.wait(self.how["body_delay_ms"])
        for number, piece in enumerate(pieces):
            if number == self.how.get("cut_pieces"):
                raise Cut
            if number and self.how.get("delay_ms"):
                self.wait(self.how["delay_ms"])
            self.piece(framing, piece)
        if framing == "chunked":
            trailers = "".join(f"{name}: {value}\r\n" for name, value in self.how.get("trailers", ()))
            self.send(b"0\r\n" + trailers.encode("latin-1") + b"\r\n")

    def piece(self, framing, data):
        left = self.how.get("cut", 1 << 62) - self.request.answer_bytes
        is_cut = len(data) >= left
        data = data[:left] if is_cut else data
        step = self.how.get("chunk") or max(1, len(data))
        for at in range(0, len(data), step):
            part = data[at:at + step]
            self.send(b"%x\r\n%b\r\n" % (len(part), part) if framing == "chunked" else part)
        self.request.answer_bytes += len(data)
        if is_cut:
            raise Cut


class Server:
    """Listens on loopback; `handle(request)` returns an Answer. Ended by stop()."""

    def __init__(self, port=0):
        self.lock = threading.Condition()
        self.requests = []
        self.received = 0            # bytes of requests, complete or not
        self.connections = 0         # accepted so far
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def handle(self, request):
        raise NotImplementedError

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()

    def serve(self, connection, number):
        reader, answer = Reader(connection), None
        try:
            while True:
                request, answer = self.read(connection, reader, number), None
                answer = self.handle(request)
                sender = Sender(connection, request, answer)
                try:
                    sender.run()
                    request.is_answered = True
                except Gone as error:
                    request.is_aborted = not isinstance(error, Cut)
                    raise
                finally:
                    self.notify()
                if not sender.is_open:
                    break
        except (Gone, ValueError):
            pass
        finally:
            self.end(connection, bool(answer and answer.behaviour.get("reset")))

    def end(self, connection, is_reset):
        with self.lock:
            self.open.discard(connection)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def read(self, connection, reader, number):
        reader.taken = bytearray()
        head = reader.until(b"\r\n\r\n")
        request = parse_head(head, number)
        if request.header("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif request.values("expect"):
            request.problems.append("unknown Expect")
        request.body = read_body(reader, request)
        request.raw_body = bytes(reader.taken[len(head):])
        with self.lock:
            self.requests.append(request)
            self.received += len(reader.taken)
        self.notify()
        return request

    def notify(self):
        with self.lock:
            self.lock.notify_all()

    def wait(self, condition, timeout_s=10):
        """Until condition(requests) is true; returns what it returned."""
        with self.lock:
            assert self.lock.wait_for(lambda: condition(self.requests), timeout_s), self.requests
            return condition(self.requests)

    def take(self):
        """The requests since the last time."""
        with self.lock:
            taken, self.requests = self.requests, []
        return taken

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
