#!/usr/bin/env python3
"""An attacker on the network between implementations, who alters, cuts, repeats, drops and exchanges what a sealed answer is made of.

Our client must refuse every one. What the official client takes for good is pinned in OFFICIAL_TAKES and told in docs/interop.md.
"""
from __future__ import annotations

import collections
import json
import random
import unittest

import official
from official import wire
from roles import ALTERED, Interop

MODEL = "test:interop"
PLACES = 100  # altered over the network, one at a time

# Faults of the framing: (nonce prefix, frames, final frame) and a position in it, to an answer; None where there is no such position.
# Positions count from the nonce prefix, so that "cut 0" is an empty answer.
FRAMING = {
    "cut": lambda parts, at: b"".join(parts[:at]) if at < len(parts) else None,
    "repeated": lambda parts, at: b"".join([*parts[:at + 1], *parts[at:]]) if at < len(parts) else None,
    "dropped": lambda parts, at: b"".join([*parts[:at], *parts[at + 1:]]) if at < len(parts) else None,
    "exchanged": lambda parts, at: b"".join([*parts[:at], parts[at + 1], parts[at], *parts[at + 2:]]) if at + 1 < len(parts) else None,
    "inserted": lambda parts, at: b"".join([*parts[:at + 1], b"\x11" + bytes(17), *parts[at + 1:]]) if at < len(parts) else None,
}

# What the official client 0.0.80 takes for good, of the faults above.
OFFICIAL_TAKES = {"repeated", "inserted"}


class Attacker:
    """Stands between client and router, and gives each answer on with `fault` applied to it."""

    def __init__(self, test: Interop, router_url: str):
        self.proxy = test.enterContext(wire.Proxy(router_url))
        self.url = self.proxy.url
        self.fault = None
        self.out_of_range = False  # there was no such position in the answer, which went on as it was
        self.proxy.on_response = self._on_response

    def _on_response(self, exchange):
        if self.fault is None or exchange.path != "/":
            return
        altered = self.fault(exchange.response)
        self.out_of_range = altered is None
        if altered is not None:
            exchange.response = altered

    def framing(self, ask):
        """(kind, position, outcome of ask) for every position of every kind of fault. Each answer differs in its frames."""
        for kind, make in FRAMING.items():
            at = 0
            while True:
                self.fault = lambda sealed, at=at, make=make: make(wire.frames(sealed), at)
                outcome = ask()
                if self.out_of_range:
                    break
                yield kind, at, outcome
                at += 1
        self.fault = None

    def places(self, ask):
        """(where, outcome of ask) for PLACES altered bits."""
        choose = random.Random(20)  # fixed, so that a failure repeats
        for _ in range(PLACES):
            where, bit = choose.random(), 1 << choose.randrange(8)

            def flip(sealed, where=where, bit=bit):
                at = int(where * len(sealed))
                return sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1:]
            self.fault = flip
            yield f"bit {bit:#x} at {where:.3f} of the answer", ask()
        self.fault = None


class TamperTest(Interop):
    def check_pcc_refuses(self, router_url: str) -> None:
        attacker = Attacker(self, router_url)
        env = self.pcc_env(attacker.url, MODEL)
        self.pcc(env, "ask", "hello")  # an answer that nobody touches is taken

        def ask():
            return self.pcc(env, "ask", "--json", "hello", code=None)

        tried = collections.Counter()
        for kind, at, done in attacker.framing(ask):
            with self.subTest(f"frame {at} {kind}"):
                self.assertEqual(done.returncode, ALTERED, done.stderr)
                self.assertNotIn(b'"answer"', done.stdout)
            tried[kind] += 1
        for where, done in attacker.places(ask):
            with self.subTest(where):
                self.assertEqual(done.returncode, ALTERED, done.stderr)
                self.assertNotIn(b'"answer"', done.stdout)
            tried["altered"] += 1
        self.assertTrue(all(tried[kind] >= 4 for kind in FRAMING), tried)
        self.pcc(env, "ask", "hello")
        print(f"pcc refused all of {dict(tried)}")

    def test_our_client_refuses_every_fault_in_answers_of_the_official_node(self):
        router = self.official_router()
        node = self.official_node(router.url, MODEL, "--chunks", "2")
        self.wait_routable(self.pcc_env(router.url, MODEL))
        self.check_pcc_refuses(router.url)
        self.assertIsNone(node.process.poll())

    def test_our_client_refuses_every_fault_in_answers_of_our_node_behind_the_official_router(self):
        router = self.official_router()
        self.ours(router_url=router.url, model=MODEL)
        self.check_pcc_refuses(router.url)

    def test_what_the_official_client_does_with_faults_in_answers_of_our_node(self):
        stack = self.ours(model=MODEL)
        attacker = Attacker(self, stack.router_url)
        client = self.official_client(attacker.url, "--timeout", "3s")
        body = official.chat(MODEL, "hello", True)
        self.assertIsNone(client.ask(MODEL, body).error)

        def ask():
            answer = client.ask(MODEL, body)
            return answer.where if answer.where in ("panic", "stuck") else "refused" if answer.error else "taken"

        outcomes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        for kind, _, outcome in attacker.framing(ask):
            outcomes[kind][outcome] += 1
        for _, outcome in attacker.places(ask):
            outcomes["altered"][outcome] += 1
        print(f"official client: {json.dumps(outcomes)}")
        self.assertEqual({kind for kind, seen in outcomes.items() if seen["taken"]}, OFFICIAL_TAKES, outcomes)
        self.assertIsNone(client.ask(MODEL, body).error)


if __name__ == "__main__":
    unittest.main(verbosity=2)
