#!/usr/bin/env python3
"""Nodes come and go: shutdown events, health checks and deaths, each router with each node."""
from __future__ import annotations

import json
import time
import unittest
import urllib.request

from official import wire
from roles import ALTERED, ANSWERED, Interop, Pcc, UNVERIFIED, wait_until

MODEL = "test:interop"


class LifeTest(Interop):
    def listed(self, env) -> bool:
        done = self.pcc(env, "nodes", code=None)
        self.assertIn(done.returncode, (ANSWERED, UNVERIFIED), done.stderr)
        return done.returncode == ANSWERED

    def assert_leaves_at_once(self, env, stop) -> None:
        """Slow health checks: what removes the node is its own event."""
        self.assertTrue(self.listed(env))
        stop()
        started = time.monotonic()
        wait_until("the node has left", lambda: not self.listed(env), 2)
        self.assertLess(time.monotonic() - started, 2)

    def test_shutdown_event_of_our_node_removes_it_from_the_official_router(self):
        router = self.official_router("--health-interval", "3s", "--min-checks", "1")
        events = self.enterContext(wire.Proxy(router.url))
        stack = self.ours(router_url=events.url, model=MODEL)
        env = self.pcc_env(router.url, MODEL)
        self.wait_routable(env)
        self.assert_leaves_at_once(env, lambda: stack.stop_part("router_com"))
        last = [e for e in events.seen if e.path == "/node-events"][-1]
        self.assertEqual(last.status, 200, last.response)
        self.assertIn(5, [number for number, _, _ in wire.fields(last.body)])  # NodeEvent.shutdown

    def test_shutdown_event_of_the_official_node_removes_it_from_our_router(self):
        stack = self.ours(with_node=False, health_interval="1s")
        env = self.pcc_env(stack.router_url, MODEL)
        node = self.official_node(stack.router_url, MODEL)
        self.wait_routable(env)
        self.assert_leaves_at_once(env, lambda: self.assertEqual(node.stop(), 0, node.last_words()))

    def assert_leaves_when_killed(self, env, kill) -> None:
        self.wait_routable(env)
        kill()
        wait_until("the dead node has left", lambda: not self.listed(env), 20)

    def test_our_router_checks_the_health_of_the_official_node(self):
        stack = self.ours(with_node=False)
        env = self.pcc_env(stack.router_url, MODEL)
        node = self.official_node(stack.router_url, MODEL)
        self.assert_leaves_when_killed(env, node.process.kill)
        other = self.official_node(stack.router_url, MODEL)
        self.wait_routable(env)
        self.assertNotEqual(node.id, other.id)
        self.pcc(env, "ask", "hello")

    def test_the_official_router_checks_the_health_of_our_node(self):
        router = self.official_router()
        stack = self.ours(router_url=router.url, model=MODEL)
        env = self.pcc_env(router.url, MODEL)

        def kill():
            child = stack.children.pop("router_com")
            child.kill()
            child.wait()
        self.assert_leaves_when_killed(env, kill)

    def test_a_node_that_dies_in_mid_answer_is_no_answer(self):
        router = self.official_router()
        node = self.official_node(router.url, MODEL, "--chunks", "50", "--gated")
        env = self.pcc_env(router.url, MODEL)
        self.wait_routable(env)
        ask = Pcc(env, "ask", "hello")
        for number in (1, 2, 3):
            node.go(node.wait_for(event="waiting", chunk=number)["request"])
        wait_until("pcc has the third chunk", lambda: b"chunk 3 of 50" in ask.out)
        node.process.kill()
        self.assertEqual(ask.finish(), ALTERED, ask.err)

    def test_health_answers_are_those_of_the_official_programs(self):
        stack = self.ours(model=MODEL)

        def get(url):
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read()
        status, body = get(f"http://127.0.0.1:{stack.node_port}/_health")
        self.assertEqual((status, json.loads(body)), (200, {"ApplicationHealthState": "Healthy"}))
        router = self.official_router()
        for path in ("/_health", "/ping"):
            self.assertEqual(get(stack.router_url + path), get(router.url + path), path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
