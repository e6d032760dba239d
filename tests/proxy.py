"""A proxy between `pcc` and the router that records what passes and alters it, for tests that play the attacker on the network."""
from __future__ import annotations

import http.client
import http.server
import threading
import urllib.parse


class Exchange:
    """One request and its answer, bodies whole."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.status, self.response_headers, self.response = 0, [], b""


class Proxy:
    """with Proxy(router_url) as proxy: … proxy.url …; set proxy.on_request / proxy.on_response to alter an Exchange in place.

    `cut` set on an exchange by on_response sends that many bytes of the body and then drops the connection without ending it.
    """

    HOP = {"connection", "transfer-encoding", "content-length", "trailer", "keep-alive"}

    def __init__(self, upstream: str):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.on_request = lambda exchange: None
        self.on_response = lambda exchange: None
        self.seen: list[Exchange] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def read_body(self) -> bytes:
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    parts = []
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    while self.rfile.readline().strip():
                        pass
                    return b"".join(parts)
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def handle_any(self):
                exchange = Exchange(self.command, self.path,
                                    [(k, v) for k, v in self.headers.items() if k.lower() not in Proxy.HOP], self.read_body())
                exchange.cut = None
                proxy.on_request(exchange)
                proxy.forward(exchange)
                proxy.seen.append(exchange)
                proxy.on_response(exchange)
                self.close_connection = True
                self.send_response_only(exchange.status)
                for key, value in exchange.response_headers:
                    self.send_header(key, value)
                self.send_header("Connection", "close")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                body = exchange.response if exchange.cut is None else exchange.response[:exchange.cut]
                try:
                    if body:
                        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
                    if exchange.cut is None:
                        self.wfile.write(b"0\r\n\r\n")
                    self.wfile.flush()
                except OSError:
                    pass  # the client has seen enough, as it may

            do_GET = do_POST = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def forward(self, exchange: Exchange) -> None:
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60)
        try:
            connection.request(exchange.method, exchange.path, body=exchange.body, headers=dict(exchange.headers))
            answer = connection.getresponse()
            exchange.status = answer.status
            exchange.response_headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in Proxy.HOP]
            try:
                exchange.response = answer.read()
            except http.client.IncompleteRead as partial:
                exchange.response = partial.partial
                exchange.cut = len(partial.partial)
        finally:
            connection.close()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def frames(sealed: bytes) -> list[bytes]:
    """A chunked sealed response, cut into the nonce prefix and its frames, each with its length prefix; the last is the final one."""
    out, at = [sealed[:16]], 16
    while True:
        length, size = sealed[at] & 0x3f, 1 << (sealed[at] >> 6)
        for byte in sealed[at + 1:at + size]:
            length = length << 8 | byte
        if length == 0:
            out.append(sealed[at:])
            return out
        out.append(sealed[at:at + size + length])
        at += size + length


def fields(message: bytes) -> list[tuple[int, int, bytes | int]]:
    """The fields of a protobuf message that has only varints and length-delimited fields: (number, wire type, value)."""
    out, at = [], 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            out.append((number, kind, varint()))
        elif kind == 2:
            size = varint()
            out.append((number, kind, message[at:at + size]))
            at += size
        else:
            raise ValueError(f"wire type {kind}")
    return out


def encode(message: list[tuple[int, int, bytes | int]]) -> bytes:
    def varint(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7f | 0x80)
            value >>= 7
        return bytes(out + bytes([value]))

    out = b""
    for number, kind, value in message:
        out += varint(number << 3 | kind) + (varint(value) if kind == 0 else varint(len(value)) + value)
    return out
