#!/usr/bin/env python3
"""The whole system, started for real: a software TPM, the router, the compute node, and `pcc` against them.

Engine noop: what is tested here is the path. tests/model_test.py has the real model, tests/attack_test.py the attackers.
"""
from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import unittest

import proxy as wire
from running import ANSWERED, BIN, FAILED, MODEL, UNVERIFIED, USAGE, Running


class StackTest(Running):
    def test_ask_answers_in_every_way(self):
        for argv in (["hello"], ["--no-stream", "hello"], ["--json", "hello"], ["--system", "be brief", "hello"],
                     ["--max-tokens", "5", "--temperature", "0", "--seed", "7", "hello"]):
            with self.subTest(argv=argv):
                done = self.pcc("ask", *argv)
                self.assert_exit(done, ANSWERED)
                self.assertIn("noop", done.stdout)
        done = self.pcc("ask", "-", stdin="from standard input")
        self.assert_exit(done, ANSWERED)

    def test_json_carries_answer_node_and_steps(self):
        done = self.pcc("ask", "--json", "hello")
        self.assert_exit(done, ANSWERED)
        answer = json.loads(done.stdout)
        self.assertIn("noop", json.dumps(answer))
        self.assertIn("development_proves_nothing", json.dumps(answer))
        self.assertIn("quoted_not_compared", json.dumps(answer))

    def test_development_evidence_is_announced_on_every_run(self):
        done = self.pcc("ask", "hello")
        self.assertRegex(done.stderr.lower(), "development")

    def test_nodes_and_ping(self):
        done = self.pcc("nodes", "--json")
        self.assert_exit(done, ANSWERED)
        self.assertIn(f"model={MODEL}", done.stdout)
        done = self.pcc("nodes")
        self.assert_exit(done, ANSWERED)
        self.assertIn("development: proves nothing", done.stdout + done.stderr)
        self.assert_exit(self.pcc("ping"), ANSWERED)

    def test_chat_keeps_the_conversation(self):
        done = self.pcc("chat", stdin="one\ntwo\n/quit\n")
        self.assert_exit(done, ANSWERED)
        self.assertGreaterEqual(done.stdout.count("noop"), 2)

    def test_settings_come_from_flag_environment_and_file_in_that_order(self):
        with tempfile.TemporaryDirectory() as home:
            (pathlib.Path(home) / "openpcc").mkdir()
            config = pathlib.Path(home) / "openpcc" / "client.yaml"
            config.write_text("router: http://127.0.0.1:1\n")
            env = {k: v for k, v in self.stack.client_env().items() if k != "OPENPCC_ROUTER"}
            env["XDG_CONFIG_HOME"] = home

            def ping(*argv, **more):
                return subprocess.run([BIN / "pcc", "ping", *argv], env={**env, **more}, capture_output=True, text=True,
                                      timeout=60, check=False)
            self.assert_exit(ping(), FAILED)
            self.assert_exit(ping(OPENPCC_ROUTER=self.stack.router_url), ANSWERED)
            self.assert_exit(ping("--router", self.stack.router_url, OPENPCC_ROUTER="http://127.0.0.1:1"), ANSWERED)
            config.write_text("rooter: http://127.0.0.1:1\n")
            done = ping()
            self.assert_exit(done, USAGE)
            self.assertIn("rooter", done.stderr)

    # -- what is refused, and how it is said -------------------------------------------------------------------------

    def test_wrong_usage(self):
        for argv in (["ask"], ["ask", ""], ["ask", "--temperature", "warm", "x"], ["frobnicate"], ["ask", "--no-such", "x"]):
            with self.subTest(argv=argv):
                self.assert_exit(self.pcc(*argv), USAGE)

    def test_no_router(self):
        done = self.pcc("ask", "hello", router="http://127.0.0.1:1")
        self.assert_exit(done, FAILED)
        self.assertIn("127.0.0.1:1", done.stderr)

    def test_unknown_model_finds_no_node(self):
        done = self.pcc("ask", "--model", "no-such-model", "hello")
        self.assert_exit(done, UNVERIFIED)
        self.assertIn("no-such-model", done.stderr)

    def test_development_evidence_is_refused_unless_asked_for(self):
        env = {k: v for k, v in self.stack.client_env().items() if "DEV" not in k}
        done = subprocess.run([BIN / "pcc", "ask", "hello"], env=env, capture_output=True, text=True, timeout=60, check=False)
        self.assert_exit(done, UNVERIFIED)
        self.assertIn("--dev-attestation", done.stderr)
        self.assert_exit(self.pcc("ask", "hello", OPENPCC_DEV_SECRET="654321"), UNVERIFIED)

    def test_huge_prompt_is_refused_and_the_stack_keeps_serving(self):
        done = self.pcc("ask", "-", stdin="x" * 10_000_000)
        self.assertIn(done.returncode, (FAILED, USAGE))
        self.assertNotIn("x" * 100, done.stderr)
        self.assert_serves()

    def test_pinned_pcr_12_is_compared(self):
        pcr12 = self.pcr(12)
        self.assert_exit(self.pcc("ask", "--expect-pcr", f"12={pcr12}", "hello"), ANSWERED)
        other = ("0" if pcr12[0] != "0" else "1") + pcr12[1:]
        done = self.pcc("ask", "--expect-pcr", f"12={other}", "hello")
        self.assert_exit(done, UNVERIFIED)
        self.assertIn("12", done.stderr)

    def pcr(self, index: int) -> str:
        values = self.manifest_pcrs()
        self.assertRegex(values[index], "^[0-9a-f]{64}$")
        self.assertNotEqual(values[index], "0" * 64)
        return values[index]

    def manifest_pcrs(self) -> dict[int, str]:
        """PCR values out of the evidence, as the router hands it out."""
        query = wire.encode([(1, 2, b"llm"), (2, 0, 3)])
        body = self.post("/compute-manifests", query, {"Content-Type": "application/octet-stream"})[1]
        evidence = wire.fields(dict((n, v) for n, _, v in wire.fields(wire.fields(body)[0][2]))[3])
        quote = dict((n, v) for n, _, v in wire.fields(evidence[2][2]))[2]
        values = dict((n, v) for n, _, v in wire.fields(quote))[2]
        entries = [dict((n, v) for n, _, v in wire.fields(entry)) for _, _, entry in wire.fields(values)]
        return {entry.get(1, 0): entry[2].hex() for entry in entries}


if __name__ == "__main__":
    unittest.main(verbosity=2)
