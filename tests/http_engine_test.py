#!/usr/bin/env python3
"""The engine `http`: a request goes through the private path to an OpenAI-compatible server on loopback, and streams back."""
from __future__ import annotations

import http.server
import json
import threading
import unittest

from running import ALTERED, ANSWERED, FAILED, Running

WORDS = ["private ", "answers ", "stream ", "well"]


class Server(http.server.BaseHTTPRequestHandler):
    """Says WORDS to everything; `cut` makes it drop the connection in mid-answer."""

    protocol_version = "HTTP/1.1"
    cut = False
    seen: list[tuple[str, dict, dict]] = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        length = self.headers.get("Content-Length")
        if length is None:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = json.loads(b"".join(parts))
        else:
            body = json.loads(self.rfile.read(int(length)))
        Server.seen.append((self.path, dict(self.headers), body))
        usage = {"prompt_tokens": 3, "completion_tokens": len(WORDS), "total_tokens": 3 + len(WORDS)}
        if not body.get("stream"):
            message = {"choices": [{"index": 0, "text": "".join(WORDS), "message": {"role": "assistant", "content": "".join(WORDS)},
                                    "finish_reason": "stop"}], "usage": usage}
            data = json.dumps(message).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in WORDS]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": usage})
        for number, event in enumerate(events):
            if Server.cut and number == 2:
                self.close_connection = True
                return
            line = b"data: " + json.dumps(event).encode() + b"\n\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        done = b"data: [DONE]\n\n"
        self.wfile.write(f"{len(done):x}\r\n".encode() + done + b"\r\n0\r\n\r\n")


class HttpEngineTest(Running):
    @classmethod
    def setUpClass(cls):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.options = {"engine_url": f"http://127.0.0.1:{server.server_port}"}
        cls.engine = "http"
        super().setUpClass()

    def test_streamed_and_whole(self):
        done = self.pcc("ask", "hello")
        self.assert_exit(done, ANSWERED)
        self.assertEqual(done.stdout.strip(), "".join(WORDS))
        done = self.pcc("ask", "--no-stream", "--json", "--max-tokens", "9", "hello")
        self.assert_exit(done, ANSWERED)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["answer"], answer["usage"]["completion_tokens"]), ("".join(WORDS), len(WORDS)))
        path, headers, body = Server.seen[-1]
        self.assertEqual(path, "/v1/chat/completions")
        self.assertEqual(body["messages"][-1], {"role": "user", "content": "hello"})
        self.assertNotIn("x-confsec-badge", {name.lower() for name in headers})

    def test_an_answer_that_the_server_cuts_is_never_whole(self):
        Server.cut = True
        try:
            self.assertIn(self.pcc("ask", "hello").returncode, (FAILED, ALTERED))
        finally:
            Server.cut = False
        self.assert_serves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
