"""Where a measurement comes from: date, commit, machine. Shared by the scripts that leave raw results in benches/results."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

from node import ROOT

RESULTS = ROOT / "benches" / "results"


def origin():
    """What every raw result begins with."""
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H%MZ")
    return {"date": date, "commit": commit(), "host": host()}


def git(*args):
    out = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True)
    return out.stdout.strip() if out.returncode == 0 else ""


def commit():
    """The commit measured; marked where the work tree differs from it."""
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("-changed" if git("status", "--porcelain", "-uno") else "")


def host():
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "name": platform.node(),
        "kernel": platform.release(),
        "cpu": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "governor": governor.read_text().strip() if governor.exists() else None,
    }
