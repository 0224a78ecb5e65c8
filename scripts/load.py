"""The load generators of `bench`: memtier_benchmark where it is installed, else redis-benchmark. Commands other than GET
and SET (`bench --types`) are always sent by redis-benchmark, the same for every server.

One run gives a `Sample`: what was done, how long it took the clients, and what CPU time it took the server.
Requests per second are always counted requests over the time that the load was asked to last: memtier_benchmark's own
`Ops/sec` divides by a duration that is off by up to a second now and then, which a short run does not forgive.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass

HOW_TO_GET_MEMTIER = """memtier_benchmark is not installed; redis-benchmark is used instead (no p99.9, and in cluster mode
  it does not use the core ports). To get memtier_benchmark, from its repository redis/memtier_benchmark on GitHub:
    apt-get install build-essential autoconf automake libpcre3-dev libevent-dev pkg-config zlib1g-dev libssl-dev
    git clone <that repository> && cd memtier_benchmark && autoreconf -ivf && ./configure && make
  then put it on PATH, or set MEMTIER=/where/it/is/memtier_benchmark"""


def split_cpus(text_server, text_load):
    """CPUs for the servers and for the load: half each unless told; the same single CPU for both if there is but one."""
    own = sorted(os.sched_getaffinity(0))
    half = max(1, len(own) // 2)
    server = [int(cpu) for cpu in text_server.split(",")] if text_server else own[:half]
    load = [int(cpu) for cpu in text_load.split(",")] if text_load else [c for c in own if c not in server] or own
    return server, load


@dataclass(frozen=True)
class Scenario:
    """What one run asks for."""

    name: str
    write: bool
    pipeline: int
    clients: int
    command: tuple = ()  # what redis-benchmark sends; none: GET or SET of the keys that were filled in
    before: tuple = ()  # what is sent once beforehand


SCENARIOS = [
    Scenario(f"{'SET' if write else 'GET'} P{pipeline}", write, pipeline, clients)
    for pipeline, clients in ((1, 50), (16, 20), (100, 10))
    for write in (False, True)
]

VALUE = "x" * 64
TYPES = [  # name, what is sent once beforehand, the command; the pops come after what fills their keys
    ("LPUSH", (), ("LPUSH", "bench:list", VALUE)),
    ("LPOP", (), ("LPOP", "bench:list")),
    ("LRANGE_100", ("RPUSH", "bench:hundred", *("element:%03d" % n for n in range(100))), ("LRANGE", "bench:hundred", "0", "99")),
    ("HSET", (), ("HSET", "bench:hash", "field:__rand_int__", VALUE)),
    ("HGET", (), ("HGET", "bench:hash", "field:__rand_int__")),
    ("SADD", (), ("SADD", "bench:set", "element:__rand_int__")),
    ("SPOP", (), ("SPOP", "bench:set")),
    ("ZADD", (), ("ZADD", "bench:zset", "__rand_int__", "element:__rand_int__")),
    ("ZRANGE", ("ZADD", "bench:zset", "1", "one", "2", "two", "3", "three"), ("ZRANGE", "bench:zset", "0", "9")),
    ("XADD", (), ("XADD", "bench:stream", "MAXLEN", "~", "100000", "*", "field", VALUE)),
    ("EVAL", ("SET", "bench:key", VALUE), ("EVAL", "return redis.call('get', KEYS[1])", "1", "bench:key")),
]
TYPE_SCENARIOS = [
    Scenario(f"{name} P{pipeline}", True, pipeline, clients, command, before)
    for pipeline, clients in ((1, 50), (16, 20))
    for name, before, command in TYPES
]


@dataclass
class Sample:
    """What one run gave. Latencies in milliseconds; None where the load generator does not tell."""

    requests: int
    seconds: float
    ops: float
    cpu_us: float
    p50: float | None
    p99: float | None
    p999: float | None
    errors: int = 0

    def as_json(self):
        return asdict(self)


class Generator:
    """A load generator pinned to `cpus` (None: not pinned), with `keys` keys and values of `size` bytes."""

    def __init__(self, cpus, keys, size, cluster, seconds):
        self.cpus, self.keys, self.size, self.cluster, self.seconds = cpus, keys, size, cluster, seconds
        self.memtier = os.environ.get("MEMTIER") or shutil.which("memtier_benchmark")
        if not self.memtier and not shutil.which("redis-benchmark"):
            raise SystemExit(f"no load generator: apt-get install redis-tools, or\n{HOW_TO_GET_MEMTIER}")
        self.threads = len(cpus) if cpus else 1
        self.guessed = {}  # (port, scenario) -> requests a second, for redis-benchmark, which knows no time limit

    def describe(self):
        """Name and version, for the record."""
        program = self.memtier or "redis-benchmark"
        out = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
        return f"{os.path.basename(program)}: {out.splitlines()[0] if out else 'version unknown'}"

    def fill(self, node):
        """Writes every key once, so that GET finds it."""
        if self.memtier:
            each = -(-self.keys // (10 * self.threads))
            self._memtier(node.port, 10, 50, "1:0", ["--key-pattern", "P:P", "-n", str(each)])
        else:  # redis-benchmark draws keys at random: enough requests that few are missing
            self._redis_benchmark(node.port, ["-t", "set"], 10, 50, self.keys * 3)

    def run(self, node, scenario):
        """Puts `scenario` on `node` for the time that was chosen."""
        if scenario.before:
            node.call(*scenario.before)
        cpu_before = node.cpu_seconds()
        if self.memtier and not scenario.command:
            requests, seconds, latencies, errors = self._timed_memtier(node, scenario)
        else:
            requests, seconds, latencies, errors = self._timed_redis_benchmark(node, scenario)
        cpu_us = (node.cpu_seconds() - cpu_before) / requests * 1e6
        return Sample(requests, seconds, requests / seconds, cpu_us, *latencies, errors)

    def _timed_memtier(self, node, scenario):
        clients = max(1, scenario.clients // self.threads)
        ratio = "1:0" if scenario.write else "0:1"
        more = ["--test-time", str(self.seconds), "--print-percentiles", "50,99,99.9"]
        totals = self._memtier(node.port, clients, scenario.pipeline, ratio, more)
        percentiles = totals["Percentile Latencies"]
        latencies = [percentiles.get(name) for name in ("p50.00", "p99.00", "p99.90")]
        errors = int(totals.get("Connection Errors") or 0)
        return int(totals["Count"]), float(self.seconds), latencies, errors

    def _memtier(self, port, clients, pipeline, ratio, more):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out.json")
            command = [self.memtier, "-s", "127.0.0.1", "-p", str(port), "-t", str(self.threads), "-c", str(clients)]
            command += ["--pipeline", str(pipeline), "--ratio", ratio, "-d", str(self.size), "--key-maximum", str(self.keys)]
            command += ["--hide-histogram", "--json-out-file", out, *more] + ["--cluster-mode"] * self.cluster
            self._run(command)
            try:
                with open(out) as file:
                    return json.load(file)["ALL STATS"]["Totals"]
            except (OSError, KeyError, ValueError) as error:
                raise RuntimeError(f"memtier_benchmark gave no figures ({error}): {' '.join(command)}") from error

    def _timed_redis_benchmark(self, node, scenario):
        known = self.guessed.get((node.port, scenario), 20_000 * min(scenario.pipeline, 10))
        requests = max(1000, int(known * self.seconds))
        started = time.monotonic()
        what = list(scenario.command) or ["-t", "set" if scenario.write else "get"]
        row = self._redis_benchmark(node.port, what, scenario.clients, scenario.pipeline, requests)
        seconds = time.monotonic() - started
        self.guessed[node.port, scenario] = requests / seconds
        return requests, seconds, [float(row["p50_latency_ms"]), float(row["p99_latency_ms"]), None], 0

    def _redis_benchmark(self, port, what, clients, pipeline, requests):
        command = ["redis-benchmark", "-p", str(port), "-c", str(clients), "-P", str(pipeline), "-n", str(requests)]
        command += ["-d", str(self.size), "-r", str(self.keys), "--csv"] + ["--cluster"] * self.cluster
        command += (["--threads", str(self.threads)] if self.threads > 1 else []) + what
        out = self._run(command)
        table = out[out.index('"test"') :] if '"test"' in out else ""
        rows = list(csv.DictReader(io.StringIO(table)))
        if not rows:
            raise RuntimeError(f"redis-benchmark gave no figures: {' '.join(command)}\n{out[-400:]}")
        return rows[-1]

    def _run(self, command):
        pinned = ["taskset", "-c", ",".join(map(str, self.cpus)), *command] if self.cpus else command
        try:
            done = subprocess.run(pinned, capture_output=True, text=True, timeout=self.seconds + 120)
        except subprocess.TimeoutExpired as expired:
            raise RuntimeError(f"the load did not end: {' '.join(command)}") from expired
        return done.stdout
