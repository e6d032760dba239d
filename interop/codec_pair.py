"""The two codecs of the byte-level tests: `official codec` on the official Go packages, `interop_codec` on our libraries.

OPENPCC_INTEROP_OFFICIAL and OPENPCC_INTEROP_CODEC name the two programs.
Both take the same operations (interop/go/codec/codec.go, interop/codec/codec.h); bytes are hexadecimal text on the way.
"""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import threading
import unittest

OURS, OFFICIAL = "ours", "official"
SIDES = (OURS, OFFICIAL)
# Who writes and who reads: what one side alone understands of itself proves nothing about the other.
CROSSED = ((OFFICIAL, OURS), (OURS, OFFICIAL))
# A scalar of the curve, and another: the nodes' private request encryption keys.
REK, OTHER_REK = "11" * 32, "22" * 32
SECRET = "123456"


class Refused(Exception):
    """The codec's side did not take the input; `panic` when the official code went down over it."""

    def __init__(self, answer):
        super().__init__(answer["error"])
        self.panic = answer.get("panic", False)


class Codec:
    TIMEOUT = 120  # seconds; none takes more than a few

    def __init__(self, name: str, argv: list[str]):
        self.name, self.count = name, 0
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)

    def __call__(self, op: str, **parameters) -> dict:
        self.count += 1
        watchdog = threading.Timer(self.TIMEOUT, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(json.dumps({"id": self.count, "op": op, **parameters}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise RuntimeError(f"the codec of the {self.name} side ended, or took {self.TIMEOUT} s, in {op}")
        answer = json.loads(line)
        if answer["id"] != self.count:
            raise RuntimeError(f"answer {answer['id']} to line {self.count}")
        if not answer["ok"]:
            raise Refused(answer)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class CodecTest(unittest.TestCase):
    """Both codecs, started once for all tests of a class."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        official, ours = (str(pathlib.Path(os.environ[f"OPENPCC_INTEROP_{name}"]).resolve()) for name in ("OFFICIAL", "CODEC"))
        cls.codecs = {}
        for name, argv in ((OURS, [ours]), (OFFICIAL, [official, "codec"])):
            cls.codecs[name] = Codec(name, argv)
            cls.addClassCleanup(cls.codecs[name].close)
        cls.rek = cls.codecs[OFFICIAL]("rek_public", private=REK)["public"]
        cls.other_rek = cls.codecs[OFFICIAL]("rek_public", private=OTHER_REK)["public"]

    def exchange(self, client: str, node: str, request: dict) -> Exchange:
        return Exchange(self.codecs[client], self.codecs[node], request, self.rek)


class Exchange:
    """A request that `client` sealed to a node's key and `node` opened: both ends of the channel for the answer. `key` is how
    open_request names that key."""

    def __init__(self, client: Codec, node: Codec, request: dict, rek: str, **key):
        self.client, self.node = client, node
        self.request = client("seal_request", request=request, keys=[rek])
        self.opened = node("open_request", **(key or {"private": REK}), encapsulated_key=self.request["encapsulated_keys"][0],
                           media_type=self.request["media_type"], sealed=self.request["sealed"])

    def answer(self, response: dict) -> dict:
        """{"media_type", "sealed"}, by the node."""
        return self.node("seal_response", received=self.opened["received"], response=response)

    def opening(self, answer: dict) -> dict:
        """What the client's open_response and open_responses need beside the sealed bytes."""
        return {"sent": self.request["sent"], "candidate": 0, "media_type": answer["media_type"]}

    def open(self, answer: dict, **more) -> dict:
        return self.client("open_response", **self.opening(answer), sealed=answer["sealed"], **more)["response"]

    def open_variants(self, answer: dict, variants: dict) -> list[dict]:
        return self.client("open_responses", **self.opening(answer), variants=variants)["outcomes"]


def body(size: int) -> str:
    """Bytes that are not the same at any two places near each other."""
    return bytes((i * 7 + i // 251) % 256 for i in range(size)).hex()


def every_bit(data: str) -> dict:
    return {"of": data, "flip_bits": list(range(len(data) * 4))}


def as_list(inputs) -> dict:
    return {"list": [data.hex() for data in inputs]}
