#!/usr/bin/env python3
"""The engine `http` before a real OpenAI-compatible server, llama.cpp's own: what it answers is what the client reads."""
from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from running import ALTERED, ANSWERED, BIN, FAILED, MODEL, Running
from stack import free_port

HERE = pathlib.Path(__file__).resolve().parent
SERVER = os.environ.get("OPENPCC_OPENAI_SERVER", "")
GGUF = os.environ.get("OPENPCC_TEST_MODEL", "")
FIXED = ("--temperature", "0", "--seed", "7")


class Server:
    def __init__(self, port: int):
        self.port = port
        self.process = subprocess.Popen([sys.executable, HERE / "openai_server.py", GGUF, str(port)], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        if not self.process.stdout.readline():
            raise AssertionError("the server did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def is_computing(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/slots", timeout=30) as answer:
            return any(slot["is_processing"] for slot in json.load(answer))

    def ask(self, body: dict) -> tuple[int, dict]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@unittest.skipUnless(SERVER, "there is no OpenAI-compatible server for this machine (OPENPCC_OPENAI_SERVER)")
class RealServerTest(Running):
    engine = "http"

    @classmethod
    def setUpClass(cls):
        assert GGUF, "OPENPCC_TEST_MODEL must name the demo model"
        cls.server = Server(free_port())
        cls.addClassCleanup(lambda: cls.server.stop())
        cls.options = {"engine_url": f"http://127.0.0.1:{cls.server.port}"}
        super().setUpClass()

    def direct(self, prompt: str, tokens: int) -> dict:
        status, answer = self.server.ask({"model": MODEL, "max_tokens": tokens, "temperature": 0, "seed": 7, "cache_prompt": False,
                                          "messages": [{"role": "user", "content": prompt}]})
        self.assertEqual(status, 200, answer)
        return answer

    def test_the_same_answer_as_without_us(self):
        wanted = self.direct("Name a colour.", 8)
        for way in ((), ("--no-stream",)):
            with self.subTest(way=way):
                done = self.pcc("ask", "--json", *FIXED, "--max-tokens", "8", *way, "Name a colour.")
                self.assert_exit(done, ANSWERED)
                got = json.loads(done.stdout)
                self.assertEqual(got["answer"], wanted["choices"][0]["message"]["content"])
                self.assertEqual(got["usage"]["completion_tokens"], wanted["usage"]["completion_tokens"])

    def start_asking(self, tokens: int) -> tuple[subprocess.Popen, bytes]:
        """Once the first of the answer is there."""
        asking = subprocess.Popen([BIN / "pcc", "ask", *FIXED, "--max-tokens", str(tokens), "Count from one to a hundred."],
                                  env=self.stack.client_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(asking.stderr.close)
        self.addCleanup(asking.stdout.close)
        self.addCleanup(asking.kill)
        first = os.read(asking.stdout.fileno(), 1)
        self.assertTrue(first, "nothing came")
        return asking, first

    def test_it_streams(self):
        asking, first = self.start_asking(24)
        os.kill(self.server.process.pid, signal.SIGSTOP)  # what came, came before the rest was computed
        try:
            time.sleep(0.2)
            self.assertIsNone(asking.poll())
        finally:
            os.kill(self.server.process.pid, signal.SIGCONT)
        rest, errors = asking.communicate(timeout=120)
        self.assertEqual(asking.returncode, ANSWERED, errors)
        self.assertEqual((first + rest).decode().strip(),
                         self.direct("Count from one to a hundred.", 24)["choices"][0]["message"]["content"].strip())

    def test_a_server_that_dies_in_mid_answer_is_no_answer_and_the_next_one_is_found(self):
        asking, _ = self.start_asking(400)
        self.server.stop()
        _, errors = asking.communicate(timeout=60)
        self.assertIn(asking.returncode, (FAILED, ALTERED), errors)
        self.assert_exit(self.pcc("ask", "Is anybody there?"), FAILED)
        type(self).server = Server(self.server.port)
        self.assert_exit(self.pcc("ask", "--max-tokens", "2", "Is anybody there?"), ANSWERED)

    def test_its_refusals_come_through(self):
        prompt = "word " * 2000  # more than its context holds
        status, refusal = self.server.ask({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": prompt}]})
        self.assertEqual(status, 400)
        done = self.pcc("ask", "--max-tokens", "4", "-", stdin=prompt)
        self.assert_exit(done, FAILED)
        self.assertIn(refusal["error"]["message"], done.stderr)

    def test_a_client_that_leaves_frees_the_server(self):
        asking, _ = self.start_asking(400)
        self.assertTrue(self.server.is_computing())
        asking.send_signal(signal.SIGINT)
        self.assertNotEqual(asking.wait(timeout=10), ANSWERED)
        deadline = time.monotonic() + 1  # far less than the rest of the answer takes
        while self.server.is_computing():
            self.assertLess(time.monotonic(), deadline, "the server goes on for nobody")
            time.sleep(0.02)
        self.assert_serves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
