#!/usr/bin/env python3
"""redis-py and ioredis against a node, plain and cluster-aware: every type, many threads at once, not one error allowed.

  scripts/clients.py [--cores 3]      $CORESLOT names the program to test (default: target/release/coreslot)

ioredis needs node and npm; without them its checks are skipped, and that is said.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from node import Node, binary, end_on_sigterm, free_port, node_command, require, target_dir  # noqa: E402

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


def collections(client):
    """Lists, hashes and sets, with the replies that redis-py makes of them."""
    check(client.rpush("bikes", *range(200)) == 200, "RPUSH counts")
    check(client.lrange("bikes", -2, -1) == [b"198", b"199"], "LRANGE from the end")
    # By RESP3 redis-py gives lists, where it gives tuples by RESP2.
    check(list(client.blpop("bikes", 1)) == [b"bikes", b"0"], "BLPOP of a list that is there")
    check(client.hset("bike:1", mapping={"model": "Deimos", "price": 4972}) == 2, "HSET of a mapping")
    check(client.hincrby("bike:1", "price", 100) == 5072, "HINCRBY")
    check(client.hgetall("bike:1") == {b"model": b"Deimos", b"price": b"5072"}, "HGETALL")
    check(client.sadd("{bikes}fr", 1, 2, 3) == 3 and client.sadd("{bikes}us", 1, 4) == 2, "SADD counts")
    check(client.sinter("{bikes}fr", "{bikes}us") == {b"1"}, "SINTER")
    check(client.sdiffstore("{bikes}only", "{bikes}fr", "{bikes}us") == 2, "SDIFFSTORE")


def sorted_sets_and_geo(client):
    """Sorted sets, and what is made of them."""
    check(client.zadd("racers", {"Norem": 10, "Castilla": 12, "Royce": 10}) == 3, "ZADD")
    check(client.zrange("racers", 0, -1) == [b"Norem", b"Royce", b"Castilla"], "ZRANGE")
    best = client.zrangebyscore("racers", "(10", "+inf", withscores=True)
    check([tuple(pair) for pair in best] == [(b"Castilla", 12.0)], "ZRANGEBYSCORE")
    check(client.zpopmin("racers")[0] in (b"Norem", (b"Norem", 10.0)), "ZPOPMIN")
    check(client.geoadd("stations", (-122.27652, 37.805186, "one", -122.2674626, 37.8062344, "two")) == 2, "GEOADD")
    found = client.geosearch("stations", longitude=-122.2612767, latitude=37.7936847, radius=5, unit="km", withdist=True)
    check(sorted(name for name, _ in found) == [b"one", b"two"], "GEOSEARCH")


def streams(client):
    """A consumer group reads each entry once."""
    ids = [client.xadd("race:france", {"rider": i}) for i in range(20)]
    check(client.xgroup_create("race:france", "italy", id=0), "XGROUP CREATE")
    read = client.xreadgroup("italy", "one", {"race:france": ">"}, count=15)
    read = read[b"race:france"][0] if isinstance(read, dict) else read[0][1]
    check([entry[0] for entry in read] == ids[:15], "XREADGROUP in the order of adding")
    check(client.xack("race:france", "italy", *ids[:10]) == 10, "XACK counts")
    check(client.xpending("race:france", "italy")["pending"] == 5, "XPENDING counts what is not acknowledged")
    check(client.xautoclaim("race:france", "italy", "two", 0)[1][0][0] == ids[10], "XAUTOCLAIM from the first of them")


def bits_and_sketches(client):
    """Bitmaps, bit fields and HyperLogLogs."""
    client.setbit("pings", 123, 1)
    check(client.getbit("pings", 123) == 1 and client.bitcount("pings") == 1, "SETBIT")
    check(client.bitfield("bike:stats").set("u32", 0, 1000).incrby("u32", 0, -50).execute() == [0, 950], "BITFIELD")
    client.pfadd("visits", *range(1000))
    check(abs(client.pfcount("visits") - 1000) < 30, "PFCOUNT is near")


def scripts(client):
    """A registered script finds its keys' core, whichever it is."""
    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    sums = [add(keys=[f"sum:{i % 30}"], args=[1]) for i in range(300)]
    check(sums.count(10) == 30, "every key was counted ten times")


def ioredis(port, cluster):
    """Runs ioredis's checks; yields whether each went well, and its line."""
    modules = target_dir() / "node"
    if not (modules / "node_modules" / "ioredis").exists():
        npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(modules), "ioredis"]
        subprocess.run(npm, check=True, stdout=sys.stderr)
    script = Path(__file__).with_name("ioredis.cjs")
    command = ["node", str(script), str(port), "cluster" if cluster else "plain"]
    environment = {**os.environ, "NODE_PATH": str(modules / "node_modules")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    if done.returncode and not any(line.startswith("FAIL ") for line in lines):
        lines.append(f"FAIL all: {done.stderr.strip()[-300:]}")
    for line in lines:
        verdict, _, rest = line.partition(" ")
        yield verdict == "ok", rest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=3, help="data cores of the node (default 3)")
    args = parser.parse_args()
    end_on_sigterm()
    failed = passed = 0
    for mode in ("plain, RESP2", "plain, RESP3", "cluster"):
        cluster, protocol = mode == "cluster", 3 if mode.endswith("3") else 2
        checks = [strings, pipelines, deadlines, scanning, many_keys_of_one_slot, collections, sorted_sets_and_geo]
        checks += [streams, bits_and_sketches, scripts]
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
                    print(f"ok    {mode:16s} {one.__name__}")
                except (AssertionError, redis.RedisError, OSError) as error:
                    failed += 1
                    print(f"FAIL  {mode:16s} {one.__name__}: {type(error).__name__}: {error}")
            client.close()
            if protocol == 2 and shutil.which("node") and shutil.which("npm"):
                client.flushall()
                for went_well, line in ioredis(port, cluster):
                    passed, failed = passed + went_well, failed + (not went_well)
                    print(f"{'ok  ' if went_well else 'FAIL'}  {'ioredis, ' + mode.partition(',')[0]:16s} {line}")
    if not (shutil.which("node") and shutil.which("npm")):
        print("skipped: ioredis, there is no node and npm here (apt-get install nodejs npm)")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
