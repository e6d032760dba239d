#!/usr/bin/env python3
"""The engine `http`: a request goes through the private path to an OpenAI-compatible server on loopback, and streams back."""
from __future__ import annotations

import json
import unittest

import engine_server
from engine_server import EngineServer
from running import ALTERED, ANSWERED, FAILED, Running

WORDS = ["private ", "answers ", "stream ", "well"]


class Server(EngineServer):
    """Says WORDS to everything; `cut` makes it drop the connection in mid-answer, `end_early` end the body well there."""

    cut = False
    end_early = False
    seen: list[tuple[str, dict, dict]] = []

    def do_POST(self):
        body = self.read_json()
        Server.seen.append((self.path, dict(self.headers), body))
        usage = {"prompt_tokens": 3, "completion_tokens": len(WORDS), "total_tokens": 3 + len(WORDS)}
        if not body.get("stream"):
            self.answer_whole({"choices": [{"index": 0, "text": "".join(WORDS), "finish_reason": "stop",
                                            "message": {"role": "assistant", "content": "".join(WORDS)}}], "usage": usage})
            return
        self.begin_stream()
        events = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in WORDS]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": usage})
        for number, event in enumerate(events):
            if Server.cut and number == 2:
                self.close_connection = True
                return
            if Server.end_early and number == 2:
                self.wfile.write(b"0\r\n\r\n")
                return
            self.send_event(event)
        self.end_stream()


class HttpEngineTest(Running):
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.options = {"engine_url": engine_server.start(Server, cls.addClassCleanup), "worker_settings": cls.settings}
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
        log = self.stack.log_file("compute_worker").read_text()
        self.assertIn("a request failed", log, "the child's own word")
        self.assertNotIn("ended by signal", log)

    def test_a_stream_that_ends_without_saying_so_is_never_whole(self):
        Server.end_early = True
        try:
            self.assert_exit(self.pcc("ask", "hello"), ALTERED)
        finally:
            Server.end_early = False
        self.assert_serves()


class FreshChildrenTest(HttpEngineTest):
    """Children that are executed anew make their one connection themselves."""

    settings = "fresh_children: true\n"


if __name__ == "__main__":
    unittest.main(verbosity=2)
