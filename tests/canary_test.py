#!/usr/bin/env python3
"""Nothing of a request is left on the node: unique strings go through it, and then all that is left is searched for them.

Searched are the memory of every process of the node and the router (as /proc/PID/mem and as root's gcore), every log, every file under the
run and temporary folders; for prompt and answer plain, escaped as in JSON, as base64 and as token ids, and for the request's DEK, ECDH result and
response key. The same search must find them while the request runs, and afterwards in compute_worker_leaky, which keeps what it is told.
"""
from __future__ import annotations

import base64
import http.client
import json
import os
import pathlib
import secrets
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import engine_server
from engine_server import EngineServer
from memory import Search
from running import BIN, MODEL
from stack import DEV_SECRET, Stack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from codec_pair import Codec  # noqa: E402

TESTS = pathlib.Path(os.environ.get("OPENPCC_TESTS", BIN.parent / "tests")).resolve()
DEMO_MODEL = os.environ.get("OPENPCC_TEST_MODEL", "")
OCTETS = {"Content-Type": "application/octet-stream"}


def spellings(name: str, text: str) -> dict[str, bytes]:
    """The ways in which a text may stand in memory."""
    raw = text.encode()
    out = {f"{name}, plain": raw,
           f"{name}, JSON": json.dumps(text, ensure_ascii=False)[1:-1].encode(),
           f"{name}, JSON in ASCII": json.dumps(text)[1:-1].encode()}
    for shift in range(3):  # wherever it begins in what is encoded
        whole = base64.b64encode(b"\0" * shift + raw)
        out[f"{name}, base64 {shift}"] = whole[4:-4]
    return out


def key_spellings(name: str, key: str) -> dict[str, bytes]:
    raw = bytes.fromhex(key)
    return {name: raw, f"{name}, hex": key.encode(), f"{name}, base64": base64.b64encode(raw)[:-2]}


def canary() -> str:
    """Unique, and different in JSON."""
    return f'{secrets.token_hex(8)}"ü\\{secrets.token_hex(8)}'


class Echo(EngineServer):
    """Says what it is told, slowly; it stands for the engine, and is not searched."""

    pause = threading.Event()

    def do_POST(self):
        body = self.read_json()
        if not body.get("stream"):  # compute_boot tries the engine
            self.answer_whole({"choices": [{"index": 0, "text": "ten tokens", "finish_reason": "stop"}]})
            return
        self.begin_stream()
        try:
            for message in body["messages"]:
                self.send_event({"choices": [{"index": 0, "delta": {"content": message["content"]}}]})
            Echo.pause.wait(60)
            self.send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                             "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
            self.end_stream()
        except ConnectionError:
            self.close_connection = True  # the child was killed


class Request:
    """One request whose keys the test knows, sent through the router."""

    def __init__(self, stack: Stack, codec: Codec, body: dict):
        self.stack, self.codec = stack, codec
        router = stack.router_url.removeprefix("http://")
        tags = codec("write", kind="manifest_request", value={"tags": [f"model={stack.model}"], "limit": 3})["bytes"]
        connection = http.client.HTTPConnection(router, timeout=120)
        connection.request("POST", "/compute-manifests", bytes.fromhex(tags), OCTETS)
        manifests = codec("read", kind="manifests", bytes=connection.getresponse().read().hex())["value"]
        connection.close()
        evidence = codec("write", kind="evidence", value=manifests[0]["evidence"])["bytes"]
        self.rek = codec("verify_evidence", secret=DEV_SECRET, variants={"list": [evidence]})["outcomes"][0]["rek"]
        self.sent = codec("seal_request_seen", key=self.rek, request={
            "method": "POST", "scheme": "http", "authority": "confsec.invalid", "path": "/v1/chat/completions",
            "fields": {"content-type": ["application/json"]}, "trailers": {}, "body": json.dumps(body, ensure_ascii=False).encode().hex()})
        info = codec("write", kind="request_info", value=[
            {"id": manifests[0]["id"], "encapsulated_key": self.sent["encapsulated_key"]}])["bytes"]
        self.connection = http.client.HTTPConnection(router, timeout=300)
        self.connection.request("POST", "/", bytes.fromhex(self.sent["sealed"]), {
            "Content-Type": self.sent["media_type"], "X-Routing-Info": base64.b64encode(bytes.fromhex(info)).decode()})
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.media_type = self.response.getheader("Content-Type")
        self.sealed = self.response.read(16)  # the response nonce
        self.key = codec("response_key", sealed=self.sealed.hex(), media_type=self.media_type, key=self.rek,
                         request_media_type=self.sent["media_type"], ephemeral=self.sent["ephemeral"])["key"]

    def keys(self) -> dict[str, bytes]:
        return {**key_spellings("DEK", self.sent["dek"]), **key_spellings("ECDH result", self.sent["ecdh"]),
                **key_spellings("response key", self.key)}

    def finish(self) -> str:
        """The answer's text."""
        self.sealed += self.response.read()
        self.connection.close()
        opened = self.codec("open_response", sent=self.sent["sent"], candidate=0, media_type=self.media_type, sealed=self.sealed.hex())
        events = [line[6:] for line in bytes.fromhex(opened["response"]["body"]).decode().splitlines() if line.startswith("data: {")]
        return "".join(choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"])


@unittest.skipUnless(os.geteuid() == 0, "skipped: reading the memory of locked-down processes takes root")
class CanaryTest(unittest.TestCase):
    def setUp(self):
        self.since = time.time() - 1
        self.codec = Codec("ours", [str(TESTS / "interop_codec")])
        self.addCleanup(self.codec.close)

    def start(self, leaky=False, **options) -> Stack:
        folder = tempfile.TemporaryDirectory(prefix="openpcc-test-")
        self.addCleanup(folder.cleanup)
        binaries = BIN
        if leaky:
            binaries = pathlib.Path(folder.name) / "bin"
            binaries.mkdir()
            for program in BIN.iterdir():
                source = TESTS / "compute_worker_leaky" if program.name == "compute_worker" else program
                (binaries / program.name).symlink_to(source)
        stack = Stack(binaries, pathlib.Path(folder.name) / "run", **options)
        self.addCleanup(stack.stop)
        stack.start()
        return stack

    def start_echo(self, leaky=False) -> Stack:
        Echo.pause.clear()
        self.addCleanup(Echo.pause.set)
        return self.start(leaky, engine="http", model=MODEL, engine_url=engine_server.start(Echo, self.addCleanup))

    def processes(self, stack: Stack) -> dict[int, str]:
        out = {child.pid: name for name, child in stack.children.items()}
        for child in self.children(stack):
            out[child] = f"child {child} of compute_worker"
        return out

    @staticmethod
    def children(stack: Stack) -> list[int]:
        parent = stack.children["compute_worker"].pid
        return [int(pid) for pid in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def search_all(self, stack: Stack, needles: dict[str, bytes], cores=False) -> set[tuple[str, str]]:
        search = Search(needles)
        found = set()
        for pid, name in self.processes(stack).items():
            try:
                found |= search.core(pid, f"core of {name}") if cores else search.process(pid, name)
            except (FileNotFoundError, ProcessLookupError):
                continue  # a child that ended meanwhile
        found |= search.files({stack.run, stack.sockets, "/tmp", "/var/tmp", "/dev/shm"}, self.since)
        print(f"  searched {search.searched >> 20} MiB for {len(needles)} things", file=sys.stderr)
        # The software TPM does the ECDH: where hardware would have it, that process has it.
        return {(where, name) for where, name in found if not (where in ("swtpm", "core of swtpm") and name.startswith("ECDH result"))}

    def wait_for_children(self, stack: Stack) -> None:
        """Until there are no children but those that wait for a request."""
        pool = 0 if stack.engine == "http" else 4
        deadline = time.monotonic() + 60
        while len(self.children(stack)) != pool:
            self.assertLess(time.monotonic(), deadline, f"{len(self.children(stack))} children are there instead of {pool}")
            time.sleep(0.02)

    def run_request(self, stack: Stack, body: dict, texts: dict[str, str], more: dict[str, bytes], during) -> dict[str, bytes]:
        """Sends it, calls during(needles) while the answer streams, and returns what to look for afterwards."""
        self.wait_for_children(stack)
        request = Request(stack, self.codec, body)
        needles = {**request.keys(), **more}
        for name, text in texts.items():
            needles |= spellings(name, text)
        during(request, needles)
        answer = request.finish()
        self.assertGreater(len(answer), 30, answer)
        self.wait_for_children(stack)
        return needles | spellings("answer", answer)

    def echo_body(self, prompt: str, system: str) -> dict:
        return {"model": MODEL, "stream": True, "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}]}

    def expect_hits_during(self, stack: Stack, expected: set[str]):
        def during(request, needles):
            found = self.search_all(stack, needles)
            names = {name for where, name in found if where.startswith("child ")}
            self.assertLessEqual(expected, names, "this search finds nothing, or too little")
            elsewhere = {(where, name) for where, name in found if not where.startswith("child ")}
            self.assertEqual(elsewhere, set(), "while the request runs, its child alone holds it")
            # What the child has wiped already is in the client: the search knows these too.
            own = Search(request.keys()).process(self.codec.process.pid, "client")
            self.assertLessEqual({("client", "DEK"), ("client", "ECDH result"), ("client", "response key")}, own)
            Echo.pause.set()
        return during

    def test_nothing_is_left_by_the_engine_http(self):
        stack = self.start_echo()
        prompt, system = canary(), canary()
        needles = self.run_request(stack, self.echo_body(prompt, system), {"prompt": prompt, "system": system}, {},
                                   self.expect_hits_during(stack, {"prompt, JSON", "system, JSON", "response key"}))
        self.assertEqual(self.search_all(stack, needles), set())
        self.assertEqual(self.search_all(stack, needles, cores=True), set())

    def test_nothing_is_left_by_real_inference(self):
        self.assertTrue(DEMO_MODEL, "OPENPCC_TEST_MODEL must name the demo model")
        stack = self.start(engine="embedded", model="smollm2:135m", model_path=DEMO_MODEL)
        prompt, system = canary(), canary()
        listed = subprocess.run([TESTS / "llama_bare", "--tokens", DEMO_MODEL, prompt], capture_output=True, text=True, check=True)
        tokens = [int(line) for line in listed.stdout.split()][2:-2]  # without those that may join what stands beside
        body = {"model": "smollm2:135m", "stream": True, "temperature": 1.2, "max_tokens": 200, "messages": [
            {"role": "system", "content": system}, {"role": "user", "content": f"Tell me a long story about {prompt}, please."}]}
        needles = self.run_request(stack, body, {"prompt": prompt, "system": system},
                                   {"prompt, tokens": struct.pack(f"<{len(tokens)}i", *tokens)},
                                   self.expect_hits_during(stack, {"prompt, JSON", "prompt, tokens", "system, JSON", "response key"}))
        self.assertEqual(self.search_all(stack, needles), set())
        self.assertEqual(self.search_all(stack, needles, cores=True), set())

    def test_the_search_finds_what_a_leaky_build_leaves(self):
        stack = self.start_echo(leaky=True)
        prompt, system = canary(), canary()
        needles = self.run_request(stack, self.echo_body(prompt, system), {"prompt": prompt, "system": system}, {},
                                   lambda *_: Echo.pause.set())
        for cores in (False, True):
            found = {name for where, name in self.search_all(stack, needles, cores) if "compute_worker" in where}
            self.assertLessEqual({"prompt, JSON", "system, JSON", "ECDH result"}, found)

    def test_a_child_that_crashes_writes_no_core(self):
        stack = self.start_echo()
        # A folder of its own for cores: where the system allows them, they come here.
        cores = tempfile.TemporaryDirectory(prefix="openpcc-cores-")
        self.addCleanup(cores.cleanup)
        pathlib.Path(cores.name).chmod(0o777)
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern")
        before = pattern.read_text()
        try:
            pattern.write_text(f"{cores.name}/core.%p")
        except OSError:
            self.skipTest("skipped: kernel.core_pattern cannot be set here")
        self.addCleanup(pattern.write_text, before)
        control = subprocess.run(["sh", "-c", "ulimit -c unlimited; kill -SEGV $$"], check=False)
        self.assertNotEqual(control.returncode, 0)
        self.assertEqual(len(os.listdir(cores.name)), 1, "a process that allows it leaves a core here")
        prompt = canary()
        request = Request(stack, self.codec, self.echo_body(prompt, prompt))
        holders = [pid for pid in self.children(stack) if Search(spellings("prompt", prompt)).process(pid, "child")]
        self.assertEqual(len(holders), 1)
        os.kill(holders[0], signal.SIGSEGV)
        self.wait_for_children(stack)
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            request.response.read()
        request.connection.close()
        self.assertEqual(len(os.listdir(cores.name)), 1)
        Echo.pause.set()
        self.assertEqual(self.search_all(stack, {**request.keys(), **spellings("prompt", prompt)}), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
