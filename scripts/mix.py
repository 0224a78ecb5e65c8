"""Random commands of all types, for `soak`: few keys, so that they meet, over all slots and so over all cores.

A mix is drawn from its `random.Random` alone, so a seed says what was sent. Every type has keys of its own, and any
command may go to a key of another type now and then.
"""

import zlib

TYPES = ("str", "num", "bit", "hll", "list", "set", "zset", "hash", "stream", "geo")
BIG = 3000  # elements of a large collection, about

ADD_TO_ALL = """local n = 0
for i, key in ipairs(KEYS) do n = n + redis.call('incrby', key, ARGV[1]) end
return n"""
REACH = """redis.call('set', ARGV[1], ARGV[3]) redis.call('rpush', ARGV[2], ARGV[3]) return redis.call('llen', ARGV[2])"""
WIDE = """local n = 0
for i = 1, 20 do n = n + redis.call('exists', 'str:' .. i) end
redis.call('set', KEYS[1], n) return n"""


class Mix:
    """Draws commands. `databases` is how many of them it moves keys between; `tags`: how many hash tags keys have, those
    of a command or a transaction the same one, as a cluster wants it (0: none)."""

    def __init__(self, random, databases=3, keys=30, tags=0):
        self.random, self.databases, self.keys, self.tags, self.tag = random, databases, keys, tags, ""
        self.makers = [getattr(self, name) for name in dir(self) if name.startswith("make_")]

    def command(self):
        """The next one: a list of words."""
        return self.random.choice(self.makers)()

    # What commands are made of.

    def key(self, kind=None):
        if kind is None or self.random.random() < 0.03:
            kind = self.random.choice(TYPES)
        return f"{kind}:{self.random.randrange(self.keys)}{self.tag}"

    def some(self, kind, least=1, most=5):
        return [self.key(kind) for _ in range(self.random.randint(least, most))]

    def member(self):
        return self.random.choice((f"m{self.random.randrange(40)}", str(self.random.randrange(-50, 500)), f"member-{self.random.randrange(100000)}"))

    def members(self):
        most = self.random.choice((1, 3, 10, 200))
        if self.random.random() < 0.01:
            most = BIG
        return [self.member() for _ in range(self.random.randint(1, most))]

    def value(self):
        size = self.random.choice((0, 1, 10, 100, 100, 1000, 5000))
        if self.random.random() < 0.004:
            size = self.random.choice((100_000, 1_000_000))
        letter = self.random.choice("abcxyz0123456789")
        return letter * size if self.random.random() < 0.5 else (letter + self.member()) * (size // 6)

    def score(self):
        return self.random.choice((self.random.randrange(-20, 20), self.random.random() * 100, "inf", "1e300"))

    def place(self):
        return self.random.randrange(-30, 300)

    def one(self, *choices):
        return [str(word) for word in self.random.choice(choices)]

    # One method a family.

    def make_string(self):
        key, r = self.key("str"), self.random
        return self.one(
            ("SET", key, self.value()), ("SET", key, self.value(), "PX", r.randint(1, 3000)), ("SET", key, self.value(), "KEEPTTL", "GET"),
            ("GET", key), ("APPEND", key, self.value()), ("SETRANGE", key, r.randrange(20000), self.value()), ("GETEX", key, "PX", r.randint(1, 2000)),
            ("GETDEL", key), ("GETSET", key, self.value()), ("SETNX", key, "x"), ("STRLEN", key), ("LCS", key, self.key("num")), ("GETRANGE", key, 0, 50),
        )

    def make_many_strings(self):
        keys = self.some("str", 1, 8)
        pairs = [word for key in keys for word in (key, "v" + self.member())]
        return self.one(("MSET", *pairs), ("MSETNX", *pairs), ("MGET", *keys), ("EXISTS", *keys), ("TOUCH", *keys))

    def make_number(self):
        key = self.key("num")
        return self.one(("INCR", key), ("INCRBY", key, self.place()), ("DECR", key), ("INCRBYFLOAT", self.key("num"), "0.5"), ("SET", key, self.place()))

    def make_bits(self):
        key, r = self.key("bit"), self.random
        return self.one(
            ("SETBIT", key, r.randrange(40000), r.randrange(2)), ("BITCOUNT", key), ("BITPOS", key, 1), ("BITFIELD", key, "INCRBY", "u7", r.randrange(500), 3, "SET", "i9", 40, -3),
            ("BITOP", r.choice(("AND", "OR", "XOR")), key, *self.some("bit")), ("BITOP", "NOT", key, self.key("bit")),
        )

    def make_sketch(self):
        return self.one(("PFADD", self.key("hll"), *self.members()), ("PFCOUNT", self.key("hll")), ("PFMERGE", self.key("hll"), *self.some("hll")))

    def make_list(self):
        key, r = self.key("list"), self.random
        ends = [r.choice(("LEFT", "RIGHT")) for _ in range(2)]
        return self.one(
            ("RPUSH", key, *self.members()), ("LPUSH", key, *self.members()), ("RPUSH", key, self.value()), ("LPOP", key, r.randrange(20)), ("RPOP", key),
            ("LRANGE", key, self.place(), self.place()), ("LTRIM", key, 0, r.randrange(500)), ("LSET", key, self.place(), self.value()), ("LREM", key, r.randrange(-2, 3), self.member()),
            ("LINSERT", key, "BEFORE", self.member(), self.member()), ("LMOVE", key, self.key("list"), *ends), ("LPOS", key, self.member()), ("RPOPLPUSH", key, self.key("list")),
            ("LMPOP", 2, key, self.key("list"), ends[0], "COUNT", 3),
        )

    def make_blocking(self):
        r = self.random
        wait = round(r.uniform(0.005, 0.05), 3)
        keys = self.some("list", 1, 4)
        return self.one(
            ("BLPOP", *keys, wait), ("BRPOP", *keys, wait), ("BLMOVE", keys[0], self.key("list"), "LEFT", "RIGHT", wait), ("BLMPOP", wait, len(keys), *keys, "LEFT", "COUNT", 4),
            ("BZPOPMIN", *self.some("zset"), wait), ("BZPOPMAX", self.key("zset"), wait), ("BZMPOP", wait, 2, self.key("zset"), self.key("zset"), "MAX"),
            ("XREAD", "COUNT", 3, "BLOCK", r.randint(1, 40), "STREAMS", self.key("stream"), self.key("stream"), "$", "$"), ("WAIT", r.randrange(3), r.randint(1, 40)),
            ("XREADGROUP", "GROUP", "g", "c1", "BLOCK", r.randint(1, 40), "STREAMS", self.key("stream"), ">"), ("BRPOPLPUSH", keys[0], self.key("list"), wait),
        )

    def make_set(self):
        key, r = self.key("set"), self.random
        return self.one(
            ("SADD", key, *self.members()), ("SADD", key, *self.members()), ("SREM", key, *self.members()), ("SPOP", key, r.randrange(30)), ("SPOP", key), ("SMOVE", key, self.key("set"), self.member()),
            (r.choice(("SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE")), key, *self.some("set")), (r.choice(("SUNION", "SINTER", "SDIFF")), *self.some("set")),
            ("SMEMBERS", key), ("SRANDMEMBER", key, -5), ("SINTERCARD", 2, key, self.key("set")), ("SMISMEMBER", key, *self.members()), ("SSCAN", key, 0),
        )

    def make_zset(self):
        key, r = self.key("zset"), self.random
        pairs = [word for member in self.members() for word in (self.score(), member)]
        low, high = sorted((r.randrange(-20, 40), r.randrange(-20, 40)))
        others = self.some("zset", 1, 4)
        return self.one(
            ("ZADD", key, *pairs), ("ZADD", key, *pairs), ("ZADD", key, r.choice(("NX", "XX", "GT", "LT")), *pairs), ("ZINCRBY", key, 3, self.member()), ("ZREM", key, *self.members()), ("ZPOPMIN", key, r.randrange(8)), ("ZPOPMAX", key),
            ("ZRANGEBYSCORE", key, low, high), ("ZRANGESTORE", key, self.key("zset"), 0, r.randrange(100)), ("ZREMRANGEBYSCORE", key, low, high), ("ZREMRANGEBYRANK", key, 0, 3),
            (r.choice(("ZUNIONSTORE", "ZINTERSTORE")), key, len(others), *others, "AGGREGATE", r.choice(("MIN", "MAX"))), ("ZDIFFSTORE", key, len(others), *others), ("ZDIFF", len(others), *others),
            ("ZMPOP", len(others), *others, "MIN", "COUNT", 3), ("ZRANK", key, self.member()), ("ZCARD", key), ("ZRANDMEMBER", key, 4), ("ZSCAN", key, 0), ("ZLEXCOUNT", key, "-", "+"),
        )

    def make_hash(self):
        key, r = self.key("hash"), self.random
        pairs = [word for member in self.members() for word in (member, self.member())]
        return self.one(
            ("HSET", key, *pairs), ("HSET", key, *pairs), ("HSET", key, self.member(), self.value()), ("HDEL", key, *self.members()), ("HINCRBY", key, "count", r.randrange(9)), ("HINCRBYFLOAT", key, "float", "0.25"),
            ("HGETALL", key), ("HMGET", key, *self.members()), ("HSETNX", key, self.member(), "new"), ("HRANDFIELD", key, 3), ("HSCAN", key, 0), ("HLEN", key),
        )

    def make_stream(self):
        key, r = self.key("stream"), self.random
        return self.one(
            ("XADD", key, "*", "field", self.member(), "other", self.value()), ("XADD", key, "*", "field", self.member()), ("XADD", key, "MAXLEN", "~", 200, "*", "a", 1), ("XADD", key, "MAXLEN", r.randrange(300), "*", "a", self.member()),
            ("XRANGE", key, "-", "+", "COUNT", 5), ("XLEN", key), ("XTRIM", key, "MAXLEN", r.randrange(500)), ("XGROUP", "CREATE", key, "g", "0", "MKSTREAM"), ("XGROUP", "DESTROY", key, "g"),
            ("XREADGROUP", "GROUP", "g", r.choice(("c1", "c2")), "COUNT", r.randrange(1, 20), "STREAMS", key, ">"), ("XAUTOCLAIM", key, "g", "c2", 0, "0", "COUNT", 5), ("XPENDING", key, "g"),
            ("XINFO", "STREAM", key), ("XGROUP", "CREATECONSUMER", key, "g", f"c{r.randrange(5)}"), ("XGROUP", "DELCONSUMER", key, "g", "c1"), ("XSETID", key, "99999999999999-0"),
        )

    def make_geo(self):
        key = self.key("geo")
        where = (self.random.uniform(-180, 180), self.random.uniform(-85, 85))
        return self.one(
            ("GEOADD", key, *where, self.member()), ("GEOSEARCH", key, "FROMLONLAT", *where, "BYRADIUS", 2000, "km"), ("GEOSEARCHSTORE", self.key("zset"), key, "FROMLONLAT", *where, "BYRADIUS", 5000, "km"),
            ("GEORADIUS", key, *where, 4000, "km", "STORE", self.key("zset")), ("GEOPOS", key, self.member()),
        )

    def make_any_key(self):
        key, other, r = self.key(), self.key(), self.random
        other = self.key(key.split(":")[0])
        database = r.randrange(self.databases)
        return self.one(
            ("DEL", key), ("UNLINK", key, other), ("EXPIRE", key, r.randint(1, 2)), ("PEXPIRE", key, r.randint(1, 1500)), ("PERSIST", key), ("TTL", key), ("TYPE", key), ("EXPIREAT", key, 1), ("PEXPIRE", key, 100_000, "NX"),
            ("RENAME", key, other), ("RENAMENX", key, other), ("COPY", key, other, "REPLACE"), ("COPY", key, other, "DB", database), ("MOVE", key, database), ("SELECT", database), ("DUMP", key),
            ("OBJECT", "ENCODING", key), ("SORT", self.key("list"), "ALPHA", "LIMIT", 0, 100, "STORE", self.key("list")), ("SORT", self.key("set"), "ALPHA", "GET", "#", "GET", "str:*", "STORE", self.key("list")),
            ("SORT", key, "BY", "nosort", "STORE", self.key("list")), ("SCAN", r.randrange(500), "COUNT", 20), ("RANDOMKEY",), ("DBSIZE",), ("PUBLISH", "news", self.member()), ("MEMORY", "USAGE", key),
        )

    def make_script(self):
        r = self.random
        keys = self.some("num", 1, 5)
        fresh = f"-- {zlib.crc32(str(r.random()).encode())}\n" if r.random() < 0.1 else ""
        return self.one(
            ("EVAL", ADD_TO_ALL, len(keys), *keys, r.randrange(9)), ("EVAL", fresh + REACH, 0, self.key("str"), self.key("list"), self.member()), ("EVAL", fresh + WIDE, 1, self.key("str")),
            ("EVAL", "return redis.call('sunionstore', KEYS[1], KEYS[2], ARGV[1])", 2, self.key("set"), self.key("set"), self.key("set")), ("EVAL", fresh + REACH, 1, self.key("str"), self.key("str"), self.key("list"), "x"),
            ("EVAL_RO", "return redis.call('get', KEYS[1])", 1, self.key("str")),
        )

    def transaction(self):
        """MULTI ... EXEC, the keys of it watched sometimes."""
        before = [["WATCH", *self.some(None)]] if self.random.random() < 0.3 else []
        body = [self.command() for _ in range(self.random.randint(0, 12))]
        body = [command for command in body if command[0] != "WAIT"]
        end = "EXEC" if self.random.random() < 0.9 else "DISCARD"
        return [*before, ["MULTI"], *body, [end]]

    def pipeline(self):
        """What a client sends before it reads replies."""
        commands = []
        for _ in range(self.random.choice((1, 1, 2, 5, 20, 100))):
            self.tag = f"{{{self.random.randrange(self.tags)}}}" if self.tags else ""
            commands += self.transaction() if self.random.random() < 0.05 else [self.command()]
        return commands
