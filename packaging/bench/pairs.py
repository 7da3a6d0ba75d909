"""Shared by the benchmarks: the peers' own environment, commands in turn (A B A B …), and the ratio of each pair."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# Share of a core that other programs may use beside a pair before it is marked.
BUSY_CORES = 0.2


def peers_python(wanted=None):
    """The interpreter with the peers: `wanted`, or one in an environment made from requirements.txt in the user's cache."""
    if wanted:
        return wanted
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    environment = cache / "orrery" / "bench"
    python = environment / "bin" / "python"
    wished = (HERE / "requirements.txt").read_text()
    kept = environment / "requirements.txt"
    if not kept.exists() or kept.read_text() != wished:
        print(f"Installing the peers into {environment} (several GB)…", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        kept.write_text(wished)
    return str(python)


def last_json(command, **options):
    """Runs a command; the JSON object on its last line."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        sys.exit(f"Exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stderr[-2000:]}{done.stdout[-2000:]}")
    return json.loads(lines[-1])


def alternate(pairs, ours, theirs, show=lambda result: ""):
    """Calls `ours` and `theirs` in turn; each returns (figure, result). Prints a line a pair and returns the ratios'
    median, lowest and highest, the two lists of figures, and how many pairs ran beside other programs' work."""
    a, b, busy = [], [], 0
    for number in range(1, pairs + 1):
        load = OtherLoad()
        (x, mine), (y, other) = ours(), theirs()
        cores = load.cores()
        busy += cores > BUSY_CORES
        a.append(x)
        b.append(y)
        note = f"  ({cores:.1f} cores busy with other work)" if cores > BUSY_CORES else ""
        print(f"  pair {number}: ours {x:,.4g} {show(mine)}  peer {y:,.4g} {show(other)}  ratio {x / y:.3f}{note}", flush=True)
    ratios = [x / y for x, y in zip(a, b)]
    return {
        "ratio": round(statistics.median(ratios), 4),
        "ratio_min": round(min(ratios), 4),
        "ratio_max": round(max(ratios), 4),
        "ours": a,
        "peer": b,
        "busy_pairs": busy,
    }


class OtherLoad:
    """CPU time of the machine less that of this program's own commands."""

    def __init__(self):
        self.began, self.machine, self.own = time.monotonic(), _machine_secs(), _own_secs()

    def cores(self):
        """Cores that other programs kept busy since this object was made."""
        passed = max(time.monotonic() - self.began, 1e-3)
        return max(0.0, ((_machine_secs() - self.machine) - (_own_secs() - self.own)) / passed)


def _machine_secs():
    words = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, words)
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _own_secs():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
