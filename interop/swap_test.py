#!/usr/bin/env python3
"""Client, router and node of either implementation in one path: all answer, and all stream.

Streaming is proved by order: the client has piece k before the node writes piece k + 1. The node waits for the test before each piece.
"""
from __future__ import annotations

import json
import unittest

import official
from gated_engine import GatedEngine
from official import Answer, chat, text_of
from roles import ANSWERED, DEMO_NAME, Interop, Pcc, wait_until

PIECES = 12  # of an answer whose order is proved
MODEL = "test:interop"


class SwapTest(Interop):
    # -- order, seen from either client, with either node ------------------------------------------------------------

    def pcc_in_order(self, env, release, text) -> None:
        ask = Pcc(env, "ask", "stream, please")
        self.addCleanup(ask.process.kill)
        for number in range(1, PIECES + 1):
            release(number)
            wait_until(f"pcc has piece {number}", lambda number=number: text(number).encode() in ask.out, 20)
            self.assertNotIn(text(number + 1).encode(), ask.out)
        self.assertEqual(ask.finish(), ANSWERED, ask.err)

    def client_in_order(self, client, model, release, text) -> Answer:
        request = client.begin(model, chat(model, "stream, please", True))
        answer = Answer()
        for number in range(1, PIECES + 1):
            release(number)
            while text(number).encode() not in answer.body:
                self.assertFalse(answer.take(client.wait_for(20, id=request)), answer.error)
            self.assertNotIn(text(number + 1).encode(), answer.body)
        answer = client.finish(request, answer)
        self.assertIsNone(answer.error)
        self.assertEqual(answer.status, 200)
        return answer

    @staticmethod
    def gate(node):
        """release() for a gated official node: it is known to wait before it is let go."""
        def release(number):
            node.go(node.wait_for(event="waiting", chunk=number)["request"])
        return release

    # -- official client ---------------------------------------------------------------------------------------------

    def check_real_engine(self, client) -> None:
        """Real inference through our node: streamed and whole give the same greedy text, as text and as usage."""
        for prompt in ("Why is the sky blue?", "Schreibe einen Satz über das Meer. 🌊"):
            with self.subTest(prompt):
                texts, counts = [], []
                for stream in (True, False):
                    answer = client.ask(DEMO_NAME, chat(DEMO_NAME, prompt, stream, temperature=0, max_tokens=40))
                    self.assertIsNone(answer.error)
                    self.assertEqual(answer.status, 200, answer.body)
                    texts.append(text_of(answer.body, stream))
                    usage = official.events_of(answer.body)[-1]["usage"] if stream else json.loads(answer.body)["usage"]
                    counts.append((usage["prompt_tokens"], usage["completion_tokens"]))
                    if stream:
                        self.assertGreater(len(answer.reads), 5, "the answer came in few pieces")
                self.assertGreater(len(texts[0]), 20)
                self.assertEqual(texts[0], texts[1])
                self.assertEqual(counts[0], counts[1])

    def check_every_endpoint(self, client, model) -> None:
        few = {"num_predict": 8}
        for path, body in (("/v1/completions", {"prompt": "hi", "max_tokens": 8}), ("/api/generate", {"prompt": "hi", "options": few}),
                           ("/api/chat", {"messages": [{"role": "user", "content": "hi"}], "options": few})):
            for stream in (True, False):
                with self.subTest(path=path, stream=stream):
                    answer = client.ask(model, {"model": model, "stream": stream, **body}, path)
                    self.assertIsNone(answer.error)
                    self.assertEqual(answer.status, 200, answer.body)
                    self.assertGreater(len(answer.body), 10)

    def test_1_official_client_our_router_our_node(self):
        with self.subTest("real engine"):
            stack = self.ours(engine="embedded")
            client = self.official_client(stack.router_url)
            self.check_real_engine(client)
            self.check_every_endpoint(client, DEMO_NAME)
        with self.subTest("order"), GatedEngine(PIECES) as engine:
            stack = self.ours(engine="http", engine_url=engine.url, model=MODEL)
            client = self.official_client(stack.router_url)
            self.client_in_order(client, MODEL, lambda number: engine.release(), engine.text)

    def test_4_official_client_official_router_our_node(self):
        router = self.official_router()
        client = self.official_client(router.url)
        with self.subTest("real engine"):
            stack = self.ours(engine="embedded", router_url=router.url)
            self.check_real_engine(client)
            self.check_every_endpoint(client, DEMO_NAME)
            for number in range(50):
                answer = client.ask(DEMO_NAME, chat(DEMO_NAME, f"Say {number}.", True, max_tokens=3))
                self.assertIsNone(answer.error, f"request {number}")
            stack.stop()
        with self.subTest("order"), GatedEngine(PIECES) as engine:
            self.ours(engine="http", engine_url=engine.url, model=MODEL, router_url=router.url)
            answer = self.client_in_order(client, MODEL, lambda number: engine.release(), engine.text)
            self.assertGreater(answer.refund or 0, 0, "the official router turns our node's refund into a credit")

    # -- official node -----------------------------------------------------------------------------------------------

    def check_official_node(self, router_url) -> None:
        env = self.pcc_env(router_url, MODEL)
        with self.subTest("200 chunks, streamed and whole"):
            node = self.official_node(router_url, MODEL, "--chunks", "200", "--pause", "1ms")
            self.wait_routable(env)
            streamed = json.loads(self.pcc(env, "ask", "--json", "tell me").stdout)
            whole = json.loads(self.pcc(env, "ask", "--json", "--no-stream", "tell me").stdout)
            self.assertIn("chunk 200 of 200", streamed["answer"])
            self.assertEqual(streamed["answer"], whole["answer"])
            self.assertEqual(streamed["usage"], whole["usage"])
            self.assertEqual(streamed["node"]["id"], node.id)
            for number in range(20):
                self.pcc(env, "ask", f"question {number}")
            self.assertEqual(node.stop(), 0, node.last_words())
        with self.subTest("order"):
            node = self.official_node(router_url, MODEL, "--chunks", str(PIECES), "--gated")
            self.wait_routable(env)
            self.pcc_in_order(env, self.gate(node), lambda number: f"chunk {number} of {PIECES}")

    def test_2_our_client_official_router_official_node(self):
        self.check_official_node(self.official_router().url)

    def test_3_our_client_our_router_official_node(self):
        self.check_official_node(self.ours(with_node=False).router_url)


if __name__ == "__main__":
    unittest.main(verbosity=2)
