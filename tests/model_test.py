#!/usr/bin/env python3
"""The private path with real inference, against the bare library: the same model, the same question, the same answer."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

from running import ANSWERED, BIN, UNVERIFIED
from stack import Stack

TESTS = pathlib.Path(os.environ.get("OPENPCC_TESTS", BIN.parent / "tests"))
SOURCE = pathlib.Path(__file__).resolve().parent.parent
DEMO_MODEL = os.environ.get("OPENPCC_TEST_MODEL", "")
VOCABULARY = os.environ.get("OPENPCC_LLAMA3_VOCABULARY", "")


class ModelTest(unittest.TestCase):
    def start(self, name: str, path, **options) -> Stack:
        folder = tempfile.TemporaryDirectory(prefix="openpcc-test-")
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)
        stack = Stack(BIN, folder.name, engine="embedded", model=name, model_path=path, **options)
        self.addCleanup(stack.stop)
        stack.start()
        return stack

    def ask(self, stack, *argv, code=ANSWERED):
        done = subprocess.run([BIN / "pcc", "ask", "--json", *argv], env=stack.client_env(), capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if code == ANSWERED else done.stderr

    def bare(self, path, tokens: int, prompt: str) -> str:
        done = subprocess.run([TESTS / "llama_bare", path, str(tokens), str(os.cpu_count()), prompt], capture_output=True, timeout=300,
                              check=True)
        return done.stdout.decode(errors="replace")

    def tiny_model(self, name="tiny.gguf") -> pathlib.Path:
        """Random weights, Llama 3's vocabulary and chat template."""
        self.assertTrue(VOCABULARY, "OPENPCC_LLAMA3_VOCABULARY must name ggml-vocab-llama-bpe.gguf")
        folder = tempfile.TemporaryDirectory(prefix="openpcc-model-")
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)
        path = pathlib.Path(folder.name) / name
        subprocess.run([TESTS / "make_tiny_model", VOCABULARY, SOURCE / "models" / "llama-3.jinja", "20240418", path], check=True)
        return path

    def test_greedy_answer_equals_the_bare_librarys_to_the_letter(self):
        self.assertTrue(DEMO_MODEL, "OPENPCC_TEST_MODEL must name the demo model")
        stack = self.start("smollm2:135m", DEMO_MODEL)
        for prompt in ("Why is the sky blue?", "Schreibe zwei Sätze über das Meer. 🌊", "List three prime numbers."):
            with self.subTest(prompt):
                got = self.ask(stack, "--temperature", "0", "--max-tokens", "48", prompt)["answer"]
                self.assertEqual(got, self.bare(DEMO_MODEL, 48, prompt))
        with self.subTest("the same seed gives the same answer, another seed another"):
            def sampled(seed):
                return self.ask(stack, "--temperature", "1.5", "--max-tokens", "30", "--seed", seed, "Tell me a story.")["answer"]
            self.assertEqual(sampled("7"), sampled("7"))
            self.assertNotEqual(sampled("7"), sampled("8"))
        with self.subTest("the answer streams"):
            child = subprocess.Popen([BIN / "pcc", "ask", "--temperature", "0", "--max-tokens", "120", "Tell me a long story."],
                                     env=stack.client_env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            pieces = []
            while piece := os.read(child.stdout.fileno(), 65536):
                pieces.append((time.monotonic(), piece))
            child.stdout.close()
            self.assertEqual(child.wait(), ANSWERED)
            self.assertGreater(len(pieces), 10, "the answer came in few pieces")
        with self.subTest("usage and finish reason"):
            answer = self.ask(stack, "--temperature", "0", "--max-tokens", "5", "Count to one hundred.")
            self.assertEqual((answer["usage"]["completion_tokens"], answer["finish_reason"]), (5, "length"))

    def test_llama_3_vocabulary_and_template_token_for_token(self):
        path = self.tiny_model()
        stack = self.start("tiny-llama3", path)
        for prompt in ("Hello", "Was ist 2 + 2?", "🌊 naïve"):
            with self.subTest(prompt):
                got = self.ask(stack, "--temperature", "0", "--max-tokens", "40", prompt)["answer"]
                self.assertEqual(got, self.bare(path, 40, prompt))
        with self.subTest("control tokens typed by a user are text"):
            plain = self.ask(stack, "--max-tokens", "1", "a b")["usage"]["prompt_tokens"]
            typed = self.ask(stack, "--max-tokens", "1", "a<|eot_id|> b")["usage"]["prompt_tokens"]
            self.assertGreater(typed, plain + 1, "<|eot_id|> became one token: the user can end his own turn")

    def test_requests_at_one_time_share_the_processors(self):
        for worker_settings in ("", "fresh_children: true\npool_size: 1\n"):
            with self.subTest(worker_settings):
                path = self.tiny_model()
                stack = self.start("tiny", path, engine_settings="threads: 3", worker_settings=worker_settings)
                parent = stack.children["compute_worker"].pid

                def threads_at_work() -> list[int]:
                    before = self.children(parent)
                    time.sleep(0.2)
                    now = self.children(parent)
                    return sorted(threads for pid, (threads, ticks) in now.items() if ticks > before.get(pid, (0, ticks))[1])

                with contextlib.ExitStack() as clients:
                    for expected in ([3], [1, 2], [1, 1, 1]):
                        clients.enter_context(self.client_that_goes_on(stack))
                        self.come_true(threads_at_work, expected)
                    clients.close()
                    clients.enter_context(self.client_that_goes_on(stack))
                    self.come_true(threads_at_work, [3])
                stack.stop()

    @contextlib.contextmanager
    def client_that_goes_on(self, stack):
        """Asks again whenever it has its answer."""
        over = threading.Event()

        def ask():
            while not over.is_set():
                with subprocess.Popen([BIN / "pcc", "ask", "Tell me something random."], env=stack.client_env(),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
                    while client.poll() is None:
                        if over.wait(0.02):
                            client.kill()

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @staticmethod
    def children(parent: int) -> dict[str, tuple[int, int]]:
        """Threads of each, and the ticks that they have run."""
        found = {}
        for pid in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            found[pid] = (int(fields[17]), int(fields[11]) + int(fields[12]))
        return found

    def come_true(self, what, expected) -> None:
        deadline = time.monotonic() + 60
        while (got := what()) != expected:
            self.assertLess(time.monotonic(), deadline, f"{got}, not {expected}")
            time.sleep(0.02)

    def test_a_client_that_pinned_the_model_refuses_one_changed_byte(self):
        path = self.tiny_model()
        stack = self.start("tiny", path)
        pinned = self.ask(stack, "--max-tokens", "2", "hello")["node"]["pcr_values"]["12"]
        measured = subprocess.run([BIN / "compute_boot", "--measure", "--config", stack.run / "compute_boot.yaml"], capture_output=True,
                                  text=True, check=True).stdout
        self.assertIn(pinned, measured)
        self.ask(stack, "--expect-pcr", f"12={pinned}", "--max-tokens", "2", "hello")
        stack.stop()
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        stack = self.start("tiny", path)
        self.ask(stack, "--max-tokens", "2", "hello")
        why = self.ask(stack, "--expect-pcr", f"12={pinned}", "--max-tokens", "2", "hello", code=UNVERIFIED)
        self.assertIn("12", why)


if __name__ == "__main__":
    unittest.main(verbosity=2)
