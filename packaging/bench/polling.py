#!/usr/bin/env python3
"""Measures what watching a fleet costs the real window: 4 regions of 50 endpoints, each looked at once a second.

Usage: polling.py [--orrery PATH] [--regions N] [--endpoints N] [--secs N] [--rounds N]

PATH is a program built with the cargo feature `inspection`. The endpoints are ports of one small server in a process of its own on
loopback, with a model each and metrics of a page. In each round the window opens on the page `fleet` under Xvfb; after the first
look at everything, the time on processors of each of its threads is counted over N seconds, the threads of the software rasterizer
left out, and of the thread that draws the kernel's part (which carries each picture to the display, see window.py) told apart. Then
the window is asked for its widgets again and again, which the next frame answers: the longest answer is the longest frame.
A second window, without endpoints, is measured the same way. Goal: 3 % of a core, and no frame that is 0.25 s longer. Ends with a line
of JSON; the exit code is 1 where that is passed.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from window import ROOT, Window, display

GOAL = 0.03
# By how much the longest frame may be longer than without endpoints.
BLOCKED_SECS = 0.25
INDEX = b'[{"name":"m","version":"1","state":"READY","reason":""}]'
METADATA = (
    b'{"name":"m","versions":["1"],"platform":"none","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],'
    b'"outputs":[{"name":"y","datatype":"FP32","shape":[-1,1]}]}'
)
ANSWER = b'{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,1],"data":[0.5]}]}'
SERVER = b'{"name":"triton","version":"2.60.0","extensions":["model_repository","statistics"]}'
KINDS = ("health", "metrics", "index", "infer", "other")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default=ROOT / "target/release/orrery", type=pathlib.Path)
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--endpoints", type=int, default=50, help="of each region")
    parser.add_argument("--secs", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--renderer")
    options = parser.parse_args()
    server = Server(options.regions * options.endpoints)
    with tempfile.TemporaryDirectory() as folder, display() as name:
        homes = {"watching": pathlib.Path(folder) / "watching", "without": pathlib.Path(folder) / "without"}
        set_up(options, homes["watching"], server.ports)
        rounds = {what: [] for what in homes}
        for number in range(options.rounds):
            for what, home in homes.items():
                rounds[what].append(measure(options, home, name, server if what == "watching" else None))
                print(f"round {number + 1}, {what}: {json.dumps(rounds[what][-1])}", file=sys.stderr, flush=True)
    server.process.kill()
    figures = {f"{what}_{key}": spread(found, key) for what, found in rounds.items() for key in found[0]}
    worst = figures["watching_share"][0]
    total = options.regions * options.endpoints
    print(f"watching {total} endpoints: {told(figures['watching_share'])} of a core without the rasterizer; of it {told(figures['watching_kernel'])} in the kernel for the thread that draws,")
    print(f"  {told(figures['watching_fleet'])} the thread that watches; without endpoints {told(figures['without_share'])}")
    print(f"  {told(figures['watching_looks_per_sec'], '.0f')} looks and {told(figures['watching_metrics_per_sec'], '.1f')} readings of metrics a second arrived")
    print(f"  longest frame while watching {told(figures['watching_longest_frame_secs'], '.3f')} s, without endpoints {told(figures['without_longest_frame_secs'], '.3f')} s")
    print(json.dumps({"endpoints": total, "secs": options.secs, "goal": GOAL, **figures}))
    longer = figures["watching_longest_frame_secs"][0] - figures["without_longest_frame_secs"][0]
    sys.exit(1 if worst > GOAL or longer > BLOCKED_SECS else 0)


def spread(found, key):
    values = [one[key] for one in found]
    return [round(f(values), 5) for f in (statistics.median, min, max)]


def told(figures, form=".2%"):
    median, low, high = (format(value, form) for value in figures)
    return f"{median} ({low} to {high})"


def set_up(options, home, ports):
    """Regions that are enabled, with their endpoints."""
    program = [options.orrery, "--home", home, "fleet"]
    run = lambda *words: subprocess.run([*program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for region in range(options.regions):
        run("regions", "set", f"region-{region}", "--enable")
        for number, port in enumerate(ports[region * options.endpoints : (region + 1) * options.endpoints]):
            run("endpoints", "add", f"n-{region}-{number:02}", f"http://127.0.0.1:{port}", "--region", f"region-{region}")


def measure(options, home, name, server):
    with Window(options, home, name, "--page", "fleet") as window:
        if server:
            begun = server.counts()["health"]
            while server.counts()["health"] < begun + 10 * len(server.ports):
                time.sleep(0.5)
        else:
            time.sleep(10)
        before, asked, began = threads(window.process.pid), server and server.counts(), time.monotonic()
        frames = count_frames(window)
        time.sleep(options.secs)
        passed = time.monotonic() - began
        after, frames = threads(window.process.pid), count_frames(window) - frames
        share, kernel = {}, 0.0
        for thread, (words, secs, of_kernel) in after.items():
            _, secs_before, kernel_before = before.get(thread, (words, 0, 0))
            share[words] = share.get(words, 0) + (secs - secs_before) / passed
            kernel += (of_kernel - kernel_before) / passed if words == "draws" else 0
        drawn = sum(value for words, value in share.items() if is_rasterizer(words))
        parts = {words: round(value, 5) for words, value in share.items() if value > 0.0005}
        print(f"  by thread: {parts}", file=sys.stderr, flush=True)
        found = {
            "share": sum(share.values()) - drawn,
            "drawing": share.get("draws", 0.0),
            "kernel": kernel,
            "fleet": share.get("fleet", 0.0),
            "rasterizer": drawn,
            "frames_per_sec": frames / passed,
            "longest_frame_secs": longest(window),
        }
        if server:
            now = server.counts()
            found["looks_per_sec"] = (now["health"] - asked["health"]) / (time.monotonic() - began)
            found["metrics_per_sec"] = (now["metrics"] - asked["metrics"]) / (time.monotonic() - began)
        return found


def threads(process):
    """Of each thread: what it is, its seconds on processors, and how many of them in the kernel (which is counted in ticks)."""
    found, tick = {}, os.sysconf("SC_CLK_TCK")
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        try:
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            nanos = int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue  # It has ended.
        found[int(task.name)] = ("draws" if task.name == str(process) else name, nanos / 1e9, int(rest.split()[12]) / tick)
    # The rasterizer's queue is the one busy thread without a name, which has the program's.
    program = pathlib.Path(f"/proc/{process}/comm").read_text().strip()
    unnamed = [thread for thread, (name, *_) in found.items() if name == program]
    if unnamed and any(is_rasterizer(name) for name, *_ in found.values()):
        queue = max(unnamed, key=lambda thread: found[thread][1])
        found[queue] = ("llvmpipe-queue", *found[queue][1:])
    return found


def is_rasterizer(thread):
    return thread.startswith("llvmpipe")


def count_frames(window):
    return window.log.read_bytes().count(b"\n")


def longest(window, secs=15):
    """The longest wait for a frame's answer, seconds."""
    end, most = time.monotonic() + secs, 0
    while time.monotonic() < end:
        asked = time.monotonic()
        window.ask("GetTree")
        most = max(most, time.monotonic() - asked)
        time.sleep(0.05)
    return most


class Server:
    """Many endpoints: ports of one process, which counts what they are asked."""

    def __init__(self, count):
        context = multiprocessing.get_context("fork")
        self.asked = {kind: context.Value("q", 0) for kind in KINDS}
        told, tell = context.Pipe(duplex=False)
        self.process = context.Process(target=lambda: asyncio.run(self.serve(count, tell)), daemon=True)
        self.process.start()
        self.ports = told.recv()

    def counts(self):
        return {kind: value.value for kind, value in self.asked.items()}

    async def serve(self, count, tell):
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(lambda: Endpoint(self.asked), "127.0.0.1", 0) for _ in range(count)]
        tell.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()


class Endpoint(asyncio.Protocol):
    METRICS = b"".join(
        b"# HELP nv_inference_request_success Number\n# TYPE nv_inference_request_success counter\n"
        b'nv_inference_request_success{model="m%d",version="1"} %d\n' % (number, number * 17)
        for number in range(30)
    )

    def __init__(self, asked):
        self.asked, self.bytes, self.transport = asked, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.bytes += data
        head, found, body = self.bytes.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if not found or len(body) < length:
            return
        self.bytes = body[length:]
        path = head.split(b" ")[1]
        kind, answer = "other", b"{}"
        if path == b"/v2/health/ready":
            kind, answer = "health", b""
        elif path == b"/metrics":
            kind, answer = "metrics", self.METRICS
        elif path == b"/v2/repository/index":
            kind, answer = "index", INDEX
        elif path.endswith(b"/infer"):
            kind, answer = "infer", ANSWER
        elif path == b"/v2":
            answer = SERVER
        elif path.startswith(b"/v2/models/m"):
            answer = METADATA
        self.asked[kind].value += 1
        content = b"text/plain" if kind == "metrics" else b"application/json"
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (content, len(answer), answer))


if __name__ == "__main__":
    main()
