#!/usr/bin/env python3
"""Attackers on the way: between client and router, in the router's place, and on the node's socket."""
from __future__ import annotations

import base64
import os
import random
import unittest
import urllib.error

import proxy as wire
from running import ALTERED, ANSWERED, UNVERIFIED, Running


def flip(data: bytes, at: int, bit: int = 0x10) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]


# What an attacker does to a sealed answer: whole, and cut into nonce prefix, frames and final frame.
FAULTS = {
    "empty": lambda sealed, parts: b"",
    "fewer than 16 bytes": lambda sealed, parts: sealed[:15],
    "only the nonce": lambda sealed, parts: sealed[:16],
    "without the final frame": lambda sealed, parts: b"".join(parts[:-1]),
    "final tag cut": lambda sealed, parts: sealed[:-1],
    "a byte after the end": lambda sealed, parts: sealed + b"\0",
    "first frame twice": lambda sealed, parts: b"".join([*parts[:2], *parts[1:]]),
    "first frame dropped": lambda sealed, parts: b"".join([parts[0], *parts[2:]]),
    "final frame twice": lambda sealed, parts: sealed + parts[-1],
    "frame inserted at the start": lambda sealed, parts: b"".join([parts[0], bytes([17]) + os.urandom(17), *parts[1:]]),
    "frame inserted at the end": lambda sealed, parts: b"".join([*parts[:-1], bytes([17]) + os.urandom(17), parts[-1]]),
    "two frames exchanged": lambda sealed, parts: b"".join([parts[0], parts[2], parts[1], *parts[3:]]),
}


class AttackTest(Running):

    def captured(self) -> wire.Exchange:
        """A genuine sealed request, as the router saw it, and its answer."""
        with wire.Proxy(self.stack.router_url) as proxy:
            self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ANSWERED)
            return next(e for e in proxy.seen if e.path == "/")

    def replay(self, exchange, body=None, **headers):
        merged = {**dict(exchange.headers), **{k.replace("_", "-"): v for k, v in headers.items()}}
        merged = {k: v for k, v in merged.items() if v is not None and k.lower() not in ("host", "user-agent")}
        return self.post("/", exchange.body if body is None else body, merged)

    def test_altered_requests_are_refused_with_the_right_status(self):
        exchange = self.captured()
        names = {k.lower(): k for k, _ in exchange.headers}
        routing, media = names["x-routing-info"], names["content-type"]
        info = base64.b64decode(dict(exchange.headers)[routing])
        candidate = wire.fields(wire.fields(info)[0][2])
        key = next(v for n, _, v in candidate if n == 4)

        def info_with(encapsulated):
            again = wire.encode([(n, k, encapsulated if n == 4 else v) for n, k, v in candidate])
            return base64.b64encode(wire.encode([(1, 2, again)])).decode()

        self.assertEqual(self.replay(exchange)[0], 200)  # a replay is opened again: the node keeps no state
        cases = {
            "routing info missing": (400, dict(headers={routing: ""})),
            "routing info not base64": (400, dict(headers={routing: "!" + dict(exchange.headers)[routing]})),
            "routing info truncated": (400, dict(headers={routing: base64.b64encode(info[:-7]).decode()})),
            "routing info of 100 kB": ((400, 431), dict(headers={routing: "A" * 100_000})),
            "routing info doubled": (200, dict(headers={routing: base64.b64encode(info + info).decode()})),
            "candidate unknown": (404, dict(headers={routing: base64.b64encode(info.replace(
                next(v for n, _, v in candidate if n == 1), b"01890000-0000-7000-8000-000000000000")).decode()})),
            "media type unknown": (400, dict(headers={media: "application/json"})),
            "encapsulated key empty": (400, dict(headers={routing: info_with(b"")})),
            "encapsulated key cut": (400, dict(headers={routing: info_with(key[:-1])})),
            "encapsulated key too long": (400, dict(headers={routing: info_with(key + b"\0")})),
            "encapsulated key huge": (400, dict(headers={routing: info_with(key * 10)})),
            "encapsulated key, header altered": (400, dict(headers={routing: info_with(b"\1" + key[1:])})),
            "encapsulated key, no point of the curve": (400, dict(headers={routing: info_with(key[:20] + b"\0\0" + key[22:])})),
            "encapsulated key, sealed DEK altered": (400, dict(headers={routing: info_with(key[:-1] + bytes([key[-1] ^ 1]))})),
            "body empty": (400, dict(body=b"")),
            "body is a part of the nonce": (400, dict(body=exchange.body[:5])),
            "body, first byte altered": (400, dict(body=bytes([exchange.body[0] ^ 1]) + exchange.body[1:])),
            "body, last byte altered": (400, dict(body=exchange.body[:-1] + bytes([exchange.body[-1] ^ 1]))),
            "body truncated": (400, dict(body=exchange.body[:-1])),
            "body too long": (400, dict(body=exchange.body + b"\0")),
            "body doubled": (400, dict(body=exchange.body * 2)),
            "body of 64 MiB": ((400, 413), dict(body=b"\0" * (64 << 20))),
        }
        for name, (want, change) in cases.items():
            with self.subTest(name):
                try:
                    status, body, _ = self.replay(exchange, body=change.get("body"), **change.get("headers", {}))
                except (ConnectionError, urllib.error.URLError) as error:
                    # A server that refuses 64 MiB early may close before all of it is read.
                    self.assertIn("64 MiB", name, error)
                    continue
                self.assertIn(status, want if isinstance(want, tuple) else (want,), body[:300])
        self.assert_serves()

    def test_answers_cut_or_altered_are_never_shown_as_whole(self):
        parts = wire.frames(self.captured().response)
        self.assertGreaterEqual(len(parts), 4, "nonce, two frames and the final one at least")
        faults = dict(FAULTS)
        for count in range(1, len(parts) - 1):
            faults[f"cut after {count} frames"] = lambda sealed, parts, count=count: b"".join(parts[:count + 1])
        alter = random.Random(1)  # fixed, so that a failure repeats
        for _ in range(30):
            at, bit = alter.random(), 1 << alter.randrange(8)
            faults[f"bit {bit:#x} at {at:.3f} of the answer"] = lambda sealed, parts, at=at, bit=bit: flip(
                sealed, int(at * len(sealed)), bit)
        with wire.Proxy(self.stack.router_url) as proxy:
            for name, fault in faults.items():
                def on_response(exchange, fault=fault):
                    if exchange.path == "/":
                        exchange.response = fault(exchange.response, wire.frames(exchange.response))
                proxy.on_response = on_response
                with self.subTest(name):
                    self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ALTERED)
            with self.subTest("nothing of a cut answer is presented as an answer"):
                done = self.pcc("ask", "--json", "hello", router=proxy.url)
                self.assert_exit(done, ALTERED)
                self.assertNotIn('"answer"', done.stdout)
            for cut in (0, 10, 40):
                def on_response(exchange, cut=cut):
                    if exchange.path == "/":
                        exchange.cut = cut
                proxy.on_response = on_response
                with self.subTest(f"connection dropped after {cut} bytes"):
                    self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ALTERED)
            proxy.on_response = lambda exchange: None
            self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ANSWERED)

    def test_answer_of_another_request_or_node_is_refused(self):
        other = self.captured().response

        def another_answer(exchange):
            if exchange.path == "/":
                exchange.response = other

        def another_node(exchange):
            exchange.response_headers = [
                (k, "01890000-0000-7000-8000-000000000000" if k.lower() == "x-node-id" else v)
                for k, v in exchange.response_headers]

        def no_node(exchange):
            exchange.response_headers = [(k, v) for k, v in exchange.response_headers if k.lower() != "x-node-id"]

        with wire.Proxy(self.stack.router_url) as proxy:
            for fault in (another_answer, another_node, no_node):
                with self.subTest(fault.__name__):
                    proxy.on_response = fault
                    done = self.pcc("ask", "hello", router=proxy.url)
                    self.assertIn(done.returncode, (1, ALTERED), done.stderr)
                    self.assertEqual(done.stdout, "")

    def test_evidence_missing_doubled_reordered_or_altered_is_refused(self):
        faults = {}
        for at in range(5):
            faults[f"piece {at} missing"] = lambda items, at=at: items[:at] + items[at + 1:]
            faults[f"piece {at} doubled"] = lambda items, at=at: items[:at + 1] + items[at:]
            faults[f"piece {at} first"] = lambda items, at=at: [items[at], *items[:at], *items[at + 1:]] if at else items[::-1]
        alter = random.Random(2)
        for at in range(5):
            for number, what in ((2, "data"), (3, "signature")):
                place, bit = alter.random(), 1 << alter.randrange(8)
                # The signature fields of the two public keys hold their names, which nothing signs: those of the REK must match.
                if (at, number) == (0, 3):
                    continue

                def altered(items, at=at, number=number, place=place, bit=bit):
                    piece = [(n, k, flip(v, int(place * len(v)), bit) if n == number else v) for n, k, v in wire.fields(items[at])]
                    return [*items[:at], wire.encode(piece), *items[at + 1:]]
                faults[f"piece {at} {what} altered"] = altered
        with wire.Proxy(self.stack.router_url) as proxy:
            for name, fault in faults.items():
                def on_response(exchange, fault=fault):
                    if exchange.path == "/compute-manifests":
                        exchange.response = self.with_evidence(exchange.response, fault)
                proxy.on_response = on_response
                with self.subTest(name):
                    self.assert_exit(self.pcc("ask", "hello", router=proxy.url), UNVERIFIED)
            proxy.on_response = lambda exchange: setattr(exchange, "response", exchange.response[:-3])
            with self.subTest("manifests truncated"):
                self.assertIn(self.pcc("ask", "hello", router=proxy.url).returncode, (1, UNVERIFIED))
            proxy.on_response = lambda exchange: None
            self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ANSWERED)

    @staticmethod
    def with_evidence(manifests: bytes, change) -> bytes:
        def manifest(body):
            out = []
            for number, kind, value in wire.fields(body):
                if number == 3:
                    value = wire.encode([(1, 2, item) for item in change([v for _, _, v in wire.fields(value)])])
                out.append((number, kind, value))
            return wire.encode(out)
        return wire.encode([(n, k, manifest(v)) for n, k, v in wire.fields(manifests)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
