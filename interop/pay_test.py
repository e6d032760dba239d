#!/usr/bin/env python3
"""Badges, credits and refunds across implementations, as far as the official public packages reach."""
from __future__ import annotations

import base64
import json
import pathlib
import shlex
import unittest

import official
from official import chat, wire
from roles import FAILED, Interop, USAGE, UNVERIFIED

MODEL = "test:interop"


class BadgeTest(Interop):
    """Our node with `badge_public_key`: what the official auth packages sign is accepted, nothing else is."""

    def setUp(self):
        super().setUp()
        self.stack = self.ours(model=MODEL, badge_public_key=official.run("badge", "--public-key"))

    def refusals(self) -> dict[str, tuple[str | None, str, str]]:
        """name: badge, code and message of the refusal as the official node words them (PROTOCOL H.11, H.12)."""
        good = official.run("badge", "--models", MODEL)
        other_model = official.run("badge", "--models", "another:model")
        unsigned = base64.b64encode(wire.encode([f for f in wire.fields(base64.b64decode(good)) if f[0] != 2])).decode()
        return {
            "forged": (official.run("badge", "--models", MODEL, "--forge"), "ErrBadgeInvalid", "invalid signature"),
            "of another key": (official.run("badge", "--models", MODEL, "--seed", "07" * 32), "ErrBadgeInvalid", "invalid signature"),
            "without a signature": (unsigned, "ErrBadgeInvalid", "invalid badge: signature not provided"),
            "no badge at all": ("AAAA", "ErrBadgeInvalid", "failed to parse badge"),
            "without the model": (other_model, "ErrUnsupportedModel", f"unsupported model: {MODEL}"),
        }

    def test_official_client_with_good_and_bad_badges(self):
        good = official.run("badge", "--models", f"another:model,{MODEL}")
        client = self.official_client(self.stack.router_url, "--badge", good)
        answer = client.ask(MODEL, chat(MODEL, "hello", False))
        self.assertEqual((answer.error, answer.status), (None, 200), answer.body)
        for name, (badge, code, message) in self.refusals().items():
            with self.subTest(name):
                if name == "no badge at all":
                    continue  # the official client takes only what decodes; pcc below sends anything
                answer = self.official_client(self.stack.router_url, "--badge", badge).ask(MODEL, chat(MODEL, "hello", False))
                self.assertEqual((answer.error, answer.status, answer.headers.get("content-type")), (None, 400, "application/json"))
                self.assertEqual(json.loads(answer.body), {"code": code, "error": "Request Validation Error", "message": message})

    def test_pcc_with_good_and_bad_badges(self):
        env = self.stack.client_env()
        self.pcc(env, "ask", "--badge", official.run("badge", "--models", MODEL), "hello")
        file = pathlib.Path(self.folder()) / "badge"
        file.write_text(official.run("badge", "--models", MODEL) + "\n")
        self.pcc(env, "ask", "--badge", f"@{file}", "hello")
        self.pcc({**env, "OPENPCC_BADGE": f"@{file}"}, "ask", "hello")
        for name, (badge, _, message) in self.refusals().items():
            with self.subTest(name):
                done = self.pcc(env, "ask", "--badge", badge, "hello", code=FAILED)
                self.assertIn(message, done.stderr.decode())
        done = self.pcc(env, "ask", "hello", code=FAILED)
        self.assertIn("badge is not provided", done.stderr.decode())
        self.pcc(env, "ask", "--badge", f"@{file}-that-is-not-there", "hello", code=USAGE)


class CreditTest(Interop):
    def test_our_router_reads_the_amount_of_an_official_credit(self):
        stack = self.ours(with_node=False)
        node = self.official_node(stack.router_url, MODEL, "--chunks", "2")
        self.wait_routable(self.pcc_env(stack.router_url, MODEL))
        client = self.official_client(stack.router_url)
        for amount in (1024, 262144):
            with self.subTest(client="official", amount=amount):
                answer = client.ask(MODEL, chat(MODEL, "hello", False), **{"X-Confsec-Credit-Amount": str(amount)})
                self.assertIsNone(answer.error)
                self.assertEqual(node.wait_for(event="request")["credit_amount"], str(amount))
            with self.subTest(client="pcc", amount=amount):
                self.pcc(self.pcc_env(stack.router_url, MODEL), "ask", "--credit-amount", str(amount), "hello")
                self.assertEqual(node.wait_for(event="request")["credit_amount"], str(amount))

    def test_pcc_pays_the_official_router_by_its_wallet_command(self):
        router = self.official_router()
        node = self.official_node(router.url, MODEL, "--chunks", "2")
        env = self.pcc_env(router.url, MODEL)
        self.wait_routable(env)
        calls = pathlib.Path(self.folder()) / "calls"
        logged = f"sh -c {shlex.quote(f'echo $0 >>{calls}; exec {official.wallet_command()} $0')}"
        done = self.pcc(env, "ask", "--json", "--wallet-command", logged, "--credit-amount", "2048", "hello")
        self.assertEqual(calls.read_text().split(), ["special", "2048"])
        self.assertEqual(node.wait_for(event="request", credit_amount="2048")["credit_amount"], "2048")
        with self.subTest("the refund of the official node comes back as a credit"):
            refund = json.loads(done.stdout)["refund"]
            self.assertEqual(self.inspect_credit(refund)["signature_bytes"] > 0, True)
        for name, command in (("no wallet", ""), ("fails", "exit 3; echo"), ("prints nothing", "true"), ("prints no credit", "echo no-credit #"),
                              ("pays with what the issuer did not sign", f"echo {self.foreign_credit()} #")):
            with self.subTest(name):
                done = self.pcc({**env, "OPENPCC_WALLET_COMMAND": command}, "ask", "hello", code=None)
                self.assertIn(done.returncode, (FAILED, UNVERIFIED), done.stderr)
                self.assertEqual(done.stdout, b"")
        self.pcc(env, "ask", "hello")

    @staticmethod
    def foreign_credit() -> str:
        credit = bytearray(base64.b64decode(official.run("mint", "--issuer-key", official.ISSUER_KEY, "2048")))
        credit[-1] ^= 1
        return base64.b64encode(credit).decode()

    def inspect_credit(self, value: str) -> dict:
        fields = {number: value for number, _, value in wire.fields(base64.b64decode(value))}
        return {"signature_bytes": len(fields[3])}

    def test_a_credit_is_spent_once(self):
        router = self.official_router()
        self.official_node(router.url, MODEL, "--chunks", "2")
        env = self.pcc_env(router.url, MODEL)
        self.wait_routable(env)
        paid = official.run("mint", "--issuer-key", official.ISSUER_KEY, "2048")
        fresh = official.wallet_command()
        once = f"sh -c {shlex.quote(f'if [ $0 = special ]; then exec {fresh} special; else echo {paid}; fi')}"
        self.pcc({**env, "OPENPCC_WALLET_COMMAND": once}, "ask", "--credit-amount", "2048", "hello")
        done = self.pcc({**env, "OPENPCC_WALLET_COMMAND": once}, "ask", "--credit-amount", "2048", "hello", code=FAILED)
        self.assertIn("unprocessable credit", done.stderr.decode())

    def test_refunds_of_our_node_become_credits_at_the_official_router(self):
        router = self.official_router()
        self.ours(router_url=router.url, model=MODEL)
        client = self.official_client(router.url)
        answer = client.ask(MODEL, chat(MODEL, "hello", True), **{"X-Confsec-Credit-Amount": "262144"})
        self.assertIsNone(answer.error)
        self.assertGreater(answer.refund, 200_000)
        self.assertLessEqual(answer.refund, 262_144)
        with self.subTest("a refused request is refunded whole"):
            answer = client.ask(MODEL, {"model": "no-such-model", "messages": []}, **{"X-Confsec-Credit-Amount": "262144"})
            self.assertEqual((answer.error, answer.status, answer.refund), (None, 400, 262_144), answer.body)
        with self.subTest("pcc shows it"):
            done = self.pcc(self.pcc_env(router.url, MODEL), "ask", "--json", "hello")
            self.assertIn("refund", json.loads(done.stdout))


if __name__ == "__main__":
    unittest.main(verbosity=2)
