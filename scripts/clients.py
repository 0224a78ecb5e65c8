#!/usr/bin/env python3
"""redis-py against a node, plain and cluster-aware: many threads at once, not one error allowed.

  scripts/clients.py [--cores 3]      $CORESLOT names the program to test (default: target/release/coreslot)
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from node import Node, binary, end_on_sigterm, free_port, node_command, require  # noqa: E402

redis = require("redis")
THREADS = 16
EACH = 300


def check(condition, what):
    """A check that says what did not hold."""
    if not condition:
        raise AssertionError(what)


def on_threads(work):
    """Runs `work(number)` on many threads; the first error of any is raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def strings(client):
    """Each thread writes and reads its own keys, and all count on shared ones."""

    def work(thread):
        for i in range(EACH):
            key, value = f"own:{thread}:{i % 50}", f"value {i}".encode()
            check(client.set(key, value), f"SET {key}")
            check(client.get(key) == value, f"{key} does not hold what this thread has written")
            client.incr(f"shared:{i % 10}")

    on_threads(work)
    total = sum(int(client.get(f"shared:{i}")) for i in range(10))
    check(total == THREADS * EACH, f"{total} of {THREADS * EACH} increments counted")


def pipelines(client):
    """Replies of a pipeline over all slots come in the order of its commands."""

    def work(thread):
        for turn in range(10):
            pipe = client.pipeline(transaction=False)
            for i in range(200):
                pipe.set(f"pipe:{thread}:{i}", turn * 1000 + i)
                pipe.get(f"pipe:{thread}:{i}")
            replies = pipe.execute()
            expected = [part for i in range(200) for part in (True, str(turn * 1000 + i).encode())]
            check(replies == expected, f"pipeline of thread {thread}: replies out of order or wrong")

    on_threads(work)


def deadlines(client):
    """Keys with a deadline are gone after it, and say so before."""
    client.set("lasting", 1, ex=100)
    check(0 < client.ttl("lasting") <= 100, "TTL of a key with 100 s to live")
    client.set("past", 1, pxat=1)
    check(client.exists("past") == 0, "a deadline in the past leaves no key")


def scanning(client):
    """SCAN gives every key that is there all the time."""
    for i in range(500):
        client.set(f"scan:{i}", i)
    found = set(client.scan_iter(match="scan:*", count=50))
    check(len(found) == 500, f"SCAN gave {len(found)} of 500 keys")


def transactions(client):
    """Optimistic increments of one key by WATCH lose none."""

    def work(_):
        for _ in range(20):
            client.transaction(lambda pipe: increment(pipe), "watched")

    def increment(pipe):
        value = int(pipe.get("watched") or 0)
        pipe.multi()
        pipe.set("watched", value + 1)

    on_threads(work)
    check(int(client.get("watched")) == THREADS * 20, "an increment was lost under WATCH")


def publishing(client):
    """A message reaches every subscriber, whichever core it is connected to."""
    subscribers = [client.pubsub(ignore_subscribe_messages=False) for _ in range(8)]
    for subscriber in subscribers:
        subscriber.subscribe("news")
        check(subscriber.get_message(timeout=10)["type"] == "subscribe", "SUBSCRIBE is answered")
    check(client.publish("news", "hello") == 8, "PUBLISH counts every subscriber")
    for subscriber in subscribers:
        message = subscriber.get_message(timeout=10)
        check(message and message["data"] == b"hello", "a subscriber got no message")
        subscriber.close()


def many_keys_of_one_slot(client):
    """MGET and MSET over the keys of one hash tag."""
    values = {f"{{tag}}:{i}": str(i).encode() for i in range(100)}
    check(client.mset(values), "MSET")
    check(client.mget(list(values)) == list(values.values()), "MGET gives the values in order")
    check(client.delete(*values) == 100, "DEL counts the keys")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=3, help="data cores of the node (default 3)")
    args = parser.parse_args()
    end_on_sigterm()
    failed = passed = 0
    for mode in ("plain, RESP2", "plain, RESP3", "cluster"):
        cluster, protocol = mode == "cluster", 3 if mode.endswith("3") else 2
        checks = [strings, pipelines, deadlines, scanning, many_keys_of_one_slot]
        checks += [] if cluster else [transactions, publishing]
        port = free_port(following=args.cores)
        command = node_command(binary(), port, args.cores, cluster, core_ports=port + 1 if cluster else None)
        with Node(command, port, name="node") as node:
            if cluster:
                node.serve_all_slots()
                client = redis.RedisCluster(host="127.0.0.1", port=port)
            else:
                client = redis.Redis(port=port, protocol=protocol)
            for one in checks:
                try:
                    one(client)
                    passed += 1
                    print(f"ok    {mode:14s} {one.__name__}")
                except (AssertionError, redis.RedisError, OSError) as error:
                    failed += 1
                    print(f"FAIL  {mode:14s} {one.__name__}: {type(error).__name__}: {error}")
            client.close()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
