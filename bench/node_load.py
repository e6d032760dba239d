#!/usr/bin/env python3
"""Requests per second of a node with the engine noop at 1, 8 and 32 clients, and what limits it: the processor time of each of its processes.

The same sealed request again and again, straight to router_com; clients, node and software TPM share the machine's cores. The ceiling that a
TPM sets is one ECDH_ZGen after the other, measured by itself between the rounds.
"""
from __future__ import annotations

import pathlib
import sys
import tempfile

import measure
from measure import Stack, median

PARTS = ["router_com", "compute_worker", "tpm_broker", "swtpm"]


def cpu_of(stack: Stack) -> dict[str, float]:
    times = {}
    for part in PARTS:
        own, collected = measure.cpu_seconds(stack.pid(part))
        if part == "compute_worker":
            times["worker parent"], times["children"] = own, collected
        else:
            times[part] = own
    return times


def one_round(stack: Stack, folder, body, fields, requests: int, clients: int) -> dict:
    before = cpu_of(stack)
    result = measure.load(folder, stack.node_port, body, fields, requests, clients)
    after = cpu_of(stack)
    answered = max(result["answered"], 1)
    result["cpu_ms"] = {part: (after[part] - before[part]) * 1e3 / answered for part in after}
    result["cpu_ms"]["clients"] = result["cpu_seconds"] * 1e3 / answered
    return result


def main() -> int:
    options = measure.options(__doc__, requests=(2000, "of each round"), rounds=(3, "alternating between the numbers of clients"))
    requests, rounds = (100, 1) if options.quick else (options.requests, options.rounds)
    report = measure.Report(options.json)
    clients = (1, 8, 32)
    results, zgen = {c: [] for c in clients}, []
    with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as name:
        folder = pathlib.Path(name)
        with Stack(folder / "node", engine="noop", model="bench:noop") as stack:
            stack.start()
            body, fields = stack.sealed_request()
            measure.load(folder, stack.node_port, body, fields, 20)
            for number in range(rounds):
                zgen.append(measure.zgen_ms(prepared=False))
                for count in clients:
                    measure.say(f"{count} clients, round {number + 1} of {rounds}")
                    results[count].append(one_round(stack, folder, body, fields, requests, count))
    ceiling = 1e3 / median(zgen)
    rows = [["the TPM alone (ECDH_ZGen, swtpm)", ceiling, median(zgen), "", "", 1.0, ""]]
    parts = list(results[1][0]["cpu_ms"])
    cpu_rows = []
    for count, of in results.items():
        rate = median(r["per_second"] for r in of)
        cpu = {part: median(r["cpu_ms"][part] for r in of) for part in parts}
        total = sum(cpu.values())
        rows.append([f"{count} client{'s' * (count > 1)}", rate, median(r["p50_ms"] for r in of), median(r["p99_ms"] for r in of), total * rate / 1e3, rate / ceiling,
                     sum(r["failed"] for r in of)])
        cpu_rows.append([f"{count} client{'s' * (count > 1)}", *cpu.values(), total, cpu["tpm_broker"] / total])
    report.table("Requests per second, engine noop", ["load", "requests/s", "p50 ms", "p99 ms", "cores busy", "of the TPM's ceiling", "failed"], rows,
                 f"{requests} requests a round, {rounds} rounds, medians.")
    report.table("Processor time of one request, in ms", ["load", *parts, "all", "tpm_broker's share"], cpu_rows,
                 "From /proc/PID/stat; of children with all that the kernel does for them, of the worker's parent the forks.")
    report.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
