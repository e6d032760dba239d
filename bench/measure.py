"""What the benchmarks of the node share: a stack with settings, what /proc says of its processes, and how a result is printed.

Nothing here is a test: no figure makes a script fail.
"""
from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "dev.d")]
import proxy as wire  # noqa: E402
import stack as stack_module  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", ROOT / "build" / "bench" / "bin"))
TOOLS = pathlib.Path(os.environ.get("OPENPCC_TESTS", ROOT / "build" / "bench" / "tests"))
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_THP_DISABLE = 41
median = statistics.median


class Stack(stack_module.Stack):
    """first_uid: where two nodes run at once."""

    def __init__(self, *args, first_uid=stack_module.UIDS["children"], **kwargs):
        super().__init__(BIN, *args, **kwargs)
        self.first_uid = first_uid

    def _write(self, name, text):
        if name == "compute_worker.yaml":
            text = text.replace(f"first_uid: {stack_module.UIDS['children']}", f"first_uid: {self.first_uid}")
        super()._write(name, text)

    def pid(self, name: str) -> int:
        return self.children[name].pid

    def pcc(self, *argv) -> subprocess.Popen:
        return subprocess.Popen([BIN / "pcc", "ask", *map(str, argv)], env=self.client_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, *argv) -> dict:
        return finish(self.pcc("--json", *argv))

    def sealed_request(self, prompt="x" * 600) -> tuple[bytes, list[str]]:
        """A genuine request of `pcc` as the router passes it to the node, and its header fields. It may be sent again: a node keeps no state."""
        with wire.Proxy(self.router_url) as proxy:
            subprocess.run([BIN / "pcc", "ask", prompt], env={**self.client_env(), "OPENPCC_ROUTER": proxy.url}, capture_output=True, check=True)
            exchange = next(e for e in proxy.seen if e.path == "/")
        fields = {k.lower(): v for k, v in exchange.headers}
        candidate = wire.fields(wire.fields(base64.b64decode(fields["x-routing-info"]))[0][2])
        key = base64.b64encode(next(v for n, _, v in candidate if n == 4)).decode()
        return exchange.body, head_of(fields["content-type"], key)


def head_of(media_type: str, key: str) -> list[str]:
    return [f"Content-Type: {media_type}", f"X-Encapsulated-Key: {key}", "X-Credit-Amount: 262144"]


def finish(process: subprocess.Popen) -> dict:
    out, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"pcc failed: {errors.decode(errors='replace')}")
    return json.loads(out)


def load(folder: pathlib.Path, port: int, body: bytes, fields: list[str], requests: int, connections=1) -> dict:
    """Of router_load, and the processor time that it took itself."""
    file = folder / "request.body"
    file.write_bytes(body)
    argv = [BIN / "router_load", "load", "--port", port, "--requests", requests, "--connections", connections, "--body-file", file]
    for field in fields:
        argv += ["--field", field]
    before = os.times()
    result = run_json(*argv)
    after = os.times()
    result["cpu_seconds"] = after.children_user - before.children_user + after.children_system - before.children_system
    return result


def run_json(*argv, env=None) -> dict:
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def zgen_ms(prepared: bool) -> float:
    """One ECDH_ZGen on swtpm, by itself. prepared: what a request waits for, its policy session made before; else the TPM's whole work for it."""
    out = run_json(BIN / "openpcc_bench", "--benchmark_filter=BM_TpmEcdhZGen", "--benchmark_format=json")
    return next(row["real_time"] for row in out["benchmarks"] if row["name"].startswith(f"BM_TpmEcdhZGen/prepared:{int(prepared)}"))


# -- /proc ------------------------------------------------------------------------------------------------------------

def cpu_seconds(pid: int) -> tuple[float, float]:
    """(of the process itself, of the children that it has collected)"""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, collected = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return own / TICKS, collected / TICKS


def children_of(pid: int) -> list[int]:
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(pid: int) -> dict[str, float]:
    """smaps_rollup in MB, and the page tables."""
    out = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        out[key] = int(value.split()[0]) / 1024
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmPTE"):
            out["PageTables"] = int(line.split()[1]) / 1024
    return out


def private_memory(pid: int, large=32 << 20) -> tuple[float, float]:
    """Written by this process alone, in MB: in mappings of 32 MB or more (KV cache and compute buffers; weights are not written), and elsewhere."""
    buffers = rest = size = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "Size":
            size = int(value.split()[0]) * 1024
        elif key == "Private_Dirty":
            if size >= large:
                buffers += int(value.split()[0])
            else:
                rest += int(value.split()[0])
    return buffers / 1024, rest / 1024


@contextlib.contextmanager
def huge_pages(on: bool):
    """Off: processes started inside get none, whatever they ask for."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if not on and prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise SystemExit(f"huge pages cannot be switched off: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0)


# -- what is printed --------------------------------------------------------------------------------------------------

def options(description: str, **more) -> argparse.Namespace:
    """more: name=(default, help), of options beside those that all scripts have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument("--quick", action="store_true", help="small counts: to see that it runs, not to quote")
    for name, (default, text) in more.items():
        parser.add_argument("--" + name.replace("_", "-"), default=default, type=type(default), help=text)
    return parser.parse_args()


class Report:
    """Tables, printed at the end: a script's figures stand together."""

    def __init__(self, json_wanted: bool):
        self.json_wanted = json_wanted
        self.tables: list[dict] = []
        self.load_before = os.getloadavg()[0]

    def table(self, title: str, columns: list[str], rows: list[list], note="") -> None:
        self.tables.append({"title": title, "columns": columns, "rows": rows, "note": note})

    def show(self) -> None:
        machine = {"cores": os.cpu_count(), "load_before": self.load_before, "time": time.strftime("%F %T")}
        if self.json_wanted:
            print(json.dumps({"machine": machine, "tables": self.tables}))
            return
        for table in self.tables:
            print(f"\n**{table['title']}** ({machine['cores']} cores, load {self.load_before:.1f} before)\n")
            print("| " + " | ".join(table["columns"]) + " |\n|" + "---|" * len(table["columns"]))
            for row in table["rows"]:
                print("| " + " | ".join(shown(cell) for cell in row) + " |")
            if table["note"]:
                print("\n" + table["note"])
        sys.stdout.flush()


def shown(cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.1f}" if abs(cell) >= 20 else f"{cell:.2f}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
