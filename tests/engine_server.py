"""What servers that stand in for an OpenAI-compatible engine have in common, for tests of the engine `http`."""
from __future__ import annotations

import http.server
import json
import threading


class EngineServer(http.server.BaseHTTPRequestHandler):
    """A test says in do_POST what is answered, with the pieces below."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def read_json(self):
        length = self.headers.get("Content-Length")
        if length is not None:
            return json.loads(self.rfile.read(int(length)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return json.loads(b"".join(parts))

    def answer_whole(self, answer) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_event(self, event) -> None:
        self._send_line(b"data: " + json.dumps(event).encode() + b"\n\n")

    def end_stream(self) -> None:
        self._send_line(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _send_line(self, line: bytes) -> None:
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()


def start(handler: type[EngineServer], add_cleanup) -> str:
    """Serves on loopback until the clean-up (unittest's addCleanup or addClassCleanup); returns its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    add_cleanup(server.server_close)
    add_cleanup(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}"
