"""Redis 7.0.15's own test suites, fetched once and made ready to run. Shared by `redis-suite` and `redis-cluster-suite`.

They come from Debian's source package `redis`, fetched by apt into target/redis-suite; an unpacked copy named by
$REDIS_SUITE is used instead.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from node import target_dir

VERSION = "7.0.15"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Our directives that redis-server does not know and that can't be changed while a node runs.
IMMUTABLE = ["data-cores", "core-port-base", "pin-cores", "cpu-list", "bus-cpu"]


def apt_install(*packages):
    """Installs what is missing of `packages`."""
    missing = [p for p in packages if subprocess.run(["dpkg", "-s", p], capture_output=True).returncode]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"needed, and not root to install them: apt-get install {' '.join(missing)}")
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *missing]):
        subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def fetch_source(work):
    """Downloads and unpacks Debian's source package with package lists of its own: the machine's stay as they are."""
    lists, parts, cache = work / "lists", work / "parts", work / "cache"
    for folder in (lists / "partial", parts, cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    for source in Path("/etc/apt/sources.list.d").glob("*.sources"):
        (parts / source.name).write_text(re.sub(r"^Types:.*", "Types: deb-src", source.read_text(), flags=re.M))
    old_style = Path("/etc/apt/sources.list")
    if old_style.exists():
        lines = [line for line in old_style.read_text().splitlines() if line.startswith("deb ")]
        (parts / "old-style.list").write_text("".join(f"deb-src {line[4:]}\n" for line in lines))
    apt = ["apt-get", "-oDir::Etc::SourceList=/dev/null", f"-oDir::Etc::SourceParts={parts}"]
    apt += [f"-oDir::State::Lists={lists}", f"-oDir::Cache={cache}"]
    subprocess.run([*apt, "update", "-qq"], check=True, stdout=sys.stderr)
    subprocess.run([*apt, "source", "-qq", "--download-only", "redis"], check=True, cwd=work, stdout=sys.stderr)
    description = next(work.glob("redis_*.dsc"))
    subprocess.run(["dpkg-source", "-x", description.name, "suite"], check=True, cwd=work, stdout=sys.stderr)
    return work / "suite"


def suite_folder():
    """The suite, ready to run, in target/redis-suite; unpacked on first use."""
    folder = target_dir() / "redis-suite"
    if not ((folder / "ready").exists() and (folder / "runtest-cluster").exists()):
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory() as work:
            source = Path(os.environ["REDIS_SUITE"]) if os.environ.get("REDIS_SUITE") else None
            if not source:
                apt_install("dpkg-dev")
                source = fetch_source(Path(work))
            folder.mkdir(parents=True)
            shutil.copytree(source / "tests", folder / "tests", ignore=shutil.ignore_patterns("tmp"))
            for name in ("runtest", "runtest-cluster", "COPYING"):
                shutil.copy(source / name, folder / name)
        for name in ("src", "tests/tmp", "tests/cluster/tmp"):
            (folder / name).mkdir()
        # Functions come with scripting: a server without them is one without functions to flush.
        server = folder / "tests/support/server.tcl"
        server.write_text(server.read_text().replace("    r function flush\n", "    catch {r function flush}\n"))
        # "CONFIG sanity" knows which directives of Redis's are immutable, not ours.
        unit = folder / "tests/unit/introspection.tcl"
        ours = "\n            ".join(IMMUTABLE)
        unit.write_text(unit.read_text().replace("            rdbchecksum\n", f"            rdbchecksum\n            {ours}\n", 1))
        (folder / "ready").touch()
    for tool in ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
        link = folder / "src" / tool
        link.unlink(missing_ok=True)
        link.symlink_to(shutil.which(tool))
    return folder


def run_as_redis_server(suite, program, directives=()):
    """Makes `program` what the suite starts as src/redis-server, with `directives` added to the files it is given."""
    server = suite / "src" / "redis-server"
    server.unlink(missing_ok=True)
    if not directives:
        server.symlink_to(shutil.which(program))
        return
    first = directives[0].split()[0]
    lines = "\n".join(f"echo {shlex.quote(line)}" for line in directives)
    server.write_text(
        f'#!/bin/bash\nif [ -f "$1" ] && ! grep -q "^{first} " "$1"; then\n{{\n{lines}\n}} >> "$1"\nfi\n'
        f'exec -a "$0" {shlex.quote(program)} "$@"\n'
    )
    server.chmod(0o755)
