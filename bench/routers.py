#!/usr/bin/env python3
"""Our router, the official one and Go's reverse proxy alone, in front of the same stub node: one run, alternating.

Needs build/bench/bin (preset bench) and the official Go programs: `./dev bench routers` makes both. Prints a Markdown table. Requests per
second and latency are seen from the client; router, node and client share the machine's cores.
"""
from __future__ import annotations

import argparse
import base64
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "interop"), str(ROOT / "tests"), str(ROOT / "dev.d")]
os.environ.setdefault("OPENPCC_INTEROP_OFFICIAL", str(ROOT / "build" / "interop" / "official"))
import official  # noqa: E402
import proxy as wire  # noqa: E402
from stack import Stack  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", ROOT / "build" / "bench" / "bin"))
MEDIA = "Content-Type: application/confsec-chunked-req"


def uuid7() -> str:
    number = int(time.time() * 1000) << 80 | 7 << 76 | uuid.uuid4().int & ((1 << 76) - 1)
    return str(uuid.UUID(int=number & ~(3 << 62) | 2 << 62))


def register(router_url: str, node: str, port: int) -> None:
    """A heartbeat of the stub node, without evidence: nobody verifies it here."""
    url = f"http://127.0.0.1:{port}/".encode()
    info = wire.encode([(2, 2, url), (3, 2, url), (4, 2, b"llm")])
    event = wire.encode([(1, 2, node.encode()), (2, 0, 0), (3, 2, wire.encode([(1, 0, int(time.time()))])),
                         (4, 2, wire.encode([(2, 2, info)]))])
    request = urllib.request.Request(router_url + "/node-events", data=event, headers={"Content-Type": "application/octet-stream"})
    urllib.request.urlopen(request, timeout=10).read()


def routing_info(node: str) -> str:
    """Three candidates, as a client names them; one of them is there."""
    candidates = [(1, 2, wire.encode([(1, 2, name.encode()), (4, 2, bytes(120))])) for name in (uuid7(), node, uuid7())]
    return "X-Routing-Info: " + base64.b64encode(wire.encode(candidates)).decode()


class Target:
    def __init__(self, name: str, url: str, fields: list[str], credits=None):
        self.name, self.port, self.fields, self.credits = name, int(url.rsplit(":", 1)[1]), fields, credits
        self.spent = 0

    def load(self, requests: int, connections: int, body: int) -> dict:
        argv = [BIN / "router_load", "load", "--port", self.port, "--requests", requests, "--connections", connections, "--body", body]
        for field in self.fields:
            argv += ["--field", field]
        if self.credits:
            argv += ["--credits", self.credits, "--skip-credits", self.spent]
            self.spent += requests
        return json.loads(subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4000, help="of each round to our router and the reverse proxy")
    parser.add_argument("--paid-requests", type=int, default=200, help="of each round to the official router: each takes a credit")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shapes = [(c, b) for b in (1024, 65536) for c in (1, 8, 64)]

    with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as folder:
        folder = pathlib.Path(folder)
        credits = folder / "credits"
        needed = options.paid_requests * options.rounds * len(shapes) + 100
        print(f"minting {needed} credits", file=sys.stderr)
        with open(credits, "w", encoding="ascii") as out:
            subprocess.run([official.program(), "mint", "--issuer-key", official.ISSUER_KEY, "--count", str(needed), "1024"], stdout=out, check=True)
        stub = subprocess.Popen([BIN / "router_load", "stub"], stdout=subprocess.PIPE, text=True)
        stack = Stack(BIN, folder / "ours", with_node=False)
        roles = []
        try:
            port = int(stub.stdout.readline())
            stack.start()
            roles.append(official.Router(folder))
            roles.append(official.Role(folder / "reverse-proxy.log", "reverse-proxy", "--listen", "127.0.0.1:0", "--target", f"http://127.0.0.1:{port}/"))
            proxy_url = roles[-1].wait_for(event="ready")["url"]
            node = uuid7()
            for url in (stack.router_url, roles[0].url):
                register(url, node, port)
            info = routing_info(node)
            targets = [Target("ours", stack.router_url, [MEDIA, info]),
                       Target("official, with its credit check", roles[0].url, [MEDIA, info], credits),
                       Target("Go's ReverseProxy alone", proxy_url, [MEDIA, info])]
            for target in targets:  # until the node is routable
                deadline = time.monotonic() + 30
                while target.load(1, 1, 16)["answered"] != 1:
                    if time.monotonic() > deadline:
                        raise SystemExit(f"{target.name}: the stub node does not become routable")
                    time.sleep(0.25)
            report(measure(targets, shapes, options))
            check = json.loads(official.run("credit-check", "--issuer-key", official.ISSUER_KEY, "--count", "300"))
            print(f"\nThe official credit check alone: {check['milliseconds_per_check']:.2f} ms of CPU for one request.")
        finally:
            for role in roles:
                role.stop()
            stack.stop()
            stub.kill()
            stub.wait()
    return 0


def measure(targets, shapes, options):
    """shape -> target name -> the rounds' results. Rounds alternate between the targets."""
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    for shape in shapes:
        for number in range(options.rounds):
            print(f"{shape[0]} connections, {shape[1]} bytes, round {number + 1}", file=sys.stderr)
            for target in targets:
                requests = options.paid_requests if target.credits else options.requests
                results[shape][target.name].append(target.load(requests, *shape))
    return results


def report(results) -> None:
    print("| body | connections | router | requests/s | p50 ms | p99 ms | failed |\n|---|---|---|---|---|---|---|")
    for (connections, body), targets in results.items():
        for name, rounds in targets.items():
            def middle(key, rounds=rounds):
                return statistics.median(r[key] for r in rounds)
            failed = sum(r["failed"] for r in rounds)
            print(f"| {body // 1024} KiB | {connections} | {name} | {middle('per_second'):.0f} | {middle('p50_ms'):.2f} | {middle('p99_ms'):.2f} | {failed} |")


if __name__ == "__main__":
    sys.exit(main())
