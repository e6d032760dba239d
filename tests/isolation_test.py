#!/usr/bin/env python3
"""The compute node as a set of processes: who runs as whom, what is left behind, what happens when a part is killed."""
from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import proxy as wire
from running import ANSWERED, BIN, FAILED, MODEL, Running
from stack import UIDS, Stack, StackError


POOL = 4  # children that wait, by default


def status_of(pid: int) -> dict[str, str]:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class IsolationTest(Running):
    def pid(self, name: str) -> int:
        return self.stack.children[name].pid

    def test_each_part_has_its_own_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: without it every part runs as the calling user")
        seen = {}
        for name, user in (("openpcc-router", "router"), ("router_com", "router_com"), ("compute_worker", "worker"),
                           ("tpm_broker", "broker")):
            uids = set(status_of(self.pid(name))["Uid"].split())
            self.assertEqual(uids, {str(UIDS[user])}, name)
            # compute_worker: CAP_KILL, CAP_SETGID, CAP_SETUID, for its children's user ids.
            kept = "e0" if name == "compute_worker" else "0"
            for which in ("CapEff", "CapPrm"):
                self.assertEqual(int(status_of(self.pid(name))[which], 16), int(kept, 16), f"{which} of {name}")
            seen[name] = uids
        self.assertEqual(len({frozenset(u) for u in seen.values()}), 4)

    def test_each_child_is_locked_down_before_its_request_comes(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: two layers of the sandbox take it, and so does the look at a locked-down process")
        self.wait_until(lambda: len(self.workers()) == POOL, "the pool is full")
        users = set()
        for pid in self.workers():
            status = status_of(pid)
            users.add(status["Uid"].strip())
            self.assertEqual(len(set(status["Uid"].split() + status["Gid"].split())), 1, "real, effective, saved, of files")
            self.assertEqual(status["Groups"].strip(), "")
            for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(status[which], 16), 0, which)
            self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip(), status["Threads"].strip()), ("1", "2", "1"))
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"))
            descriptors = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertEqual(len(descriptors), 6, descriptors)
            own = [link for fd, link in descriptors.items() if int(fd) > 2]  # the log is a pipe here, too
            self.assertEqual(sum(link.startswith("pipe:") for link in own), 1, descriptors)
            self.assertEqual(sum(link.startswith("socket:") for link in descriptors.values()), 2, descriptors)
            limits = {line[:26].strip(): line[26:].split() for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()}
            for name in ("Max core file size", "Max file size"):
                self.assertEqual(limits[name][:2], ["0", "0"], name)
            for name in ("Max address space", "Max cpu time"):
                self.assertNotEqual(limits[name][0], "unlimited", name)
            self.assertEqual(limits["Max processes"][:2], ["4", "4"], "threads: the one of the engine noop, and three to spare")
            self.assertEqual(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip(), "1000")
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), min(os.getpriority(os.PRIO_PROCESS, self.pid("compute_worker")) + 5, 19))
        self.assertEqual(len(users), POOL, "a user id for each")

    def test_a_log_that_nobody_reads_ends_nobody(self):
        for name in ("router_com", "compute_worker", "tpm_broker"):
            ignored = int(status_of(self.pid(name))["SigIgn"], 16)
            self.assertTrue(ignored >> (signal.SIGPIPE - 1) & 1, name)
        self.wait_until(lambda: len(self.workers()) == POOL, "the pool is full")
        for pid in self.workers():
            ignored = int(status_of(pid)["SigIgn"], 16)
            for which in (signal.SIGPIPE, signal.SIGXFSZ):
                self.assertTrue(ignored >> (which - 1) & 1, which)

    def test_the_broker_has_no_network(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: a network namespace of its own takes it")
        self.assertNotEqual(os.readlink(f"/proc/{self.pid('tpm_broker')}/ns/net"), os.readlink("/proc/self/ns/net"))

    def test_only_the_broker_holds_the_tpm(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: whose sockets those of another namespace are is root's to see")
        # A UNIX connection belongs to the network namespace of the end that made it: look in each part's.
        holders = set()
        for name in ("openpcc-router", "router_com", "compute_worker", "tpm_broker"):
            out = subprocess.run(["nsenter", f"--net=/proc/{self.pid(name)}/ns/net", "ss", "-xpH"], capture_output=True, text=True,
                                 check=False).stdout
            rows = [line.split() for line in out.splitlines()]
            # netid state recv-q send-q local-address local-inode peer-address peer-inode users
            peers = {row[7] for row in rows if len(row) > 7 and row[4] == str(self.stack.sockets / "tpm.sock")}
            holders |= {owner for row in rows if len(row) > 8 and row[5] in peers for owner in re.findall(r'"([^"]+)"', row[8])}
        self.assertEqual(holders, {"tpm_broker"})

    def test_sockets_are_private(self):
        for path in self.stack.sockets.iterdir():
            if path.is_socket():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)

    def test_no_core_dumps_and_no_new_privileges(self):
        for name in ("router_com", "compute_worker", "tpm_broker"):
            limits = pathlib.Path(f"/proc/{self.pid(name)}/limits").read_text()
            core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4:6], ["0", "0"], name)
            self.assertEqual(status_of(self.pid(name))["NoNewPrivs"].strip(), "1", name)

    def test_nothing_of_a_prompt_is_left_in_any_log_or_file(self):
        secret = f"canary-{uuid.uuid4()}"
        self.assert_exit(self.pcc("ask", "--system", f"system {secret}", f"prompt {secret}"), ANSWERED)
        time.sleep(0.3)
        for path in pathlib.Path(self.stack.run).rglob("*"):
            if path.is_file():
                self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_every_request_has_a_worker_of_its_own(self):
        with wire.Proxy(self.stack.router_url) as proxy:
            self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ANSWERED)
            sealed = next(e for e in proxy.seen if e.path == "/")
        head = "POST / HTTP/1.1\r\nHost: router\r\nConnection: close\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in sealed.headers if k.lower() not in ("host", "connection", "content-length"))
        head += f"Content-Length: {len(sealed.body)}\r\n\r\n"
        connections = []
        os.kill(self.pid("tpm_broker"), signal.SIGSTOP)  # so that five of them wait for their ECDH results
        try:
            for _ in range(5):
                connections.append(socket.create_connection(("127.0.0.1", self.stack.router_port)))
                connections[-1].sendall(head.encode() + sealed.body)
            self.wait_until(lambda: len(self.workers()) == POOL + 5, "five workers, and the pool filled up again")
            uids = {status_of(pid)["Uid"].split()[0] for pid in self.workers()}
            self.assertTrue(os.geteuid() != 0 or len(uids) == POOL + 5 and "0" not in uids)
            connections.pop().close()
            self.wait_until(lambda: len(self.workers()) == POOL + 4, "the worker of a client that hung up is gone", 1)
        finally:
            os.kill(self.pid("tpm_broker"), signal.SIGCONT)
        for connection in connections:
            with connection, connection.makefile("rb") as answer:
                self.assertIn(b" 200 ", answer.readline())
                answer.read()
        self.wait_until(lambda: len(self.workers()) == POOL, "every worker gone with its request")

    def test_a_request_that_stands_half_way_holds_no_worker(self):
        with wire.Proxy(self.stack.router_url) as proxy:
            self.assert_exit(self.pcc("ask", "hello", router=proxy.url), ANSWERED)
            sealed = next(e for e in proxy.seen if e.path == "/")
        self.wait_until(lambda: len(self.workers()) == POOL, "the pool is full")
        head = "POST / HTTP/1.1\r\nHost: router\r\nConnection: close\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in sealed.headers if k.lower() not in ("host", "connection", "content-length"))
        head += f"Content-Length: {len(sealed.body)}\r\n\r\n"
        with contextlib.ExitStack() as opened:
            slow = [opened.enter_context(socket.create_connection(("127.0.0.1", self.stack.router_port))) for _ in range(20)]
            for connection in slow:
                connection.sendall(head.encode() + sealed.body[:-1])
            before = self.workers()
            time.sleep(0.3)
            self.assertEqual(self.workers(), before)
            self.assert_exit(self.pcc("ask", "hello"), ANSWERED)
            slow[0].sendall(sealed.body[-1:])
            with slow[0].makefile("rb") as answer:
                self.assertIn(b" 200 ", answer.readline())

    def workers(self) -> set[int]:
        parent = self.pid("compute_worker")
        return set(map(int, pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))

    def wait_until(self, condition, what: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def test_many_clients_at_once(self):
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.pcc("ask", "hello").returncode)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [ANSWERED] * 12)

    def test_boot_refuses_to_run_again_with_another_model(self):
        # The broker holds the TPM while it runs: this boot must fail on what it finds, or on not getting the TPM, never succeed.
        config = (self.stack.run / "compute_boot.yaml").read_text()
        other = self.stack.run / "other_boot.yaml"
        other.write_text(config.replace(MODEL, "test:another"))
        self.stack.stop_part("tpm_broker")
        try:
            done = subprocess.run([BIN / "compute_boot", "--config", other], capture_output=True, text=True, timeout=60, check=False)
        finally:
            self.stack.start_broker()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("PCR 12", done.stderr)
        # The worker finds the new broker by itself.
        self.wait_until(lambda: self.pcc("ask", "hello").returncode == ANSWERED, "the node serves again", 30)


class FreshChildrenTest(Running):
    """Children that are executed anew instead of forked."""

    options = {"worker_settings": "fresh_children: true\npool_size: 3\n"}
    def waiting(self) -> list[int]:
        parent = self.stack.children["compute_worker"].pid
        return [int(pid) for pid in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def locked_down(self) -> list[int]:
        return [pid for pid in self.waiting() if status_of(pid)["Seccomp"].strip() == "2"]

    def test_they_serve_locked_down_and_share_no_address_layout(self):
        deadline = time.monotonic() + 20
        while len(self.locked_down()) < 3:
            self.assertLess(time.monotonic(), deadline, "three children that wait")
            time.sleep(0.05)
        first = self.locked_down()
        if os.geteuid() == 0:
            layouts = {pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()[0].split()[0] for pid in first}
            self.assertEqual(len(layouts), 3)
            for pid in first:
                status = status_of(pid)
                for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(status[which], 16), 0, which)
                self.assertEqual(len(os.listdir(f"/proc/{pid}/fd")), 6)
        for _ in range(5):
            self.assert_exit(self.pcc("ask", "hello"), ANSWERED)
        self.assertFalse(set(first) & set(self.waiting()), "each has served, and is gone")


class FailureTest(unittest.TestCase):
    """Each test has a stack of its own, and breaks it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="openpcc-test-")
        self.addCleanup(self.folder.cleanup)

    def make(self, **options) -> Stack:
        stack = Stack(BIN, self.folder.name, engine="noop", model=MODEL, **options)
        self.addCleanup(stack.stop)
        return stack

    def assert_nothing_left(self, stack: Stack) -> None:
        self.assertEqual(stack.children, {})
        ours = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if self.folder.name.encode() in command:
                ours.append(command)
        self.assertEqual(ours, [])

    def test_user_ids_of_children_that_are_not_theirs_alone_are_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: without it children have no user ids of their own")
        stack = self.make()
        stack.start()
        config = (stack.run / "compute_worker.yaml").read_text().replace("worker.sock", "other.sock")
        for first, whose in ((UIDS["router_com"] - 5, "another part of the node"), (pwd.getpwnam("nobody").pw_uid, "nobody")):
            other = stack.run / "other_worker.yaml"
            other.write_text(config.replace(f"first_uid: {UIDS['children']}", f"first_uid: {first}"))
            done = subprocess.run([BIN / "compute_worker", "--config", other], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("sandbox.first_uid", done.stderr)
            self.assertIn(whose, done.stderr)

    def test_the_router_opens_a_port_of_root_and_then_is_root_no_more(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, which the router gives up here")
        for port in range(1023, 600, -1):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                break
        config = pathlib.Path(self.folder.name) / "router.yaml"
        config.write_text(f"run_as: {UIDS['router']}:{UIDS['router']}\nhttp: {{address: 127.0.0.1, port: {port}}}\n")
        router = subprocess.Popen([BIN / "openpcc-router", "--config", config], stderr=subprocess.PIPE, text=True)
        self.addCleanup(router.wait)
        self.addCleanup(router.kill)
        self.addCleanup(router.stderr.close)
        line = router.stderr.readline()
        self.assertIn(f"listening on 127.0.0.1:{port}", line)
        self.assertEqual(set(status_of(router.pid)["Uid"].split()), {str(UIDS["router"])})
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /_health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 200 ", connection.makefile("rb").readline())

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for option in ("router_port", "node_port"):
                stack = self.make(**{option: port})
                with self.assertRaisesRegex(StackError, f"port {port}.*taken"):
                    stack.start()
                self.assert_nothing_left(stack)

    def test_a_missing_model_is_named(self):
        stack = Stack(BIN, self.folder.name, engine="embedded", model="x", model_path="/nonexistent/x.gguf")
        with self.assertRaisesRegex(StackError, "/nonexistent/x.gguf"):
            stack.start()
        self.assert_nothing_left(stack)

    def test_a_file_that_is_no_model_is_refused_with_the_reason(self):
        bad = pathlib.Path(self.folder.name) / "bad.gguf"
        bad.write_bytes(b"this is no model")
        stack = Stack(BIN, self.folder.name, engine="embedded", model="x", model_path=bad)
        with self.assertRaisesRegex(StackError, "(?s)(compute_worker|compute_boot).*bad.gguf"):
            stack.start()
        self.assert_nothing_left(stack)

    def test_a_dead_part_is_named_and_takes_the_rest_down(self):
        stack = self.make()
        with stack:
            stack.start()
            for name in ("router_com", "compute_worker"):
                self.assertIn(name, stack.children)
            stack.children["tpm_broker"].send_signal(signal.SIGKILL)
            stack.children["tpm_broker"].wait()
            with self.assertRaisesRegex(StackError, "tpm_broker died .signal 9"):
                stack.check()
        self.assert_nothing_left(stack)

    def test_requests_fail_clearly_while_the_broker_is_dead_and_work_after_its_restart(self):
        stack = self.make()
        stack.start()
        stack.stop_part("tpm_broker")
        done = subprocess.run([BIN / "pcc", "ask", "hello"], env=stack.client_env(), capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        stack.start_broker()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done = subprocess.run([BIN / "pcc", "ask", "hello"], env=stack.client_env(), capture_output=True, text=True,
                                  timeout=60, check=False)
            if done.returncode == ANSWERED:
                break
            time.sleep(0.2)
        self.assertEqual(done.returncode, ANSWERED, done.stderr)

    def test_a_stopped_node_leaves_the_router_at_once(self):
        stack = self.make()
        stack.start()
        stack.stop_part("router_com")
        done = subprocess.run([BIN / "pcc", "nodes"], env=stack.client_env(), capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
