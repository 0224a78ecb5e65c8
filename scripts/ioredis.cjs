// ioredis against a node: its documentation's examples of each type and feature, not one error allowed.
//
//   NODE_PATH=.../node_modules node scripts/ioredis.cjs PORT plain|cluster      (scripts/clients.py runs it)
//
// Prints a line "ok NAME" or "FAIL NAME: why" for each check.
"use strict";
const assert = require("node:assert/strict");
const Redis = require("ioredis");

const [port, mode] = [Number(process.argv[2]), process.argv[3]];
const open = () =>
  mode === "cluster" ? new Redis.Cluster([{ host: "127.0.0.1", port }]) : new Redis({ port, host: "127.0.0.1" });
const range = (count) => Array.from({ length: count }, (_, i) => i);

const checks = {
  async strings(redis) {
    assert.equal(await redis.set("mykey", "value"), "OK");
    assert.equal(await redis.get("mykey"), "value");
    assert.equal(await redis.set("mykey", "other", "EX", 100, "NX"), null);
    assert.equal(await redis.incrby("counter", 41), 41);
    assert.equal(await redis.incrbyfloat("counter", 1.5), "42.5");
    const bytes = Buffer.from([0, 255, 13, 10, 0]);
    await redis.set("bytes", bytes);
    assert.deepEqual(await redis.getBuffer("bytes"), bytes);
    assert.deepEqual(await redis.mget("{m}1", "{m}2"), [null, null]);
    await redis.mset(new Map([["{m}1", "1"], ["{m}2", "2"]]));
    assert.deepEqual(await redis.mget("{m}1", "{m}2"), ["1", "2"]);
  },
  async hashes(redis) {
    assert.equal(await redis.hset("hash", { a: 1, b: "two" }), 2);
    assert.equal(await redis.hset("hash", "c", 3), 1);
    assert.deepEqual(await redis.hgetall("hash"), { a: "1", b: "two", c: "3" });
    assert.equal(await redis.hincrby("hash", "a", 9), 10);
    assert.deepEqual(await redis.hmget("hash", "a", "none"), ["10", null]);
    assert.equal(await redis.hdel("hash", "a", "b", "c"), 3);
    assert.equal(await redis.exists("hash"), 0);
  },
  async lists(redis) {
    const waiting = open();
    const popped = waiting.blpop("queue", 0);
    await redis.rpush("queue", "job");
    assert.deepEqual(await popped, ["queue", "job"]);
    waiting.disconnect();
    await redis.rpush("list", ...range(200));
    assert.deepEqual(await redis.lrange("list", 198, -1), ["198", "199"]);
    assert.equal(await redis.lmove("list", "list", "LEFT", "RIGHT"), "0");
    assert.deepEqual(await redis.lpos("list", "0", "COUNT", 0), [199]);
  },
  async sets(redis) {
    assert.equal(await redis.sadd("{s}a", 1, 3, 5, 7), 4);
    assert.equal(await redis.sadd("{s}b", [5, 7, 9]), 3);
    assert.deepEqual((await redis.sinter("{s}a", "{s}b")).sort(), ["5", "7"]);
    assert.equal(await redis.sunionstore("{s}c", "{s}a", "{s}b"), 5);
    assert.equal((await redis.spop("{s}c", 5)).length, 5);
  },
  async sortedSets(redis) {
    await redis.zadd("board", 1, "one", "2.5", "two", 4, "four");
    assert.deepEqual(await redis.zrange("board", 2, 3, "WITHSCORES"), ["four", "4"]);
    assert.deepEqual(await redis.zrangebyscore("board", "(1", "+inf"), ["two", "four"]);
    assert.equal(await redis.zincrby("board", 10, "one"), "11");
    assert.deepEqual(await redis.zpopmax("board"), ["one", "11"]);
    assert.equal(await redis.zrank("board", "four"), 1);
  },
  async streams(redis) {
    const reader = open();
    await redis.xgroup("CREATE", "stream", "group", "$", "MKSTREAM");
    const read = reader.xreadgroup("GROUP", "group", "me", "BLOCK", 0, "STREAMS", "stream", ">");
    const id = await redis.xadd("stream", "*", "name", "John", "age", "20");
    assert.deepEqual(await read, [["stream", [[id, ["name", "John", "age", "20"]]]]]);
    assert.deepEqual(await redis.xpending("stream", "group"), [1, id, id, [["me", "1"]]]);
    assert.equal(await redis.xack("stream", "group", id), 1);
    reader.disconnect();
  },
  async bitmapsGeoAndHyperloglogs(redis) {
    await redis.setbit("bits", 100, 1);
    assert.equal(await redis.bitcount("bits"), 1);
    assert.deepEqual(await redis.bitfield("field", "INCRBY", "u8", 0, 300, "OVERFLOW", "SAT", "INCRBY", "u8", 0, 300), [44, 255]);
    await redis.geoadd("Sicily", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania");
    assert.equal(await redis.geodist("Sicily", "Palermo", "Catania", "km"), "166.2742");
    assert.deepEqual(await redis.geosearch("Sicily", "FROMLONLAT", 15, 37, "BYRADIUS", 100, "km"), ["Catania"]);
    await redis.pfadd("visitors", ...range(1000));
    assert.ok(Math.abs((await redis.pfcount("visitors")) - 1000) < 30);
  },
  async pipelinesAndTransactions(redis) {
    const pipeline = redis.pipeline();
    range(100).forEach((i) => pipeline.set(`{pipe}${i}`, i).get(`{pipe}${i}`));
    const replies = await pipeline.exec();
    range(100).forEach((i) => assert.deepEqual(replies.slice(2 * i, 2 * i + 2), [[null, "OK"], [null, String(i)]]));
    const done = await redis.multi().set("{tx}a", "1").incr("{tx}a").get("{tx}a").exec();
    assert.deepEqual(done, [[null, "OK"], [null, 2], [null, "2"]]);
  },
  async autoPipelining() {
    const options = { enableAutoPipelining: true };
    const redis =
      mode === "cluster" ? new Redis.Cluster([{ host: "127.0.0.1", port }], options) : new Redis({ port, ...options });
    await Promise.all(range(2000).map((i) => redis.set(`auto:${i}`, i)));
    const values = await Promise.all(range(2000).map((i) => redis.get(`auto:${i}`)));
    assert.deepEqual(values, range(2000).map(String));
    redis.disconnect();
  },
  async scripts(redis) {
    redis.defineCommand("myecho", { numberOfKeys: 2, lua: "return {KEYS[1],KEYS[2],ARGV[1],ARGV[2]}" });
    assert.deepEqual(await redis.myecho("{k}1", "{k}2", "a1", "a2"), ["{k}1", "{k}2", "a1", "a2"]);
    redis.defineCommand("add", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    const sums = await Promise.all(range(300).map((i) => redis.add(`sum:${i % 30}`, 1)));
    assert.equal(sums.filter((sum) => sum === 10).length, 30);
  },
  async publishing(redis) {
    const subscriber = open();
    const heard = new Promise((hear) => subscriber.on("message", (...message) => hear(message)));
    const matched = new Promise((hear) => subscriber.on("pmessage", (...message) => hear(message)));
    assert.equal(await subscriber.subscribe("news"), 1);
    assert.equal(await subscriber.psubscribe("n?ws"), 2);
    assert.equal(await redis.publish("news", "hello"), 2);
    assert.deepEqual(await heard, ["news", "hello"]);
    assert.deepEqual(await matched, ["n?ws", "news", "hello"]);
    subscriber.disconnect();
  },
  async scanning(redis) {
    await Promise.all(range(500).map((i) => redis.set(`scan:${i}`, i)));
    const found = new Set();
    for (const node of mode === "cluster" ? redis.nodes("master") : [redis]) {
      for await (const keys of node.scanStream({ match: "scan:*", count: 50 })) keys.forEach((key) => found.add(key));
    }
    assert.equal(found.size, 500);
  },
};

async function main() {
  const redis = open();
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(redis);
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${String(error.message).split("\n").join(" ")}`);
    }
  }
  redis.disconnect();
  process.exit(failed ? 1 : 0);
}

main();
