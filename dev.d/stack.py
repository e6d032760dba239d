#!/usr/bin/env python3
"""Starts, watches and stops a whole OpenPCC system on this machine: a software TPM, a router and a compute node.

Used by `./dev up|down|status|demo` and, as a module, by the tests across programs. Only Python's standard library.

    with Stack(bin_dir, run_dir, engine="noop") as stack:
        stack.start()
        subprocess.run([bin_dir / "pcc", "ask", "hello"], env=stack.client_env())

As root each program gets a user id of its own, as in production; otherwise all run as the calling user, which isolates less.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROUTER_PORT, NODE_PORT = 3600, 8081
DEV_SECRET = "123456"
# User ids of the parts, away from those that Debian gives out; they need no entry in /etc/passwd.
UIDS = {"router": 59101, "router_com": 59102, "worker": 59103, "broker": 59104, "children": 59200}
READY_SECONDS = 120.0


class StackError(Exception):
    """Something a user can act on; the message is the whole story."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_port(port: int, what: str, option: str) -> None:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(f"port {port} for the {what} is taken ({error.strerror}); "
                             f"stop what uses it, or choose another with {option}") from error


class Stack:
    """One system. `start` returns when the node is routable, or raises StackError with nothing left running.

    router_url        a router that runs already: none is started, the node registers there
    with_node=False   the router alone
    badge_public_key  requests without a badge signed by it are refused
    worker_settings   more lines for compute_worker.yaml
    engine_settings   more lines for its section `engine`, not indented
    client            more settings for the clients of this stack, such as OPENPCC_WALLET_COMMAND
    """

    def __init__(self, bin_dir, run_dir, *, engine="embedded", model="smollm2:135m", model_path=None, model_sha256=None,
                 engine_url=None, router_port=None, node_port=None, health_interval="250ms", router_url=None, with_node=True,
                 badge_public_key="", client=None, worker_settings="", engine_settings="", log=lambda text: None):
        self.bin = pathlib.Path(bin_dir)
        self.run = pathlib.Path(run_dir)
        self.engine, self.model = engine, model
        self.model_path, self.model_sha256 = model_path, model_sha256
        self.router_port = router_port or free_port()
        self.node_port = node_port or free_port()
        self.health_interval = health_interval
        self.router_url = router_url or f"http://127.0.0.1:{self.router_port}"
        self.with_router, self.with_node = router_url is None, with_node
        self.badge_public_key = badge_public_key
        self.client = client or {}
        self.worker_settings = worker_settings
        self.engine_settings = "".join(f"  {line}\n" for line in engine_settings.splitlines())
        self.log = log
        self.engine_url = engine_url  # engine http: an OpenAI-compatible server on loopback
        self.children: dict[str, subprocess.Popen] = {}
        self.log_writers: list[subprocess.Popen] = []
        self.sockets: pathlib.Path | None = None
        self.root = os.geteuid() == 0

    # -- what the parts are told ------------------------------------------------------------------------------------

    def client_settings(self) -> dict[str, str]:
        return {"OPENPCC_ROUTER": self.router_url, "OPENPCC_MODEL": self.model, "OPENPCC_DEV_ATTESTATION": "1",
                "OPENPCC_DEV_SECRET": DEV_SECRET, **self.client}

    def client_env(self, **more) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENPCC_")}
        # An empty home keeps the settings of whoever runs this out of the way.
        return {**env, "XDG_CONFIG_HOME": str(self.run / "no-config"), **self.client_settings(), **more}

    # -- starting ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        for name in ("openpcc-router", "compute_boot", "router_com", "compute_worker", "tpm_broker", "pcc"):
            if not (self.bin / name).exists():
                raise StackError(f"{self.bin / name} is missing: run ./dev build")
        if shutil.which("swtpm") is None:
            raise StackError("swtpm is not installed: run ./dev setup")
        if self.with_node and self.engine == "embedded" and not (self.model_path and pathlib.Path(self.model_path).is_file()):
            raise StackError(f"no model at {self.model_path}: give a GGUF file with --model, or run ./dev setup")
        if self.with_router:
            check_port(self.router_port, "router", "--router-port")
        if self.with_node:
            check_port(self.node_port, "compute node", "--node-port")
        (self.run / "logs").mkdir(parents=True, exist_ok=True)
        # Sockets stand apart: their folder must be reachable by every part's user id, and a socket's path must be short.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="openpcc-", dir="/run" if self.root else None))
        self.sockets.chmod(0o711)
        try:
            deadline = time.monotonic() + READY_SECONDS
            self._write_configs()
            if self.with_router:
                self._start_router(deadline)
            if self.with_node:
                self._start_node(deadline)
        except BaseException:
            self.stop()
            raise

    def _start_router(self, deadline: float) -> None:
        self.log(f"starting the router on {self.router_url}")
        self._spawn("openpcc-router", [self.bin / "openpcc-router", "--config", self.run / "router.yaml"])
        self._wait("the router", lambda: self._port_open(self.router_port), deadline)

    def _start_node(self, deadline: float) -> None:
        self.log("starting a software TPM")
        (self.run / "tpm").mkdir(exist_ok=True)
        tpm_socket = self.sockets / "tpm.sock"
        owner = f",uid={UIDS['broker']},gid={UIDS['broker']}" if self.root else ""
        self._spawn("swtpm", ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.run / 'tpm'}",
                              "--server", f"type=unixio,path={tpm_socket},mode=0600{owner}",
                              "--flags", "not-need-init,startup-clear"])
        self._wait("the software TPM", tpm_socket.exists, deadline)
        self.log("starting the compute node: worker, router_com, boot, TPM broker")
        self._spawn("compute_worker", [self.bin / "compute_worker", "--config", self.run / "compute_worker.yaml"])
        self._spawn("router_com", [self.bin / "router_com", "--config", self.run / "router_com.yaml"])
        self._wait("router_com's evidence socket", (self.sockets / "evidence.sock").exists, deadline)
        boot = self._spawn("compute_boot", [self.bin / "compute_boot", "--config", self.run / "compute_boot.yaml"])
        self._wait("compute_boot", lambda: boot.poll() is not None, deadline)
        del self.children["compute_boot"]
        if boot.returncode != 0:
            raise StackError(f"compute_boot failed (exit {boot.returncode}){self._last_words('compute_boot')}")
        self.start_broker()
        self.log("waiting until the node is routable")
        self._wait("the node", self._routable, deadline)

    def start_broker(self) -> None:
        self._spawn("tpm_broker", [self.bin / "tpm_broker", "--config", self.run / "tpm_broker.yaml"])

    def _user(self, part: str) -> str:
        return f"{UIDS[part]}:{UIDS[part]}" if self.root else ""

    def _write_configs(self) -> None:
        """One file a program, complete and readable: what `./dev up` runs with."""
        model = f'    - name: "{self.model}"\n'
        if self.with_node and self.engine == "embedded":
            model += f'      path: "{pathlib.Path(self.model_path).resolve()}"\n'
        url = f"  url: {self.engine_url}\n" if self.engine_url else ""
        self._write("router.yaml", f"""\
run_as: "{self._user('router')}"
http: {{address: 127.0.0.1, port: {self.router_port}}}
healthchecker: {{interval: {self.health_interval}}}
""")
        self._write("compute_worker.yaml", f"""\
run_as: "{self._user('worker')}"
socket: {self.sockets}/worker.sock
router_com_user: "{self._user('router_com')}"
broker_socket: {self.sockets}/broker.sock
engine:
  type: {self.engine}
{self.engine_settings}{url}  models:
{model}badge_public_key: "{self.badge_public_key}"
sandbox: {{first_uid: {UIDS['children']}, without: [{'' if self.root else 'user, network'}]}}
{self.worker_settings}""")
        self._write("router_com.yaml", f"""\
run_as: "{self._user('router_com')}"
http: {{address: 127.0.0.1, port: {self.node_port}, shutdown_timeout: 5s}}
evidence: {{socket: {self.sockets}/evidence.sock, timeout: 60s, user: "{self._user('router_com')}"}}
models: ["{self.model}"]
router_com: {{worker: {{socket: {self.sockets}/worker.sock}}, check_compute_boot_exit: false}}
router_agent:
  tags: [llm, engine={self.engine}]
  node_target_url: http://127.0.0.1:{self.node_port}/
  node_healthcheck_url: http://127.0.0.1:{self.node_port}/_health
  router_base_url: {self.router_url}
""")
        self._write("tpm_broker.yaml", f"""\
run_as: "{self._user('broker')}"
listen: {self.sockets}/broker.sock
worker_user: "{self._user('worker')}"
tpm: {{tpm_type: Simulator, simulator_socket: {self.sockets}/tpm.sock, child_key_handle: 0x81000002}}
""")
        self._write("compute_boot.yaml", f"""\
inference_engine:
  type: {self.engine}
{url}  models:
{model}  worker_socket: {self.sockets}/worker.sock
tpm:
  primary_key_handle: 0x81000001
  child_key_handle: 0x81000002
  attestation_key_handle: 0x81000003
  rek_creation_ticket_handle: 0x01c0000A
  rek_creation_hash_handle: 0x01c0000B
  tpm_type: Simulator
  simulator_socket: {self.sockets}/tpm.sock
attestation: {{fake_secret: "{DEV_SECRET}"}}
gpu: {{required: false}}
evidence: {{socket: {self.sockets}/evidence.sock}}
""")

    def _write(self, name: str, text: str) -> None:
        (self.run / name).write_text(text)

    def _routable(self) -> bool:
        """The router hands out a manifest that `pcc` verifies."""
        done = subprocess.run([self.bin / "pcc", "nodes", "--json"], env=self.client_env(), capture_output=True, check=False)
        return done.returncode == 0

    def _spawn(self, name: str, argv) -> subprocess.Popen:
        with open(self.log_file(name), "ab") as log, contextlib.ExitStack() as opened:
            target = log
            if name == "compute_worker":  # its children may write to no file, but to a pipe
                writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
                target = opened.enter_context(writer.stdin)
                self.log_writers.append(writer)
            child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=target, stderr=target,
                                     start_new_session=True, cwd=self.run)
        self.children[name] = child
        return child

    def _end_log_writers(self, seconds: float) -> None:
        """They end with those who write to them."""
        for writer in self.log_writers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                writer.wait(seconds)

    def log_file(self, name: str) -> pathlib.Path:
        return self.run / "logs" / f"{name}.log"

    def _last_words(self, name: str) -> str:
        try:
            lines = self.log_file(name).read_text(errors="replace").strip().splitlines()[-5:]
        except OSError:
            lines = []
        return "".join(f"\n    {line}" for line in lines) + f"\n  its log: {self.log_file(name)}"

    @staticmethod
    def _port_open(port: int) -> bool:
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", port)) == 0

    def check(self) -> None:
        """Raises StackError when a part has died."""
        for name, child in self.children.items():
            if child.poll() is not None and name != "compute_boot":
                how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit {child.returncode}"
                if name == "compute_worker":
                    self._end_log_writers(1)
                raise StackError(f"{name} died ({how}){self._last_words(name)}")

    def _wait(self, what: str, ready, deadline: float) -> None:
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{what} was not ready within {READY_SECONDS:.0f} s; logs: {self.run / 'logs'}")
            time.sleep(0.05)
        self.check()

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        # The node first, so that its shutdown event reaches the router; the TPM last.
        order = ["compute_boot", "router_com", "compute_worker", "tpm_broker", "openpcc-router", "swtpm"]
        for name in order:
            self.stop_part(name)
        self._end_log_writers(5)
        for writer in self.log_writers:
            writer.kill()
            writer.wait()
        self.log_writers.clear()
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)
            self.sockets = None

    def stop_part(self, name: str) -> None:
        child = self.children.pop(name, None)
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
