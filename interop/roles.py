"""What the tests across implementations share: our roles beside the official ones, and `pcc` as a process that is watched."""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import official

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dev.d"))
from stack import Stack  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", "build/bin")).resolve()
DEMO_MODEL = os.environ.get("OPENPCC_TEST_MODEL", "")
DEMO_NAME = "smollm2:135m"
ANSWERED, FAILED, USAGE, UNVERIFIED, ALTERED = 0, 1, 2, 3, 4


def wait_until(what: str, ready, seconds=official.SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Pcc:
    """`pcc` while it runs."""

    def __init__(self, env: dict, *argv):
        self.process = subprocess.Popen([BIN / "pcc", *argv], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = b"", b""
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("out", "err")]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        pipe = self.process.stdout if name == "out" else self.process.stderr
        while piece := os.read(pipe.fileno(), 65536):
            setattr(self, name, getattr(self, name) + piece)
        pipe.close()

    def finish(self, seconds=official.SECONDS) -> int:
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return code


class Interop(unittest.TestCase):
    """Starts roles and stops them, the newest first, whatever the test does."""

    def setUp(self):
        self.log_folder = pathlib.Path(self.folder())

    def folder(self) -> str:
        folder = tempfile.TemporaryDirectory(prefix="openpcc-interop-")
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)
        return folder.name

    def official_router(self, *options) -> official.Router:
        return self._role(official.Router(self.log_folder, *options))

    def official_node(self, router_url: str, model: str, *options) -> official.Node:
        return self._role(official.Node(self.log_folder, router_url, model, *options))

    def official_client(self, router_url: str, *options) -> official.Client:
        return self._role(official.Client(self.log_folder, router_url, *options))

    def _role(self, role):
        self.addCleanup(role.stop)
        return role

    def ours(self, **options) -> Stack:
        """Our stack, or a part of it (see stack.py). Its clients pay, as those of the official router must."""
        options.setdefault("engine", "noop")
        if options["engine"] == "embedded":
            self.assertTrue(DEMO_MODEL, "OPENPCC_TEST_MODEL must name the demo model")
            options |= {"model": DEMO_NAME, "model_path": DEMO_MODEL}
        options.setdefault("model", "test:interop")
        client = {"OPENPCC_WALLET_COMMAND": official.wallet_command()} | options.pop("client", {})
        stack = Stack(BIN, self.folder(), client=client, **options)
        self.addCleanup(stack.stop)
        stack.start()
        self.addCleanup(stack.check)  # runs before stop: whatever a test did, every part of ours is still alive
        return stack

    def pcc_env(self, router_url: str, model: str, **more) -> dict:
        """Settings of a `pcc` against any router."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENPCC_")}
        return {**env, "XDG_CONFIG_HOME": str(self.log_folder / "no-config"), "OPENPCC_ROUTER": router_url, "OPENPCC_MODEL": model,
                "OPENPCC_DEV_ATTESTATION": "1", "OPENPCC_DEV_SECRET": official.SECRET,
                "OPENPCC_WALLET_COMMAND": official.wallet_command(), **more}

    def pcc(self, env: dict, *argv, code: int | None = ANSWERED, stdin: bytes | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run([BIN / "pcc", *argv], env=env, capture_output=True, timeout=120, check=False, input=stdin)
        if code is not None:
            self.assertEqual(done.returncode, code, f"stdout: {done.stdout[-2000:]}\nstderr: {done.stderr[-4000:]}")
        return done

    def wait_routable(self, env: dict) -> None:
        wait_until("the node is routable", lambda: self.pcc(env, "nodes", code=None).returncode == ANSWERED)
