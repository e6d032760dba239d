"""The official roles for the tests of this folder: build/interop/official (interop/go) as router, node and client.

Each role is one process that prints JSON lines; `Role.wait_for` reads them. Run by ctest with OPENPCC_INTEROP_OFFICIAL set, which `./dev
test` and `./dev interop` do.
"""
from __future__ import annotations

import base64
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "dev.d"))
import proxy as wire  # noqa: E402,F401  (for the tests here: a proxy that records and alters, and protobuf by hand)

ISSUER_KEY = HERE / "testdata" / "issuer.pem"
SECRET = "123456"
SECONDS = 60.0  # for anything that a test waits for
INFERENCE_SECONDS = 300.0  # for an answer of a real model


def program() -> str:
    path = os.environ.get("OPENPCC_INTEROP_OFFICIAL", "")
    if not path or not pathlib.Path(path).exists():
        raise RuntimeError("OPENPCC_INTEROP_OFFICIAL must name the program that `./dev interop` builds from interop/go")
    return path


def run(*argv) -> str:
    """What one of the short commands prints, such as `official mint`."""
    return subprocess.run([program(), *map(str, argv)], capture_output=True, text=True, timeout=SECONDS, check=True).stdout.strip()


def wallet_command() -> str:
    """For --wallet-command: pays with credits of the test issuer."""
    return f"{program()} mint --issuer-key {ISSUER_KEY}"


class Role:
    """A running role. Its events come in the order in which it printed them; its log is a file for the reader of a failed test."""

    def __init__(self, log: pathlib.Path, *argv):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen([program(), *map(str, argv)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            text=True)
        self.events: queue.Queue = queue.Queue()
        self.past: list[dict] = []  # everything wait_for has passed by
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)

    def next(self, seconds=SECONDS) -> dict:
        try:
            event = self.events.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.process.args[1]} said nothing for {seconds} s; {self.last_words()}") from None
        if event is None:
            self.events.put(None)
            raise AssertionError(f"{self.process.args[1]} ended (exit {self.process.wait()}); {self.last_words()}")
        self.past.append(event)
        return event

    def wait_for(self, seconds=SECONDS, **want) -> dict:
        """The next event that has all these values; others are passed by."""
        deadline = time.monotonic() + seconds
        while True:
            event = self.next(max(deadline - time.monotonic(), 0.01))
            if all(event.get(key) == value for key, value in want.items()):
                return event

    def send(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return "its log ends:\n" + "\n".join(lines)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        return code


class Router(Role):
    def __init__(self, folder: pathlib.Path, *options):
        super().__init__(folder / "official-router.log", "router", "--listen", "127.0.0.1:0", "--issuer-key", ISSUER_KEY,
                         "--health-interval", "250ms", *options)
        self.url = self.wait_for(event="ready")["url"]


class Node(Role):
    def __init__(self, folder: pathlib.Path, router_url: str, model: str, *options):
        super().__init__(folder / "official-node.log", "node", "--listen", "127.0.0.1:0", "--router", router_url, "--model", model,
                         "--fake-secret", SECRET, "--heartbeat", "1s", *options)
        ready = self.wait_for(event="ready")
        self.url, self.id = ready["url"], ready["node_id"]

    def go(self, request: int) -> None:
        """Lets a gated node write the next chunk of this request's answer."""
        self.send(json.dumps({"go": request}))


class Answer:
    """What the official client got for one request."""

    def __init__(self):
        self.status, self.headers, self.body, self.trailers, self.refund = 0, {}, b"", {}, None
        self.reads: list[bytes] = []
        self.error: str | None = None
        self.where: str | None = None

    def take(self, event: dict) -> bool:
        """True at the last event."""
        kind = event["event"]
        if kind == "head":
            self.status, self.headers = event["status"], {k.lower(): v for k, v in event["headers"].items()}
        elif kind == "data":
            self.reads.append(base64.b64decode(event["data"]))
            self.body += self.reads[-1]
        elif kind == "end":
            self.trailers, self.refund = event.get("trailers") or {}, event.get("refund")
        elif kind == "error":
            self.error, self.where = event["error"], event.get("where")
        return kind in ("end", "error")


class Client(Role):
    def __init__(self, folder: pathlib.Path, router_url: str, *options):
        # Real inference takes its time on a busy machine; who expects the client to hang says for how long.
        patience = () if "--timeout" in options else ("--timeout", f"{INFERENCE_SECONDS:.0f}s")
        super().__init__(folder / "official-client.log", "client", "--router", router_url, "--issuer-key", ISSUER_KEY,
                         "--fake-secret", SECRET, *patience, *options)
        self.number = 0

    def begin(self, model: str, body, path="/v1/chat/completions", **headers) -> int:
        """Sends a request; `body` is JSON or the bytes of one. The model is asked for as a tag, as the official client wants it."""
        self.number += 1
        request = {"id": self.number, "path": path, "headers": {"X-Confsec-Node-Tags": f"llm,model={model}", **headers}}
        request["raw_body" if isinstance(body, str) else "body"] = body
        self.send(json.dumps(request))
        return self.number

    def finish(self, number: int, answer: Answer | None = None, seconds=INFERENCE_SECONDS + 10) -> Answer:
        answer = answer or Answer()
        while not answer.take(self.wait_for(seconds, id=number)):
            pass
        return answer

    def ask(self, model: str, body, path="/v1/chat/completions", **headers) -> Answer:
        return self.finish(self.begin(model, body, path, **headers))


def chat(model: str, prompt: str, stream: bool, **more) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream, **more}


def events_of(body: bytes) -> list[dict]:
    """The JSON objects of a server-sent event stream."""
    lines = [line[len("data: "):] for line in body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def text_of(body: bytes, streamed: bool) -> str:
    if not streamed:
        return json.loads(body)["choices"][0]["message"]["content"]
    return "".join(choice["delta"].get("content") or "" for event in events_of(body) for choice in event["choices"])
