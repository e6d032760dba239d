"""What the tests across programs share: one running stack for all tests of a class, and `pcc` against it.

Run by ctest with OPENPCC_BIN set; by hand: OPENPCC_BIN=build/bin tests/stack_test.py [StackTest.test_name]
"""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dev.d"))
from stack import Stack  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", "build/bin")).resolve()
MODEL = "test:noop"
ANSWERED, FAILED, USAGE, UNVERIFIED, ALTERED = 0, 1, 2, 3, 4


class Running(unittest.TestCase):
    """One stack for all tests of a class."""

    engine = "noop"
    options: dict = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="openpcc-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        pathlib.Path(cls.folder.name).chmod(0o755)  # as /etc/openpcc is
        cls.stack = Stack(BIN, cls.folder.name, engine=cls.engine, model=MODEL, **cls.options)
        cls.addClassCleanup(cls.stack.stop)
        cls.stack.start()

    def tearDown(self):
        self.stack.check()  # whatever a test did, every part is still alive

    def pcc(self, *argv, router=None, stdin=None, **env) -> subprocess.CompletedProcess:
        settings = self.stack.client_env(**env)
        if router:
            settings["OPENPCC_ROUTER"] = router
        return subprocess.run([BIN / "pcc", *argv], env=settings, input=stdin, capture_output=True, text=True, timeout=120,
                              check=False)

    def assert_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"stdout: {done.stdout[-2000:]}\nstderr: {done.stderr[-4000:]}")

    def assert_serves(self):
        self.assert_exit(self.pcc("ask", "still there?"), ANSWERED)

    def post(self, path, body, headers, url=None):
        request = urllib.request.Request((url or self.stack.router_url) + path, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)
