"""Clients of a cluster that know what they were told, for `cluster-soak`: whatever befalls the cluster meanwhile, nothing
that was acknowledged may be lost, nothing may be done twice, and no error may come that the protocol does not define.

Three kinds: one of our own, which knows of each command whether it was done, not done, or may have been; redis-py, whose
own retries would count twice, so that it adds members to sets, each once; memtier_benchmark, if it is installed.
"""

import os
import random
import re
import shutil
import subprocess
import threading
import time
from collections import Counter

from cluster import slot_of
from node import Connection, require

COUNTERS = 400
SETS = 200
REDIRECTIONS = 10
REFUSED_SECONDS = 60  # from a kill to the end of what repairs it, and some more
REPLY_SECONDS = 60
STUCK_SECONDS = 10
PAUSE_SECONDS = 0.002  # after each piece of work: the cluster, not its clients, is to be what is busy
# What a client of a cluster has to know: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
DEFINED = ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING")
# What memtier_benchmark says of a reply that is none.
NO_REPLY = ("response parsing failed", "cluster slot failed", "authentication failed", "HELLO failed", "caught")


class Client(threading.Thread):
    """A client at work until it is stopped. `done` counts what was acknowledged, `strange` what must not happen; `wrong`
    tells, when all is quiet, what is wrong with the data, `report` what else is worth knowing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.done, self.strange, self.stopping = 0, Counter(), False

    def run(self):
        try:
            while not self.stopping:
                self.work()
                time.sleep(PAUSE_SECONDS)
        except Exception as error:  # whatever it is: a thread that ended in silence would seem to be content
            self.strange[f"it ended with {error!r}"] += 1

    def stop(self):
        self.stopping = True
        self.join(90)
        if self.is_alive():
            self.strange["it is stuck"] += 1


class Counting(Client):
    """Counts up counters of its own, each INCR sent once, following redirections."""

    kind = "counting"

    def __init__(self, number, ports):
        super().__init__()
        self.random, self.number, self.ports = random.Random(number), number, ports
        self.connections, self.owners = {}, {}
        # By key: INCRs that were done, and that may have been: their connection ended before the reply.
        self.known, self.unsure = Counter(), Counter()
        self.refused = {}  # since when, and why

    def work(self):
        key = f"counter:{self.number}:{self.random.randrange(COUNTERS)}"
        try:
            if not (refusal := self.count(key)):
                self.known[key] += 1
                self.done += 1
                self.refused.pop(key, None)
                return
            self.note_refusal(key, refusal)
        except OSError as error:
            self.unsure[key] += 1
            if isinstance(error, TimeoutError):
                self.strange[f"no reply in {REPLY_SECONDS} s"] += 1
        # Somebody else may own the slot by now, but it takes him a while.
        self.owners.pop(slot_of(key), None)
        time.sleep(0.05)

    def note_refusal(self, key, refusal):
        """A key may be out of reach for a while, not for ever: no error is strange, but they don't end."""
        since, _ = self.refused.setdefault(key, (time.monotonic(), refusal))
        if time.monotonic() > since + REFUSED_SECONDS:
            self.strange[f"no INCR in {REFUSED_SECONDS} s, but: {refusal}"] += 1
            del self.refused[key]

    def count(self, key):
        """Why it was not done, or None: it was; OSError: it may have been."""
        port, asking = self.owners.get(slot_of(key)) or self.random.choice(self.ports), False
        for _ in range(REDIRECTIONS):
            connection = self.connection(port)
            if not connection:
                return "nobody listens"
            try:
                if asking:
                    connection.call("ASKING")
                connection.call("INCR", key)
                if not asking:
                    self.owners[slot_of(key)] = port
                return None
            except RuntimeError as error:
                word, *rest = str(error).split()
                asking = word == "ASK"
                if word not in ("MOVED", "ASK"):
                    if word not in DEFINED:
                        self.strange[str(error)] += 1
                    return word
                port = int(rest[1].rpartition(":")[2])
            except OSError:
                self.connections.pop(port).close()
                raise
        return "redirected without end"

    def connection(self, port):
        if port not in self.connections:
            try:
                self.connections[port] = Connection(port, timeout=REPLY_SECONDS)
            except OSError:
                return None
        return self.connections[port]

    def wrong(self, ask):
        """The counters whose value can't be; `ask` gets it."""
        for key in {**self.known, **self.unsure}:
            value, least, most = int(ask("GET", key) or 0), self.known[key], self.known[key] + self.unsure[key]
            if not least <= value <= most:
                yield f"{key} is {value}: {least} INCRs were done, {self.unsure[key]} may have been"

    def report(self):
        return f"{self.unsure.total()} may have been done"


class Library(Client):
    """redis-py as it comes, with its own redirections and retries: it adds members to sets, each member once."""

    kind = "redis-py"

    def __init__(self, port):
        super().__init__()
        self.redis = require("redis")
        self.client = self.redis.RedisCluster(host="127.0.0.1", port=port)
        self.added, self.errors, self.turn = {}, Counter(), 0
        self.values = {}  # by key: what it was set to last, acknowledged or not, and before

    def work(self):
        self.turn += 1
        try:
            self.write_and_read()
            self.add_members()
        except (self.redis.RedisError, OSError) as error:
            self.errors[type(error).__name__] += 1
            if not self.is_defined(error):
                self.strange[f"{type(error).__name__}: {str(error)[:150]}"] += 1
            time.sleep(0.1)

    def is_defined(self, error):
        """Whether this is of the network, of the protocol, or that redis-py gave up following it."""
        errors = self.redis.exceptions
        kinds = (OSError, errors.ConnectionError, errors.TimeoutError, errors.ClusterError, errors.RedisClusterException)
        return isinstance(error, kinds) or str(error).removeprefix("-").startswith(DEFINED)

    def write_and_read(self):
        key, value = f"py:{self.turn % 3000}", f"value {self.turn}".encode()
        self.values.setdefault(key, [None]).append(value.decode())
        self.client.set(key, value)
        self.values[key] = [value.decode()]
        found = self.client.get(key)
        if found != value:
            self.strange[f"{key} holds {found} in place of {value}, which was acknowledged"] += 1
        self.done += 2

    def add_members(self):
        pipe, turns = self.client.pipeline(), range(self.turn * 20, self.turn * 20 + 20)
        for member in turns:
            pipe.sadd(f"set:{member % SETS}", member)
        pipe.execute()
        for member in turns:
            self.added.setdefault(f"set:{member % SETS}", set()).add(str(member))
        self.done += len(turns)

    def wrong(self, ask):
        """The strings that are none of what they may be; the sets that lack members, or have some that nobody added."""
        for key, values in self.values.items():
            if (value := ask("GET", key)) not in values:
                yield f"{key} is {value}, and not one of {values}"
        for key, added in self.added.items():
            found = set(ask("SMEMBERS", key) or ())
            if missing := added - found:
                yield f"{key} lacks {len(missing)} of {len(added)} members: {sorted(missing)[:3]}"
            if strange := [member for member in found if int(member) % SETS != int(key.partition(":")[2]) or int(member) >= self.turn * 20 + 20]:
                yield f"{key} has members that were never added: {strange[:3]}"

    def report(self):
        return f"errors that it gave up for: {dict(self.errors)}"


class Memtier(Client):
    """memtier_benchmark in cluster mode, which prints each error it is told. It does not always survive the end of a
    connection: where it ends or gets stuck, it is started again, which is counted. (That a node answers is for the others
    to see.)"""

    kind = "memtier_benchmark"

    @staticmethod
    def program():
        return os.environ.get("MEMTIER") or shutil.which("memtier_benchmark")

    def __init__(self, port, folder):
        super().__init__()
        self.port, self.path = port, folder / "memtier"
        self.endings, self.told = Counter(), Counter()

    def work(self):
        command = [self.program(), "-s", "127.0.0.1", "-p", str(self.port), "-t", "1", "-c", "4", "--cluster-mode", "--pipeline", "4", "--test-time", "3000"]
        command += ["--key-maximum", "20000", "--ratio", "1:1", "--rate-limiting", "50", "--hide-histogram"]
        with open(self.path, "wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        self.follow(process)
        if not self.stopping:
            how = "got stuck" if process.poll() is None else f"ended with {process.returncode}"
            last = next((line for line in reversed(self.lines()) if line and "[RUN" not in line), "nothing")
            self.endings[f"{how} after {re.sub(r'[0-9]+', 'N', last)[:100]!r}"] += 1
        process.kill()
        process.wait()
        self.judge()

    def follow(self, process):
        """Counts what it does, until it ends, gets stuck, or is to stop."""
        last, since = 0, time.monotonic()
        while process.poll() is None and not self.stopping and time.monotonic() < since + STUCK_SECONDS:
            time.sleep(0.2)
            now = self.ops()
            if now != last:
                # It counts from 0 again when all its connections had ended.
                self.done += now - last if now > last else now
                last, since = now, time.monotonic()

    def judge(self):
        """Looks at what it was told: errors of nodes, and what it says itself of connections and of replies."""
        for line in self.lines():
            told = line.partition("handle error response: ")[2].removeprefix("-")
            if told and not told.startswith(DEFINED):
                self.strange[told] += 1
            elif told:
                self.told[told.split()[0]] += 1
            elif any(word in line for word in NO_REPLY):
                self.strange[line] += 1
            elif found := re.search("onnection dropped|onnection error|connect failed|Connection timeout", line):
                self.told[found[0]] += 1

    def lines(self):
        return self.path.read_text(errors="replace").replace("\r", "\n").splitlines()

    def ops(self):
        """What it has done: it tells so every second."""
        told = [re.search(r"(\d+) ops,", line) for line in self.lines()[-3:]]
        return max((int(found[1]) for found in told if found), default=0)

    def wrong(self, _):
        """It does not look into what it reads."""
        return ()

    def report(self):
        endings = ", ".join(f"{count} times it {how}" for how, count in self.endings.items())
        return f"{self.endings.total()} times started again: {endings or 'never'}; errors that it told of: {dict(self.told)}"

    def __str__(self):
        return f"memtier_benchmark, which said {self.lines()[-6:]},"
