#!/usr/bin/env python3
"""The node with a model of 8 billion parameters: loading, memory, what a fork takes with and without huge pages, and tokens/s.

The model is made here (bench/make_model.cc): Llama 3 8B's shapes, Q4_0, random weights, 4.5 GB, into --folder; removed afterwards.
"""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import measure
import node_tokens
from measure import BIN, ROOT, Stack, median

CONTEXT = 4096


def make(path: pathlib.Path, vocabulary: str, layers: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if layers == 32 and free < 6 << 30:
        raise SystemExit(f"{path.parent} has {free >> 30} GB free: 6 are needed (--folder names another)")
    measure.say(f"making the model ({path})")
    start = time.monotonic()
    subprocess.run([BIN / "make_model", vocabulary, ROOT / "models" / "llama-3.jinja", path, str(layers)], check=True)
    measure.say(f"making the model: {time.monotonic() - start:.0f} s")
    path.chmod(0o644)


def fork_rows(path, rounds: int, forks: int) -> list[list]:
    results = {True: [], False: []}
    for number in range(rounds):
        for on in results:
            measure.say(f"loading and forking, {'huge' if on else 'small'} pages, round {number + 1} of {rounds}")
            with measure.huge_pages(on):
                results[on].append(measure.run_json(BIN / "fork_time", path, CONTEXT, forks))
    keys = ("load_ms", "rss_mb", "huge_mb", "fork_ms", "fork_min_ms", "fork_max_ms")
    middle = {on: [median(r[key] for r in of) for key in keys] for on, of in results.items()}
    small = middle[False][3]
    return [["small pages", *middle[False], 1.0], ["huge pages", *middle[True], small / middle[True][3]]]


def main() -> int:
    options = measure.options(__doc__, folder=(tempfile.gettempdir(), "where 4.5 GB may be written"), vocabulary=("", "ggml-vocab-llama-bpe.gguf"),
                              rounds=(3, "alternating"), tokens=(32, "of an answer"), layers=(32, "fewer: a smaller model"))
    rounds, tokens, forks, layers = (1, 4, 5, 2) if options.quick else (options.rounds, options.tokens, 20, options.layers)
    vocabulary = options.vocabulary or os.environ.get("OPENPCC_LLAMA3_VOCABULARY", "")
    if not pathlib.Path(vocabulary).is_file():
        raise SystemExit("no vocabulary: give --vocabulary ggml-vocab-llama-bpe.gguf; ./dev bench node knows where it is")
    pathlib.Path(options.folder).mkdir(parents=True, exist_ok=True)
    report = measure.Report(options.json)
    name = "8 billion parameters" if layers == 32 else f"{layers} of its 32 layers: not to be quoted"
    threads = len(os.sched_getaffinity(0))
    measure.stack_module.READY_SECONDS = 900.0  # compute_boot reads and hashes the file, the worker reads and repacks it
    with tempfile.TemporaryDirectory(prefix="openpcc-bench-", dir=options.folder) as folder:
        pathlib.Path(folder).chmod(0o755)
        path = pathlib.Path(folder) / "bench-8b.gguf"
        make(path, vocabulary, layers)
        report.table(f"Loading and forking, {name} (MB, ms)",
                     ["weights on", "load ms", "RSS", "of it huge", "fork, median ms", "least", "most", "times as fast"],
                     fork_rows(path, rounds, forks), f"{forks} forks a round, {rounds} rounds; a context of {CONTEXT} tokens; file in the page cache.")
        stack = Stack(pathlib.Path(folder) / "node", engine="embedded", model="bench", model_path=path,
                      engine_settings=f"threads: {threads}\ncontext_tokens: {CONTEXT}")
        with stack:
            start = time.monotonic()
            stack.start()
            started = time.monotonic() - start
            parent = measure.memory(stack.pid("compute_worker"))
            children = measure.children_of(stack.pid("compute_worker"))
            total = parent["Pss"]
            note = "Children are locked down: only root may look into them."
            if os.geteuid() == 0:
                total += sum(measure.memory(pid)["Pss"] for pid in children)
                note = f"With the {len(children)} children that wait, the sum of PSS is {total:.0f} MB. From start to routable: {started:.0f} s."
            report.table("The worker's parent, MB", ["file", "RSS", "PSS", "on huge pages"],
                         [[os.path.getsize(path) / (1 << 20), parent["Rss"], parent["Pss"], parent["AnonHugePages"]]], note)
            node_tokens.through_node(stack, 2, "Hello")
            report.table(f"Tokens/s, {name}", node_tokens.RATES,
                         node_tokens.rates(stack, path, threads, rounds, tokens, ("Hello", node_tokens.STORY)),
                         f"{threads} threads, {tokens} tokens, {rounds} rounds.")
            report.table(f"Concurrent requests, total tokens/s, {name}", node_tokens.TOTALS,
                         node_tokens.totals(stack, path, threads, 1, max(tokens // 2, 2), (1, 2) if options.quick else (1, 2, 4, 8), "Hello"),
                         f"{max(tokens // 2, 2)} tokens each, one round.")
    report.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
