#!/usr/bin/env python3
"""Breaks what stands behind `orrery gateway`, and counts what the callers notice.

Usage: faults.py [--orrery PATH] [--repetitions N] [--only NAME,…] [--seconds S] [--rate N]

A small model is trained on the sample. Callers ask for one row of it, N a second whatever becomes of their requests, and look into each
answer; a request that is late counts from when it was due. The drills:

  kill       a node is killed (SIGKILL) behind a gateway of three; S seconds (60) are watched.
             Bound: 0.1 % failed, none of those that were due later than 2 s after it.
  blackhole  every packet to and from a region in a network namespace is dropped for S/4 seconds. Bound: as for `kill`.
             Needs root, `ip` and `nft`.
  slow, garbage, half, shapes, rows
             one of three servers takes 3 s (a try has 0.5 s), answers with garbage, breaks off in the middle of its answers, answers 200
             with a shape that the data do not fill, or soundly to more rows than were asked, for S/6 seconds. Bound: 0.1 % failed or
             wrong. With `--retries N` retries at a time at least (10); the gateway's default, Envoy's 3, is spent before enough failures
             have come to take the server out.
  disk       a model that does not fit is rolled out to a node whose workspace is a disk of 4 MB. Bound: the command fails, the node
             answers all the while, nothing of the model stays, and it goes out once there is room. Needs root.
  stall      all three servers stop for 1 s (SIGSTOP) and go on; two times. No bound: counted is for how long callers fail.
  swap       a version is loaded and made the served one every second, in turn (three times N swaps). Bound: no request fails.

Each of the others is repeated N times (20). Prints a line a drill, and ends with a line of JSON; the exit code is 1 where a bound is passed.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from callers import Backend, Callers

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "assets/samples/flights.csv"
INFER = "/v2/models/m/infer"
PER_TRY_SECS = 0.5
# Time for failover after which no caller may fail, and the share of callers that may fail before.
GRACE_SECS, FAILED = 2.0, 0.001
# The gateway's own defaults but for a try's time-out, of which a request has none by default.
PATIENT = {"timeouts": {"timeout_secs": 5, "per_try_timeout_secs": PER_TRY_SECS}}
# For a model that answers each row by itself.
BY_ROW = {"answer_check": "rows"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--only", default=",".join(DRILLS), help="which of them, with commas between")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--retries", type=int, default=10, help="retries that may always be under way at a time")
    options = parser.parse_args()
    unknown = [name for name in options.only.split(",") if name not in DRILLS]
    if unknown:
        parser.error(f"no such drill: {', '.join(unknown)}; there are {', '.join(DRILLS)}")
    figures = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        bench = Bench(options, pathlib.Path(folder), ends)
        for name in options.only.split(","):
            figures[name] = found = DRILLS[name](bench)
            print(f"{name}: {found.get('words') or found['skipped']}", flush=True)
            for why in found.get("passed", []):
                print(f"{name}: BOUND PASSED: {why}", flush=True)
    print(json.dumps({"repetitions": options.repetitions, "rate": options.rate, "drills": figures}))
    sys.exit(1 if any(found.get("passed") for found in figures.values()) else 0)


# ---- what is broken


class Bench:
    """The model, and processes that end with it."""

    def __init__(self, options, folder, ends):
        self.options, self.folder, self.ends = options, folder, ends
        self.home = folder / "home"
        train(options, self.home)
        self.body = one_row()

    def repeat(self, once, most=sys.maxsize):
        """Calls `once` with the number of each repetition; a line for each on standard error."""
        found = []
        for number in range(min(most, self.options.repetitions)):
            found.append(once(number))
            print(f"  {number + 1}: {json.dumps(found[-1])}", file=sys.stderr, flush=True)
        return found

    def models(self, version):
        """A folder with the model as that version, so that answers tell who gave them."""
        place = self.folder / f"models-{version}"
        if not place.exists():
            shutil.copytree(self.home / "models/m/1", place / "m" / str(version))
        return place

    def program(self, home):
        return [str(self.options.orrery), "--home", str(self.folder / home)]

    def node(self, version, ends):
        """A node that serves the model as that version."""
        arguments = ["node", "--models", str(self.models(version))]
        return ends.enter_context(Service(self.program(f"node-{version}") + arguments))

    def gateway(self, endpoints, more, ends):
        """A gateway before these endpoints, when all of them are healthy."""
        config = self.folder / f"gateway-{time.monotonic_ns()}.json"
        config.write_text(json.dumps({"endpoints": endpoints, **more}))
        service = ends.enter_context(Service(self.program("gateway") + ["gateway", "--config", str(config)]))
        service.wait_for_all()
        return service

    def callers(self, service):
        return Callers(service.port, INFER, self.body, self.options.rate)


class Service:
    """A process of ours that listens, ready; it ends with the block."""

    def __init__(self, command, host="127.0.0.1", prefix=()):
        self.host, self.port = host, free_port()
        self.command = [*prefix, *command, "--listen", f"{host}:{self.port}"]
        self.process = None
        self.start()

    def start(self):
        null = subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, stdin=null, stdout=null, stderr=null)
        until(f"{self.command[0]} is ready", lambda: self.get("/v2/health/ready") is not None or self.process.poll())

    def get(self, path):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://{self.host}:{self.port}{path}", timeout=2).read()

    def post(self, path, body):
        """Status and text of the answer."""
        request = urllib.request.Request(f"http://{self.host}:{self.port}{path}", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def status(self):
        return json.loads(self.get("/api/gateway/status"))

    def wait_for_all(self):
        """Until every endpoint of a gateway is in the traffic."""
        def whole():
            return all(one["health"] == "healthy" and one["breaker"]["state"] == "closed" for one in self.status()["endpoints"])

        until("every endpoint is healthy", whole, 120)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def train(options, home, *more):
    command = [options.orrery, "--home", home, "train", "--data", SAMPLE, "--target", "late", "--name", "m", "--epochs", "1"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*map(str, command), *(more or ("--model", "linear"))], **quiet)


def one_row():
    """The sample's first row as a request."""
    with SAMPLE.open() as file:
        row = next(csv.DictReader(file))
    row.pop("late")
    inputs = []
    for name, text in row.items():
        words = name in ("carrier", "origin", "dest", "manufacturer")
        data = text if words else float(text) if text else None
        inputs.append({"name": name, "datatype": "BYTES" if words else "FP64", "shape": [1], "data": [data if data is not None else 0.0]})
    return json.dumps({"inputs": inputs}).encode()


def endpoint(name, service, **more):
    return {"name": name, "url": f"http://{service.host}:{service.port}", "region": name, **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, is_so, secs=60):
    end = time.monotonic() + secs
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {secs} s")
        time.sleep(0.02)


# ---- what is counted


def counted(callers, fault, over):
    """What callers met whose answers came after a moment and who were due before another, and how long after the first one."""
    during = [one for one in callers.between(0, over) if one.due + one.secs >= fault]
    before = [one for one in callers.between(0, over) if one.due + one.secs < fault]
    failed = [one for one in during if one.ended != "ok"]
    slow = [one for one in during if one.ended == "ok" and one.secs > 2 * PER_TRY_SECS]
    held = [one for one in during if one.secs > PER_TRY_SECS * 0.9]
    last = lambda all: round(max((one.due - fault for one in all), default=0), 3)
    return {
        "asked": len(during),
        "failed": len(failed),
        "how": {how: sum(one.ended == how for one in failed) for how in sorted({one.ended for one in failed})},
        "failed_before": sum(one.ended != "ok" for one in before),
        "last_failed_secs": last(failed),
        "slow": len(slow),
        "held_up": len(held),
        "last_held_up_secs": last(held),
        "longest_secs": round(max((one.secs for one in during), default=0), 3),
        "per_sec": round(callers.per_sec, 1),
        "sent_late_secs": round(callers.latest, 3),
    }


def summed(found, more_words=""):
    """One drill's figures over its repetitions, in numbers and in words."""
    asked, failed = sum(one["asked"] for one in found), sum(one["failed"] for one in found)
    worst = max(one["failed"] / one["asked"] for one in found)
    words = (
        f"{len(found)} times, {asked:,} requests at {spread(found, 'per_sec')}/s: {failed} failed (most in one: {worst:.4%}), "
        f"the last {max(one['last_failed_secs'] for one in found):.2f} s after it; "
        f"held up over {PER_TRY_SECS * 0.9:.2f} s: {spread(found, 'held_up')}, until {spread(found, 'last_held_up_secs')} s; "
        f"longest answer {spread(found, 'longest_secs')} s{more_words}"
    )
    return {"words": words, "asked": asked, "failed": failed, "worst": worst, "repetitions": found, "passed": []}


def spread(found, key):
    values = [one[key] for one in found]
    return f"{statistics.median(values):,.6g} ({min(values):,.6g} to {max(values):,.6g})"


def within(summary, grace=None):
    """Adds which bounds were passed."""
    for number, one in enumerate(summary["repetitions"], 1):
        if one["failed"] > FAILED * one["asked"]:
            summary["passed"].append(f"repetition {number}: {one['failed']} of {one['asked']} failed")
        if grace is not None and one["last_failed_secs"] > grace:
            summary["passed"].append(f"repetition {number}: one failed {one['last_failed_secs']} s after it")
        if one["failed_before"]:
            summary["passed"].append(f"repetition {number}: {one['failed_before']} failed before it")
    return summary


# ---- the drills


def kill(bench):
    """A node is killed, and started again after the watch."""
    with contextlib.ExitStack() as ends:
        nodes = [bench.node(version, ends) for version in (1, 2, 3)]
        gateway = bench.gateway([endpoint(f"n{number}", node) for number, node in enumerate(nodes, 1)], {}, ends)

        def once(number):
            victim = nodes[number % len(nodes)]
            gateway.wait_for_all()
            with bench.callers(gateway) as callers:
                time.sleep(2)
                fault = time.monotonic()
                victim.kill()
                time.sleep(bench.options.seconds)
                over = time.monotonic()
            victim.start()
            return counted(callers, fault, over)

        return within(summed(bench.repeat(once)), GRACE_SECS)


def blackhole(bench):
    """A region behind a link whose packets vanish, which no caller may notice, and which comes back."""
    with contextlib.ExitStack() as ends:
        try:
            network = ends.enter_context(Network())
        except (OSError, subprocess.CalledProcessError) as error:
            return {"skipped": f"SKIPPED: no network namespace can be made here: {error}"}
        # A node takes only loopback addresses without a key.
        made = subprocess.run([*bench.program("far"), "keys", "create", "--name", "gateway", "--scope", "infer", "--json"], check=True, capture_output=True)
        key = bench.folder / "far.key"
        key.write_text(json.loads(made.stdout)["key"])
        near = bench.node(1, ends)
        command = bench.program("far") + ["node", "--models", str(bench.models(2))]
        far = ends.enter_context(Service(command, Network.FAR, network.inside))
        both = [endpoint("near", near), endpoint("far", far, key_file=str(key))]
        gateway = bench.gateway(both, PATIENT, ends)

        def once(_):
            gateway.wait_for_all()
            with bench.callers(gateway) as callers:
                time.sleep(2)
                fault = time.monotonic()
                network.drop(True)
                time.sleep(bench.options.seconds / 4)
                over = time.monotonic()
                network.drop(False)
                gateway.wait_for_all()
                time.sleep(1)
            found = counted(callers, fault, over)
            after = [one for one in callers.calls if one.due >= over]
            back = [one.due + one.secs - over for one in after if one.version == "2"]
            found["recovered_secs"] = round(min(back), 3)
            found["failed_after"] = sum(one.ended != "ok" for one in after)
            return found

        found = bench.repeat(once)
        words = f"; the region answers again {spread(found, 'recovered_secs')} s after packets flow, {sum(one['failed_after'] for one in found)} failed then"
        summary = within(summed(found, words), GRACE_SECS)
        summary["passed"] += [f"{one['failed_after']} failed after packets flowed again" for one in found if one["failed_after"]]
        return summary


class Network:
    """A network namespace behind a pair of interfaces, whose packets can be dropped without a word."""

    HERE, FAR = "10.213.77.1", "10.213.77.2"

    def __init__(self):
        self.name = f"orrery-{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.name]

    def __enter__(self):
        os.environ["PATH"] += ":/usr/sbin"
        here, far = f"ov{os.getpid()}a"[-15:], f"ov{os.getpid()}b"[-15:]
        try:
            run("ip", "netns", "add", self.name)
            run("ip", "link", "add", here, "type", "veth", "peer", "name", far, "netns", self.name)
            run("ip", "addr", "add", f"{self.HERE}/30", "dev", here)
            run("ip", "link", "set", here, "up")
            run(*self.inside, "ip", "addr", "add", f"{self.FAR}/30", "dev", far)
            run(*self.inside, "ip", "link", "set", far, "up")
            run(*self.inside, "ip", "link", "set", "lo", "up")
            self.drop(True)
            self.drop(False)
        except BaseException:
            self.__exit__()
            raise
        return self

    def drop(self, on):
        if on:
            for way in ("input", "output"):
                run(*self.inside, "nft", "add", "table", "inet", "dark")
                run(*self.inside, "nft", f"add chain inet dark {way} {{ type filter hook {way} priority 0; policy drop; }}")
        else:
            run(*self.inside, "nft", "delete", "table", "inet", "dark")

    def __exit__(self, *_):
        # The pair of interfaces goes with it.
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def misbehaves(manner):
    """A drill in which one of three servers answers in that manner."""

    def drill(bench):
        with contextlib.ExitStack() as ends:
            good = [bench.node(version, ends) for version in (1, 2)]
            answer = json.loads(good[0].post(INFER, bench.body)[1])
            bad = Backend(json.dumps({**answer, "model_version": "3"}).encode())
            ends.callback(bad.end)
            servers = [endpoint(f"n{number}", node) for number, node in enumerate(good, 1)]
            more = {**PATIENT, "limits": {"retry_budget": {"min_retry_concurrency": bench.options.retries}}}
            more |= BY_ROW if manner == "rows" else {}
            servers.append({"name": "bad", "url": f"http://127.0.0.1:{bad.port.value}", "region": "bad"})

            def once(_):
                bad.behave("good")
                # A new gateway each time: what the one before knows of the server would count.
                with contextlib.ExitStack() as own:
                    gateway = bench.gateway(servers, more, own)
                    with bench.callers(gateway) as callers:
                        time.sleep(2)
                        asked, fault, fault_unix = bad.asked.value, time.monotonic(), time.time()
                        bad.behave(manner)
                        time.sleep(bench.options.seconds / 6)
                        over, asked = time.monotonic(), bad.asked.value - asked
                        events = gateway.status()["events"]
                found = counted(callers, fault, over)
                avoided = [one["at"] - fault_unix for one in events if one["subject"] == "bad" and one["at"] >= fault_unix and one["severity"] != "ok"]
                found["avoided_secs"] = round(min(avoided), 3) if avoided else None
                found["times_avoided"] = len(avoided)
                found["share_of_bad"] = round(asked / max(1, found["asked"]), 4)
                return found

            found = bench.repeat(once)
            met = [one for one in found if one["avoided_secs"] is not None]
            words = f"; {spread(found, 'share_of_bad')} of the requests went to it"
            words += f", taken out {spread(found, 'times_avoided')} times, first after {spread(met, 'avoided_secs')} s" if met else ", never taken out"
            return within(summed(found, words))

    return drill


def stall(bench):
    """Every server stops for a second."""
    with contextlib.ExitStack() as ends:
        nodes = [bench.node(version, ends) for version in (1, 2, 3)]
        gateway = bench.gateway([endpoint(f"n{number}", node) for number, node in enumerate(nodes, 1)], PATIENT, ends)

        def once(_):
            gateway.wait_for_all()
            with bench.callers(gateway) as callers:
                time.sleep(2)
                fault = time.monotonic()
                for order in (signal.SIGSTOP, signal.SIGCONT):
                    for node in nodes:
                        node.process.send_signal(order)
                    time.sleep(1)
                gateway.wait_for_all()
                time.sleep(1)
                over = time.monotonic()
            return counted(callers, fault, over)

        return summed(bench.repeat(once, 2))


def disk(bench):
    """A model that does not fit goes to a node, which goes on as before."""
    home = bench.folder / "small"
    home.mkdir(exist_ok=True)
    try:
        run("mount", "-t", "tmpfs", "-o", "size=4M", "none", str(home))
    except (OSError, subprocess.CalledProcessError) as error:
        return {"skipped": f"SKIPPED: no small disk can be mounted here: {error}"}
    run("umount", str(home))
    source = bench.folder / "source"
    train(bench.options, source)
    train(bench.options, source, "--model", "mlp")

    def once(number):
        with contextlib.ExitStack() as ends:
            run("mount", "-t", "tmpfs", "-o", "size=4M", "none", str(home))
            ends.callback(run, "umount", str(home))
            node = ends.enter_context(Service(bench.program("small") + ["node"]))
            run(*bench.program("source"), "fleet", "regions", "set", "us-east", "--enable")
            run(*bench.program("source"), "fleet", "endpoints", "add", "small", f"http://127.0.0.1:{node.port}", "--region", "us-east")
            first = deploy(bench, "m:1")
            if first["state"] != "done":
                raise SystemExit(f"the first model did not go out: {first}")
            with Callers(node.port, INFER, bench.body, 50) as callers:
                begin = time.monotonic()
                # The disk is full at another place each time.
                before = fill(home, left=number % 20 * 90_000)
                refused = deploy(bench, "m:2")
                filled = present(home)
                (home / "filler").unlink()
                middle = time.monotonic()
                there = present(home)
                index = json.loads(node.post("/v2/repository/index", b"{}")[1])
                again = deploy(bench, "m:2")
                over = time.monotonic()
            found = counted(callers, begin, over)
            found |= {
                "refused": refused["state"],
                "said": refused["reason"],
                "stayed": sorted(filled - before) + sorted(f"{one['name']}:{one['version']}" for one in index if one["version"] == "2"),
                "then": again["state"],
                "then_said": again["reason"],
                "served_1_meanwhile": all(one.version == "1" for one in callers.between(begin, middle)),
                "served_2_in_the_end": callers.calls[-1].version == "2",
                "files": len(there),
            }
            return found

    found = bench.repeat(once)
    summary = within(summed(found, f"; the deploy said, among others: {found[-1]['said']}"))
    for number, one in enumerate(found, 1):
        for what, fine in (
            (f"the deploy ended as {one['refused']}", one["refused"] == "failed"),
            (f"left behind: {one['stayed']}", not one["stayed"]),
            ("another version answered meanwhile", one["served_1_meanwhile"]),
            (f"with room it ended as {one['then']}: {one['then_said']}", one["then"] == "done" and one["served_2_in_the_end"]),
        ):
            if not fine:
                summary["passed"].append(f"repetition {number}: {what}")
    return summary


def deploy(bench, model):
    """Rolls a version out; the record of it."""
    done = subprocess.run([*bench.program("source"), "fleet", "deploy", model, "--json"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if "state" in found:
                return found
    return {"state": "no record", "reason": done.stderr.strip() or done.stdout.strip()}


def fill(home, left):
    """Fills a disk but for so many bytes; what is on it but for that and the database's own files."""
    free = os.statvfs(home)
    with (home / "filler").open("wb") as filler, contextlib.suppress(OSError):
        filler.write(b"\0" * max(0, free.f_bavail * free.f_frsize - left))
    return present(home)


def present(home):
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.name.startswith("orrery.db") and path.name != "filler"}


def swap(bench):
    """A node changes its version every second."""
    source = bench.folder / "swapped"
    for _ in range(2):
        train(bench.options, source)
    with contextlib.ExitStack() as ends:
        node = ends.enter_context(Service(bench.program("swapped") + ["node"]))
        orders, secs = [], []
        with bench.callers(node) as callers:
            time.sleep(1)
            begin = time.monotonic()
            for number in range(3 * bench.options.repetitions):
                version = str(number % 2 + 1)
                began = time.monotonic()
                # Loaded anew beside the one that serves, then made the served one.
                for more in ({}, {"serve": True}):
                    order = json.dumps({"parameters": {"version": version, **more}}).encode()
                    orders.append(node.post("/v2/repository/models/m/load", order)[0])
                secs.append(time.monotonic() - began)
                time.sleep(max(0, begin + number + 1 - time.monotonic()))
            over = time.monotonic()
        found = counted(callers, begin, over)
        during = sorted(callers.between(begin, over))
        versions = [one.version for one in during]
        found["changes"] = sum(a != b for a, b in zip(versions, versions[1:]))
        found["versions"] = {str(version): versions.count(version) for version in sorted(set(versions), key=str)}
        words = f"; {len(secs)} swaps of {statistics.median(secs) * 1e3:.0f} ms ({min(secs) * 1e3:.0f} to {max(secs) * 1e3:.0f}), answers by version: {found['versions']}"
        summary = within(summed([found], words))
        if found["failed"] or set(versions) != {"1", "2"}:
            summary["passed"].append(f"{found['failed']} requests failed; versions that answered: {found['versions']}")
        if set(orders) != {200}:
            summary["passed"].append(f"orders answered {sorted(set(orders))}")
        return summary


DRILLS = {
    "kill": kill,
    "blackhole": blackhole,
    **{manner: misbehaves(manner) for manner in Backend.MANNERS[1:]},
    "stall": stall,
    "disk": disk,
    "swap": swap,
}

if __name__ == "__main__":
    main()
