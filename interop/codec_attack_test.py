#!/usr/bin/env python3
"""Sealed messages altered on the way, both directions. Ours refuses every one; what the official side does stands in OFFICIAL_READS.

docs/interop.md tells of that table: when it changes here, it changes there.
"""
from __future__ import annotations

import dataclasses
import pathlib
import sys
import unittest

from codec_pair import OFFICIAL, OTHER_REK, OURS, REK, SIDES, CodecTest, as_list, body, every_bit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from proxy import frames  # noqa: E402

REQUEST = {"method": "POST", "scheme": "http", "authority": "confsec.invalid", "path": "/v1/chat/completions",
           "fields": {"content-type": ["application/json"]}, "trailers": {}, "body": body(40)}
RESPONSE = {"status": 200, "fields": {"content-type": ["text/event-stream"], "x-a": ["1"]}, "trailers": {}, "body": body(600)}
UNKNOWN_LENGTH = {"indeterminate": True, "piece": 200}
TRAILERS = {"X-Test-Trailer": ["v"]}
SHAPES = {
    "whole": {},
    "chunked": UNKNOWN_LENGTH,
    "chunked, trailers": {**UNKNOWN_LENGTH, "trailers": TRAILERS},
    "chunked, empty": {**UNKNOWN_LENGTH, "body": ""},
}
PREFIX = {"request": 12, "response": 16}  # bytes of the nonce before the frames
GARBAGE = bytes([17]) + bytes(17)  # a frame, by its form


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """How the official reader takes "chunked, trailers"; frames are counted from 1.

    Where Binary HTTP of unknown length may end a part, its decoder looks for the zero that does, and drops the error when the frame
    there does not open: it goes on with the next one, and takes the message when that is the genuine one. It never takes another
    message than the one that was sent. When what follows is the final frame, it reads that into a buffer of no bytes, for ever.
    """
    skips: frozenset        # one frame that does not open is passed over before these
    endless_frame: int      # altering any bit of this one, behind its length, makes it read for ever; 0: no bit does
    endless_without: int    # dropping this one does; 0: none
    endless_exchanged: frozenset


OFFICIAL_READS = {
    ("request", OURS): Behaviour(frozenset({2, 3}), 4, 3, frozenset({(2, 3)})),
    ("request", OFFICIAL): Behaviour(frozenset({10, 14, 19, 20, 22}), 0, 26, frozenset()),
    ("response", OURS): Behaviour(frozenset({2, 3, 4}), 5, 4, frozenset({(3, 4)})),
    ("response", OFFICIAL): Behaviour(frozenset({3, 7, 11, 16, 17, 18, 20}), 0, 24, frozenset()),
}


class Message:
    """A sealed message on its way, and `open_all`, which has its receiver try variants of it."""

    def __init__(self, direction: str, mode: str, sealed: str, open_all):
        self.direction, self.bytes, self.open_all = direction, bytes.fromhex(sealed), open_all
        self.genuine = self.open_all(as_list([self.bytes]))[0]
        self.parts = self.cut_up() if "chunked" in mode else []

    def cut_up(self) -> list[bytes]:
        missing = 16 - PREFIX[self.direction]  # frames() counts on a response's prefix
        parts = frames(bytes(missing) + self.bytes)
        return [parts[0][missing:], *parts[1:]]

    def frame_bits(self, index: int) -> tuple[set[int], set[int]]:
        """Numbers of the bits of a frame's length, and of what follows it."""
        start = sum(len(part) for part in self.parts[:index]) * 8
        length = (2 if self.parts[index][0] >= 0x40 else 1) * 8
        return set(range(start, start + length)), set(range(start + length, start + len(self.parts[index]) * 8))

    def with_frames(self, *indexes) -> bytes:
        return b"".join(index if isinstance(index, bytes) else self.parts[index] for index in (0, *indexes))

    def faults(self) -> dict[str, dict]:
        """What is done to it -> where -> the bytes that come of it."""
        last = len(self.parts) - 1  # the final frame
        every = list(range(1, last + 1))
        out = {
            "cut": {size: self.bytes[:size] for size in range(len(self.bytes))},
            "longer": {size: self.bytes + bytes(size) for size in (1, 2, 16, 17, 600)},
        }
        if not self.parts:
            return out
        return out | {
            "repeated": {at: self.with_frames(*every[:at], *every[at - 1:]) for at in every},
            "dropped": {at: self.with_frames(*(index for index in every if index != at)) for at in every},
            "exchanged": {(a, b): self.with_frames(*({a: b, b: a}.get(index, index) for index in every))
                          for a in every for b in every if a < b},
            "inserted": {at: self.with_frames(*every[:at - 1], GARBAGE, *every[at - 1:]) for at in every},
            "inserted twice": {at: self.with_frames(*every[:at - 1], GARBAGE, GARBAGE, *every[at - 1:]) for at in every},
            "copied": {(at, of): self.with_frames(*every[:at - 1], of, *every[at - 1:])
                       for at in every for of in every if of != at},
        }

    def outcomes(self) -> dict[str, dict]:
        """What is done to it -> where -> what the receiver makes of it."""
        out = {"bit": dict(enumerate(self.open_all(every_bit(self.bytes.hex()))))}
        for fault, variants in self.faults().items():
            out[fault] = dict(zip(variants, self.open_all(as_list(variants.values())), strict=True))
        return out


class AttackTest(CodecTest):
    tried: dict = {}

    @classmethod
    def tearDownClass(cls):
        print("\ndirection, writer, reader, fault: tried, taken, panics, endless", file=sys.stderr)
        for row, counts in cls.tried.items():
            print(*row, *counts, sep="\t", file=sys.stderr)

    def count(self, direction, writer, reader, fault, outcomes):
        row = self.tried.setdefault((direction, writer, reader, fault), [0, 0, 0, 0])
        for outcome in outcomes:
            for column, seen in enumerate((True, outcome["ok"], outcome.get("panic"), outcome.get("endless"))):
                row[column] += bool(seen)

    def messages(self, direction: str, writer: str, reader: str, shape: str) -> Message:
        if direction == "response":
            exchange = self.exchange(reader, writer, REQUEST)
            answer = exchange.answer({**RESPONSE, **SHAPES[shape]})
            return Message(direction, answer["media_type"], answer["sealed"],
                           lambda variants: exchange.open_variants(answer, variants))
        client, node = self.codecs[writer], self.codecs[reader]
        # In pieces of 20: two chunks of content.
        request = {**REQUEST, **SHAPES[shape], "piece": 20}
        sealed = client("seal_request", request=request, keys=[self.rek])
        return Message(direction, sealed["media_type"], sealed["sealed"], lambda variants: node(
            "open_requests", vary="sealed", variants=variants, private=REK, encapsulated_key=sealed["encapsulated_keys"][0],
            media_type=sealed["media_type"], sealed="")["outcomes"])

    def assert_where(self, outcomes: dict, property_name: str, where: set, fault: str):
        seen = {at for at, outcome in outcomes.items() if outcome.get(property_name)}
        self.assertEqual(seen, set(where), f"{fault}, {property_name}")

    def test_ours_refuses_every_one(self):
        for direction in PREFIX:
            for writer in SIDES:
                for shape in SHAPES:
                    message = self.messages(direction, writer, OURS, shape)
                    self.assertTrue(message.genuine["ok"], message.genuine)
                    self.assertLessEqual(len(message.bytes), 2048)
                    for fault, outcomes in message.outcomes().items():
                        self.count(direction, writer, OURS, fault, outcomes.values())
                        with self.subTest(f"{direction} from {writer}, {shape}, {fault}"):
                            self.assert_where(outcomes, "ok", set(), fault)
                            names = {outcome["error"].split(":")[0] for outcome in outcomes.values()}
                            self.assertLessEqual(names, {"sealed.altered", "sealed.truncated"})

    def test_the_official_reader_takes_some(self):
        for (direction, writer), behaviour in OFFICIAL_READS.items():
            for shape in ("whole", "chunked, trailers"):
                message = self.messages(direction, writer, OFFICIAL, shape)
                self.assertTrue(message.genuine["ok"], message.genuine)
                # A response of fewer bytes than its nonce makes the official client panic; a request does not the node.
                panics = {"cut": set(range(16)) if direction == "response" else set()}
                taken, endless = self.expected(message, behaviour) if message.parts else ({}, {})
                lengths = set().union(*(message.frame_bits(index)[0] for index in range(1, len(message.parts))))
                for fault, outcomes in message.outcomes().items():
                    self.count(direction, writer, OFFICIAL, fault, outcomes.values())
                    with self.subTest(f"{direction} from {writer}, {shape}, {fault}"):
                        self.assert_where(outcomes, "ok", taken.get(fault, set()), fault)
                        self.assert_where(outcomes, "panic", panics.get(fault, set()), fault)
                        for at, outcome in outcomes.items():
                            if outcome["ok"]:
                                self.assertEqual(outcome, message.genuine, f"{fault} at {at}: another message")
                        if fault == "bit":  # behind an altered length anything follows, by chance what reads as the final frame
                            outcomes = {at: outcome for at, outcome in outcomes.items() if at not in lengths}
                        self.assert_where(outcomes, "endless", endless.get(fault, set()), fault)

    @staticmethod
    def expected(message: Message, behaviour: Behaviour) -> tuple[dict, dict]:
        """Where the official reader takes it, and where it reads for ever."""
        final = len(message.parts) - 1
        taken = {
            "inserted": behaviour.skips,
            "repeated": {at - 1 for at in behaviour.skips},
            "copied": {(at, of) for at in behaviour.skips for of in range(1, final) if of != at},
        }
        endless = {"dropped": {behaviour.endless_without} - {0}, "exchanged": behaviour.endless_exchanged}
        if behaviour.endless_frame:
            endless["bit"] = message.frame_bits(behaviour.endless_frame)[1]
        return taken, endless

    def test_both_refuse_every_altered_encapsulated_key(self):
        for writer in SIDES:
            for shape in ("whole", "chunked"):
                sealed = self.codecs[writer]("seal_request", request={**REQUEST, **SHAPES[shape]}, keys=[self.rek, self.other_rek])
                key, other = (bytes.fromhex(text) for text in sealed["encapsulated_keys"])
                variants = {**every_bit(key.hex()), **as_list([*(key[:size] for size in range(len(key))), key + b"\0", other])}
                media_types = ("application/confsec-req", "application/confsec-chunked-req")
                for reader in SIDES:
                    opening = {"private": REK, "encapsulated_key": key.hex(), "sealed": sealed["sealed"]}
                    with self.subTest(f"{writer} to {reader}, {shape}"):
                        outcomes = self.codecs[reader]("open_requests", vary="encapsulated_key", variants=variants, **opening,
                                                       media_type=sealed["media_type"])["outcomes"]
                        self.count("encapsulated key", writer, reader, "bit, cut, longer", outcomes)
                        self.assertEqual([outcome for outcome in outcomes if outcome["ok"] or outcome.get("panic")], [])
                        for private, media_type in [(key, media) for key in (REK, OTHER_REK) for media in media_types]:
                            genuine = private == REK and media_type == sealed["media_type"]
                            outcomes = self.codecs[reader]("open_requests", vary="sealed", variants={"list": [sealed["sealed"]]},
                                                           **{**opening, "private": private}, media_type=media_type)["outcomes"]
                            self.assertEqual([outcome["ok"] for outcome in outcomes], [genuine])


if __name__ == "__main__":
    unittest.main(verbosity=2)
