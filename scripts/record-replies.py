#!/usr/bin/env python3
"""Records what redis-server answers, announces and replicates for each command of a script.

    scripts/record-replies.py PORT < commands > recorded.txt

The server at PORT must be a fresh one of your own: it is flushed. In the recording, `>` is a command as
sent, `<` its reply with CR and LF escaped, `!` a keyspace event `db event key`, `=` a command the replicas
got. A Unix time that lies a round number of milliseconds from the recording is written `now+...`.
"""
import re
import socket
import sys
import time


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("localhost", port))
        self.file = self.socket.makefile("rb")

    def send(self, words):
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(parts))

    def raw(self):
        """One reply as its bytes."""
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~>" and rest != b"-1":
            return line + b"".join(self.raw() for _ in range(int(rest)))
        if kind == b"%":
            return line + b"".join(self.raw() for _ in range(2 * int(rest)))
        return line

    def words(self):
        """One reply that is an array of bulks."""
        return re.findall(rb"\$\d+\r\n(.*?)\r\n", self.raw(), re.S)

    def ask(self, *words):
        self.send([word.encode() for word in words])
        return self.raw()


def split(line):
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    return [(quoted or plain).encode().decode("unicode_escape").encode("latin-1") for quoted, plain in words]


def escape(raw):
    return raw.decode("latin-1").encode("unicode_escape").decode()


def relative(word, now):
    if re.fullmatch(rb"\d{13}", word):
        offset = round((int(word) - now) / 100) * 100
        if abs(int(word) - now - offset) < 45 and abs(offset) < 10**10:
            return b"now+%d" % offset
    return word


def main():
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__.strip())
    port = int(sys.argv[1])
    client, events, replica = Connection(port), Connection(port), Connection(port)
    client.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0", "notify-keyspace-events", "KEAmn")
    client.ask("FLUSHALL")
    events.ask("PSUBSCRIBE", "__keyevent@*")
    replica.send([b"SYNC"])
    while not (size := replica.file.readline()).startswith(b"$"):
        pass
    replica.file.read(int(size[1:]))

    for line in sys.stdin:
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            print(line)
            continue
        client.send(split(line))
        print(f"> {line}\n< {escape(client.raw())}")
        now = time.time() * 1000
        client.ask("PUBLISH", "__keyevent@end", "")
        while not (event := events.words())[2].endswith(b"@end"):
            db, name = re.fullmatch(rb"__keyevent@(\d+)__:(.*)", event[2]).groups()
            print(f"! {db.decode()} {name.decode()} {escape(event[3])}")
        while (command := replica.words())[:2] != [b"PUBLISH", b"__keyevent@end"]:
            if command[0] != b"SELECT":
                print("= " + " ".join(escape(relative(word, now)) for word in command))


if __name__ == "__main__":
    main()
