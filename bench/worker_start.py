#!/usr/bin/env python3
"""From a sealed request at the node's front to the first sealed byte of its answer, engine noop: with children that wait, with children made
on demand, and a Go stand-in where build/interop/official is.

The stand-in is a small program of ours on the official packages that starts a process for every request, as the official node does; its key
is in software, so it does no TPM work, while our rows contain the TPM's. One request at a time, rounds alternating.
"""
from __future__ import annotations

import base64
import os
import pathlib
import sys
import tempfile

import measure
from measure import ROOT, Stack, median

sys.path.insert(0, str(ROOT / "interop"))
os.environ.setdefault("OPENPCC_INTEROP_OFFICIAL", str(ROOT / "build" / "interop" / "official"))
import official  # noqa: E402

POOL, DEMAND, STAND_IN = "our node, children wait (pool of 4)", "our node, a child made on demand", "Go stand-in, a process started, no TPM"


def rounds_of(folder: pathlib.Path, requests: int, rounds: int) -> tuple[dict, list[float]]:
    stacks = {POOL: Stack(folder / "pool", engine="noop", model="bench:noop"),
              DEMAND: Stack(folder / "demand", engine="noop", model="bench:noop", worker_settings="pool_size: 0\n", first_uid=59400)}
    stand_in, results, zgen = None, {}, []
    try:
        targets = {}
        for name, stack in stacks.items():
            stack.start()
            targets[name] = (stack.node_port, *stack.sealed_request())
        size = len(targets[POOL][1])
        if pathlib.Path(os.environ["OPENPCC_INTEROP_OFFICIAL"]).exists():
            stand_in = official.Role(folder / "stand-in.log", "stand-in", "--body", str(size))
            ready = stand_in.wait_for(event="ready")
            targets[STAND_IN] = (int(ready["url"].rsplit(":", 1)[1]), base64.b64decode(ready["body"]),
                                 measure.head_of(ready["media_type"], ready["encapsulated_key"]))
        else:
            measure.say("skipped: the Go stand-in: it is not built (./dev bench routers builds it)")
        results = {name: [] for name in targets}
        for number in range(rounds):
            measure.say(f"first sealed byte, round {number + 1} of {rounds}")
            zgen.append(measure.zgen_ms(prepared=True))
            for name, target in targets.items():
                results[name].append(measure.load(folder, *target, requests))
    finally:
        if stand_in:
            stand_in.stop()
        for stack in stacks.values():
            stack.stop()
    return results, zgen


def main() -> int:
    options = measure.options(__doc__, requests=(200, "of each round"), rounds=(3, "alternating"))
    report = measure.Report(options.json)
    with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as folder:
        requests, rounds = (20, 1) if options.quick else (options.requests, options.rounds)
        results, zgen = rounds_of(pathlib.Path(folder), requests, rounds)
    tpm = median(zgen)
    base = STAND_IN if STAND_IN in results else DEMAND
    firsts = {name: median(r["first_p50_ms"] for r in of) for name, of in results.items()}
    rows = [[name, firsts[name], median(r["first_p99_ms"] for r in of), firsts[name] - (0 if name == STAND_IN else tpm), firsts[base] / firsts[name],
             sum(r["failed"] for r in of)] for name, of in results.items()]
    report.table("Request at the node's front to the first sealed byte, engine noop",
                 ["node", "p50 ms", "p99 ms", "p50 less the TPM's ms", f"times as fast as: {base}", "failed"], rows,
                 f"One ECDH_ZGen on this TPM (swtpm) in a policy session made before, by itself in the same run: {tpm:.2f} ms. {requests} requests a round, {rounds} rounds.")
    report.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
