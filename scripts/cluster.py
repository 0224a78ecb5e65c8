"""A cluster of real nodes on this machine, for scripts that measure one."""

import binascii
import time
from itertools import cycle

from node import SLOTS, Connection

PATIENCE_SECONDS = 120
VALUE = "x" * 64  # of the keys that `Cluster.load` sets


def slot_of(key):
    """The slot of a key without a hash tag."""
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


def wait_until(what, condition, seconds=PATIENCE_SECONDS):
    """Waits until `condition` holds; nodes that do not answer do not fulfil it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, RuntimeError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"not within {seconds} s: {what}")


def fields(text):
    """The lines of INFO and its kin."""
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


class Cluster:
    """Nodes that make up one cluster: the primaries, then their replicas, which are dealt out."""

    def __init__(self, nodes, primaries=3):
        self.nodes = {node.port: node for node in nodes}
        self.primaries = primaries
        primaries, replicas = nodes[:primaries], nodes[primaries:]
        self.replicated = len(replicas) >= self.primaries
        for number, node in enumerate(primaries):
            first, end = SLOTS * number // self.primaries, SLOTS * (number + 1) // self.primaries
            node.call("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for node in nodes[1:]:
            nodes[0].call("CLUSTER", "MEET", "127.0.0.1", node.port)
        for replica, primary in zip(replicas, cycle(primaries)):
            name = primary.call("CLUSTER", "MYID")
            wait_until("a replica knows its primary", lambda: replica.call("CLUSTER", "REPLICATE", name) == "OK")
        self.wait_until_whole()

    def wait_until_whole(self):
        """Every node sees every other, and every replica has what its primary has."""

        def whole():
            offsets = {}
            for node in self.nodes.values():
                lines = node.call("CLUSTER", "NODES").splitlines()
                if len(lines) != len(self.nodes) or any({"fail", "fail?"} & set(line.split()[2].split(",")) for line in lines):
                    return False
                if "cluster_state:ok" not in node.call("CLUSTER", "INFO"):
                    return False
                info = fields(node.call("INFO", "replication"))
                if info["role"] == "slave":
                    if info["master_link_status"] != "up" or info.get("master_sync_in_progress") != "0":
                        return False
                    offsets.setdefault(int(info["master_port"]), []).append(int(info["slave_repl_offset"]))
                else:
                    offsets.setdefault(node.port, []).append(int(info["master_repl_offset"]))
            replicated = all(len(each) > 1 for each in offsets.values()) or not self.replicated
            return len(offsets) == self.primaries and replicated and all(len(set(each)) == 1 for each in offsets.values())

        wait_until("a whole cluster whose replicas have all data", whole)

    def owners(self):
        """The slots of each primary, by its port."""
        found = {}
        for first, last, primary, *_ in next(iter(self.nodes.values())).call("CLUSTER", "SLOTS"):
            found.setdefault(primary[1], set()).update(range(first, last + 1))
        return found

    def load(self, count):
        """Sets so many keys; returns their names."""
        keys = [f"loaded:{number}" for number in range(count)]
        for port, slots in self.owners().items():
            connection = Connection(port)
            for key in keys:
                if slot_of(key) in slots:
                    connection.call("SET", key, VALUE)
            connection.close()
        return keys
