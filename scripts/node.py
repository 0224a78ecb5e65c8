"""Starts one node for a script, waits until it answers, and ends what it started.

Shared by `bench`, `redis-suite` and `clients.py`; standard library only. A node here is any server that
speaks RESP: this project's binary, redis-server or valkey-server. Only its own child is ever killed.
"""

import importlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20
SLOTS = 16384


def target_dir():
    """Where cargo puts its output."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def binary(profile="release"):
    """This project's program: $CORESLOT if set, else the one that cargo built with `profile`."""
    return os.environ.get("CORESLOT") or str(target_dir() / profile / "coreslot")


def free_port(following=0):
    """A port that nobody listens on, nor on the `following` ports after it, nor on the bus port 10000 above it.

    Looked for above 20000 and below the range that the kernel hands to outgoing connections."""
    for port in range(20000 + os.getpid() % 2000, 32000, following + 7):
        wanted = [*range(port, port + following + 1), port + 10000]
        if all(_unused(candidate) for candidate in wanted):
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def _unused(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def end_on_sigterm():
    """Makes SIGTERM end the script by way of its `with` blocks, so that its servers end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def require(module, package=None):
    """Imports `module`; where it is missing, installs its package by pip into target/python first, not into the system."""
    packages = str(target_dir() / "python")
    if packages not in sys.path:
        sys.path.append(packages)
    try:
        return importlib.import_module(module)
    except ImportError:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, package or module]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        importlib.invalidate_caches()
        return importlib.import_module(module)


class Connection:
    """The smallest RESP2 client that scripts need: one command, one reply."""

    def __init__(self, port, timeout=10, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def call(self, *args):
        """Sends one command; a reply of type error is raised as RuntimeError."""
        words = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("connection closed in the middle of a reply")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise RuntimeError(f"unknown reply type {line!r}")

    def close(self):
        """Closes the connection."""
        self.file.close()
        self.socket.close()


class Node:
    """A running server. Use with `with`; `command` is a list or one shell-quoted line."""

    def __init__(self, command, port, cpus=None, name=None):
        self.port, self.name = port, name or "node"
        pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
        self.command = pinned + (shlex.split(command) if isinstance(command, str) else list(command))
        self.folder = Path(tempfile.mkdtemp(prefix=f"coreslot-{self.name}-"))
        self.log = open(self.folder / "log", "wb")
        self.start()

    def start(self):
        """Starts the server and waits until it answers; again in the same folder, after `kill`."""
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with code {self.process.returncode} at its start:\n{self.log_tail()}")
            try:
                self.call("PING")
                return
            except (OSError, ConnectionError, RuntimeError):
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer on port {self.port}:\n{self.log_tail()}")

    def call(self, *args, timeout=10):
        """One command on a connection of its own."""
        connection = Connection(self.port, timeout)
        try:
            return connection.call(*args)
        finally:
            connection.close()

    def serve_all_slots(self):
        """Makes the node a cluster of one, and waits until it says that the cluster is up."""
        self.call("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        end = time.monotonic() + START_SECONDS
        while "cluster_state:ok" not in self.call("CLUSTER", "INFO"):
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} owns all slots, yet its cluster state is not ok")
            time.sleep(0.05)

    def cpu_seconds(self):
        """CPU time of all threads so far, kernel time included."""
        total = 0
        for stat in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"):
            try:
                total += int(stat.read_text().split()[0])
            except OSError:
                pass  # a thread that ended meanwhile
        return total / 1e9

    def alive(self):
        """Whether the process still runs."""
        return self.process.poll() is None

    def log_tail(self, lines=20):
        """The end of what the server printed."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])

    def kill(self):
        """Kills the process as a crash would (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks the process to end, then makes it; removes its folder."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def node_command(program, port, cores=1, cluster=False, core_ports=None, extra=()):
    """The command line of this project's node for scripts: nothing on disk, everything else as asked."""
    command = [*shlex.split(program), "--port", str(port), "--data-cores", str(cores), "--save", "", "--appendonly", "no"]
    command += ["--cluster-enabled", "yes"] if cluster else []
    command += ["--core-port-base", str(core_ports)] if core_ports else []
    return [*command, *extra]


def peer_command(program, port, cluster=False, extra=()):
    """The same for redis-server and valkey-server. `program` may be a whole command line (a chroot, for one)."""
    command = [*shlex.split(program), "--port", str(port), "--save", "", "--appendonly", "no"]
    if cluster:  # a name that was never used: a peer in a chroot does not start in a folder of ours
        command += ["--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{port}-{time.time_ns()}.conf"]
    return [*command, *extra]
