#!/usr/bin/env python3
"""From a sealed request at the node's front to the first sealed byte of its answer: our node with the engine noop, and a Go stand-in.

The stand-in is a small program of ours on the official packages that starts a process for every request, as the official node does; its key
is in software, so it does no TPM work, while our row contains the TPM's. One request at a time, rounds alternating. `./dev bench routers` runs it.
"""
from __future__ import annotations

import base64
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "interop"), str(ROOT / "dev.d")]
os.environ.setdefault("OPENPCC_INTEROP_OFFICIAL", str(ROOT / "build" / "interop" / "official"))
import official  # noqa: E402
from official import wire  # noqa: E402
from stack import Stack  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", ROOT / "build" / "bench" / "bin"))
REQUESTS, ROUNDS = 200, 3


def sealed_for(stack: Stack) -> wire.Exchange:
    """A genuine request of `pcc`, as the router passed it to the node: it may be sent again, a node keeps no state."""
    with wire.Proxy(stack.router_url) as proxy:
        subprocess.run([BIN / "pcc", "ask", "x" * 600], env={**stack.client_env(), "OPENPCC_ROUTER": proxy.url}, capture_output=True, check=True)
        return next(e for e in proxy.seen if e.path == "/")


def load(folder, name: str, port: int, media: str, key: str, body: bytes) -> dict:
    file = folder / f"{name}.body"
    file.write_bytes(body)
    argv = [BIN / "router_load", "load", "--port", str(port), "--requests", str(REQUESTS), "--body-file", str(file)]
    for field in (f"Content-Type: {media}", f"X-Encapsulated-Key: {key}", "X-Credit-Amount: 262144"):
        argv += ["--field", field]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as folder:
        folder = pathlib.Path(folder)
        stack = Stack(BIN, folder / "ours", engine="noop", model="bench:noop")
        stand_in = None
        try:
            stack.start()
            exchange = sealed_for(stack)
            fields = {k.lower(): v for k, v in exchange.headers}
            candidate = wire.fields(wire.fields(base64.b64decode(fields["x-routing-info"]))[0][2])
            key = base64.b64encode(next(v for n, _, v in candidate if n == 4)).decode()
            stand_in = official.Role(folder / "stand-in.log", "stand-in", "--body", str(len(exchange.body)))
            ready = stand_in.wait_for(event="ready")
            targets = {
                "our node, TPM included": (stack.node_port, fields["content-type"], key, exchange.body),
                "Go stand-in, no TPM": (int(ready["url"].rsplit(":", 1)[1]), ready["media_type"], ready["encapsulated_key"],
                                       base64.b64decode(ready["body"])),
            }
            rounds = {name: [] for name in targets}
            for _ in range(ROUNDS):
                for name, target in targets.items():
                    rounds[name].append(load(folder, name.split()[0], *target))
        finally:
            if stand_in:
                stand_in.stop()
            stack.stop()
    print("| request to first sealed byte | p50 ms | p99 ms | failed |\n|---|---|---|---|")
    for name, results in rounds.items():
        print(f"| {name} | {statistics.median(r['first_p50_ms'] for r in results):.2f} | "
              f"{statistics.median(r['first_p99_ms'] for r in results):.2f} | {sum(r['failed'] for r in results)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
