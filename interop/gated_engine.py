"""An OpenAI-compatible server for the engine `http` of our node, which writes each piece of an answer only when the test lets it.

So that order can be proved: the client has piece k before the node has been given piece k + 1.
"""
from __future__ import annotations

import http.server
import json
import threading


class GatedEngine:
    """with GatedEngine(pieces) as engine: … engine.url …; release() lets one more piece go; `open` lets all of them go."""

    def __init__(self, pieces: int):
        self.pieces = pieces
        self.open = False
        self._gate = threading.Semaphore(0)
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self._whole(b"{}")

            def do_POST(self):
                body = json.loads(self._body())
                usage = {"prompt_tokens": 3, "completion_tokens": engine.pieces, "total_tokens": 3 + engine.pieces}
                if not body.get("stream"):
                    text = "".join(map(engine.text, range(1, engine.pieces + 1)))
                    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "text": text, "finish_reason": "stop"}
                    self._whole(json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode())
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for number in range(1, engine.pieces + 1):
                    if not engine.open:
                        engine._gate.acquire()
                    self._event({"choices": [{"index": 0, "delta": {"content": engine.text(number)}}]})
                self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self._event({"choices": [], "usage": usage})
                self._piece(b"data: [DONE]\n\n")
                self.wfile.write(b"0\r\n\r\n")

            def _body(self) -> bytes:
                if (length := self.headers.get("Content-Length")) is not None:
                    return self.rfile.read(int(length))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _whole(self, data: bytes):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _event(self, event: dict):
                self._piece(b"data: " + json.dumps(event).encode() + b"\n\n")

            def _piece(self, data: bytes):
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @staticmethod
    def text(number: int) -> str:
        return f"[piece {number}] "

    def release(self) -> None:
        self._gate.release()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.open = True
        for _ in range(self.pieces):
            self._gate.release()
        self._server.shutdown()
        self._server.server_close()
