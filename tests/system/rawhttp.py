"""An HTTP/1.1 client by hand: it sends the bytes that it is given and keeps each byte that came back."""
import socket


class Reply:
    def __init__(self, head, body, wire):
        self.head, self.body, self.wire = head, body, wire
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:-2])]

    def header(self, name, default=None):
        return next((value for key, value in self.headers if key == name), default)


class Closed(Exception):
    """The server closed the connection; what came before is in `data`."""

    def __init__(self, data):
        super().__init__(f"closed behind {data[-200:]!r}")
        self.data = data


class RawClient:
    """One connection, kept alive; connects again where the server closed it."""

    def __init__(self, port, timeout_s=20):
        self.port, self.timeout_s = port, timeout_s
        self.socket, self.buffer = None, b""

    def connect(self):
        self.close()
        self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def send(self, data):
        if self.socket is None:
            self.connect()
        self.socket.sendall(data)

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def end(self):
        """Raises Closed where the server has closed the connection or said that it does."""
        if self.socket is None:
            raise Closed(b"")
        self.fill()

    def until(self, mark, start=0):
        while (at := self.buffer.find(mark, start)) < 0:
            self.fill()
        return at + len(mark)

    def read(self, is_head=False):
        """One reply, in any framing. 100 Continue is left out of it."""
        end = self.until(b"\r\n\r\n")
        while self.buffer.startswith(b"HTTP/1.1 100"):
            self.buffer = self.buffer[end:]
            end = self.until(b"\r\n\r\n")
        reply = Reply(self.buffer[:end], b"", b"")
        if is_head or reply.status in (204, 304):
            body, size = b"", end
        elif reply.header("transfer-encoding") == "chunked":
            body, size = self.read_chunked(end)
        elif reply.header("content-length") is not None:
            size = end + int(reply.header("content-length"))
            while len(self.buffer) < size:
                self.fill()
            body = self.buffer[end:size]
        else:
            body, size = self.read_to_end(end)
        reply.body, reply.wire = body, self.buffer[:size]
        self.buffer = self.buffer[size:]
        if reply.header("connection") == "close":
            self.close()
        return reply

    def read_chunked(self, at):
        body = bytearray()
        while True:
            line = self.until(b"\r\n", at)
            size = int(self.buffer[at:line - 2].split(b";")[0], 16)
            while len(self.buffer) < line + size + 2:
                self.fill()
            if size == 0:
                while self.buffer[line:line + 2] != b"\r\n":
                    line = self.until(b"\r\n", line)
                    while len(self.buffer) < line + 2:
                        self.fill()
                return bytes(body), line + 2
            body += self.buffer[line:line + size]
            at = line + size + 2

    def read_to_end(self, at):
        try:
            while True:
                self.fill()
        except Closed:
            return self.buffer[at:], len(self.buffer)

    def request(self, method, target, headers=(), body=None):
        """Sends a request and reads its reply; once more on a new connection where an idle one had been closed."""
        given = [("Host", f"127.0.0.1:{self.port}"), *headers]
        if body is not None:
            given.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given) + "\r\n"
        data = head.encode("utf-8") + (body or b"")
        is_fresh = self.socket is None
        try:
            self.send(data)
            return self.read(method == "HEAD")
        except (Closed, ConnectionError) as error:
            self.close()
            if is_fresh or getattr(error, "data", b""):
                raise
            self.send(data)
            return self.read(method == "HEAD")
