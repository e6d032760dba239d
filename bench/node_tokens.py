#!/usr/bin/env python3
"""Inference through the node: rate and first token against the bare library, memory of concurrent requests, and total rate against one
process that computes all requests in one batch.

Same model, same question, same number of threads, rounds alternating, medians. The node's figures are those that `pcc` sees: through the
router, with the node's evidence verified anew. `batched` (bench/batched.cc) stands for an ordinary server at its best: no HTTP, no sampling,
and all requests begin at once. Its requests share one process; the node's have one each, which is what they cost.
"""
from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import measure
from measure import BIN, TOOLS, Stack, median

POOL = 4  # children that wait: compute_worker's default
STORY = "Tell me a long story about a lighthouse and the people who live near it."
LONG = STORY + " Use what follows. " + "The keeper rises before the sun and writes down the wind, the tide and every sail that he sees. " * 16


def kernels(ggmls: bool) -> dict:
    """The environment of a program that computes with ggml's own matrix products, or with ours (cmake/llama/q4_0_ggml.cc)."""
    return {**os.environ, "OPENPCC_CPU_KERNELS": "ggml" if ggmls else ""}


def bare(model, tokens: int, threads: int, prompt: str, ggmls=False) -> dict:
    """llama_bare: on ordinary pages."""
    done = subprocess.run([TOOLS / "llama_bare", model, str(tokens), str(threads), prompt], capture_output=True, text=True, check=True,
                          env=kernels(ggmls))
    found = re.search(r"prompt (\d+) tokens, first token ([\d.]+) ms, then ([\d.]+) tokens/s", done.stderr)
    return {"prompt_tokens": int(found[1]), "first_token_ms": float(found[2]), "tokens_per_second": float(found[3])}


def batched(model, sequences: int, tokens: int, threads: int, prompt: str, ggmls=False) -> dict:
    return measure.run_json(BIN / "batched", model, sequences, tokens, threads, prompt, env=kernels(ggmls))


def through_node(stack: Stack, tokens: int, prompt: str) -> dict:
    answer = stack.ask("--temperature", 0, "--max-tokens", tokens, prompt)
    return {"prompt_tokens": answer["usage"]["prompt_tokens"], "tokens": answer["usage"]["completion_tokens"],
            "first_token_ms": answer["times"]["first_token_ms"], "tokens_per_second": answer["times"]["tokens_per_second"]}


def rates(stack, model, threads: int, rounds: int, tokens: int, prompts) -> list[list]:
    """A row for each prompt and target; the bare library first."""
    rows = []
    for prompt in prompts:
        targets = {"bare library (llama_bare)": lambda p=prompt: bare(model, tokens, threads, p),
                   "the same with ggml's own kernels": lambda p=prompt: bare(model, tokens, threads, p, ggmls=True),
                   "bare library, huge pages (batched, one sequence)": lambda p=prompt: batched(model, 1, tokens, threads, p),
                   "node": lambda p=prompt: through_node(stack, tokens, p)}
        results = {name: [] for name in targets}
        for number in range(rounds):
            measure.say(f"tokens/s, round {number + 1} of {rounds}")
            for name, target in targets.items():
                results[name].append(target())
        middle = {name: {key: median(r[key] for r in of) for key in ("tokens_per_second", "first_token_ms")} for name, of in results.items()}
        base = middle["bare library (llama_bare)"]
        for name, of in middle.items():
            rows.append([results[name][0]["prompt_tokens"], name, of["tokens_per_second"], of["tokens_per_second"] / base["tokens_per_second"],
                         of["first_token_ms"], of["first_token_ms"] - base["first_token_ms"]])
    return rows


RATES = ["prompt tokens", "what", "tokens/s", "of the bare library", "first token ms", "more than the bare library ms"]


def settled(parent: int, count: int) -> list[int]:
    """The parent's children, once there are so many (or after 10 s: it is for the reader to judge)."""
    deadline = time.monotonic() + 10
    while len(pids := measure.children_of(parent)) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    return pids


def memory_of(stack: Stack, counts, tokens: int) -> list[list]:
    """While `count` requests are answered: all have their first token, none is done."""
    rows, before = [], None
    parent = stack.pid("compute_worker")
    for count in (0, *counts):
        clients = [stack.pcc("--temperature", 0, "--max-tokens", tokens, STORY) for _ in range(count)]
        try:
            for client in clients:
                client.stdout.read(1)  # streamed: its first token
            pids = settled(parent, POOL + count)
            working = sorted(pids, key=lambda pid: measure.cpu_seconds(pid)[0])[-count:] if count else []
            each = [(*measure.private_memory(pid), measure.memory(pid)["PageTables"]) for pid in working]
            waiting = len(pids) - len(working)
            total = sum(measure.memory(pid)["Pss"] for pid in (parent, *pids))
        finally:
            for client in clients:
                client.kill()
                client.communicate()
        settled(parent, POOL)
        middle = [median(values) for values in zip(*each)] if each else ["", "", ""]
        rows.append([count, waiting, total, (total - before) / count if count else "", *middle])
        before = total if count == 0 else before
    return rows


def totals(stack, model, threads: int, rounds: int, tokens: int, counts, prompt=STORY) -> list[list]:
    rows = []
    for count in counts:
        node, one, ggmls = [], [], []
        for number in range(rounds):
            measure.say(f"{count} concurrent requests, round {number + 1} of {rounds}")
            start = time.monotonic()
            answers = [measure.finish(p) for p in [stack.pcc("--json", "--temperature", 0, "--max-tokens", tokens, prompt) for _ in range(count)]]
            node.append(sum(a["usage"]["completion_tokens"] for a in answers) / (time.monotonic() - start))
            one.append(batched(model, count, tokens, threads, prompt)["total_per_second"])
            ggmls.append(batched(model, count, tokens, threads, prompt, ggmls=True)["total_per_second"])
        rows.append([count, median(node), median(one), median(node) / median(one), median(ggmls), median(node) / median(ggmls)])
    return rows


TOTALS = ["requests", "node", "one batched process", "node / batched", "batched with ggml's own kernels", "node / that"]


def main() -> int:
    cache = os.environ.get("OPENPCC_TEST_MODEL", "")
    options = measure.options(__doc__, model=(cache, "a GGUF file (default: $OPENPCC_TEST_MODEL)"), rounds=(5, "alternating"),
                              tokens=(128, "of an answer"))
    if not pathlib.Path(options.model).is_file():
        raise SystemExit("no model: give --model FILE.gguf, or run ./dev bench node, which fetches the demo model")
    rounds, tokens, counts = (1, 16, (1, 2)) if options.quick else (options.rounds, options.tokens, (1, 2, 4, 8))
    threads = len(os.sched_getaffinity(0))
    report = measure.Report(options.json)
    with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        stack = Stack(folder, engine="embedded", model="bench", model_path=options.model, engine_settings=f"threads: {threads}\ncontext_tokens: 2048")
        with stack:
            stack.start()
            through_node(stack, 2, STORY)
            report.table("One request at a time", RATES, rates(stack, options.model, threads, rounds, tokens, (STORY, LONG)),
                         f"{threads} threads, answers of {tokens} tokens, {rounds} rounds. The node's first token: with client, router and TPM.")
            size = os.path.getsize(options.model) / (1 << 20)
            if os.geteuid() == 0:
                measure.say("memory")
                report.table("Memory of concurrent requests, MB",
                             ["requests", "children waiting", "PSS of parent and all children", "more for each request", "its KV cache and compute buffers",
                              "all else of its own", "its page tables"], memory_of(stack, counts[:3], 600),
                             f"The model file has {size:.0f} MB. PSS counts a page that n processes share as 1/n in each, so the weights are in the "
                             "sum once. Page tables are not in PSS.")
            else:
                measure.say("skipped: memory: only root may look into a locked-down child")
            report.table("Concurrent requests, total tokens/s", TOTALS,
                         totals(stack, options.model, threads, max(rounds - 2, 1), tokens, counts),
                         "From the first request's start to the last one's end, prompts included. In the node each request has its own process and "
                         "computes alone; a batch reads the weights once for all.")
    report.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
