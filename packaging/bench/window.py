#!/usr/bin/env python3
"""Measures the real window under Xvfb: first usable frame, idle, frame times of a large runs table and of live curves.

Usage: window.py [--orrery PATH] [--starts N] [--runs N] [--points N] [--renderer wgpu|glow] [--secs N]
                 [--measure first,idle,scroll,sort,curves]

PATH is a program built with the cargo feature `inspection`, which the window is driven through; accessibility is on with it. The
workspace is made here: the sample, one short training, and its run many times over. Frame times are the time on a processor
of the thread that draws, without the threads of a software rasterizer, from the beginning of one frame to that of the next. A
software rasterizer also hands each picture to the display in that thread, through the kernel: `kernel` is the share of the time that
went there, which a graphics card does not cost.
Ends with a line of JSON. Goals of a release build: first frame 1.0 s, idle 1 %, 95th percentile of frames 16 ms.
"""

import argparse
import contextlib
import ctypes
import ctypes.util
import json
import math
import os
import pathlib
import random
import socket
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
SIZE = (1440, 900)
CURVES = 20
PLAIN = [False] * 5
COMMAND = [False, True, False, False, True]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default=ROOT / "target/release/orrery", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--renderer")
    parser.add_argument("--measure", default="first,idle,scroll,sort,curves", help="which of them, with commas between")
    parser.add_argument("--secs", type=float, default=10, help="how long each measurement goes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, display() as name:
        figures = measure(options, pathlib.Path(folder), name)
    print(json.dumps(figures))


def measure(options, folder, name):
    profile = "release" if "release" in str(options.orrery.resolve()) else "dev"
    figures = {"profile": profile, "renderer": options.renderer or "default", "runs": options.runs, "points": options.points}

    def tell(key, value, words):
        figures[key] = value
        print(words, flush=True)

    home = folder / "small"
    seed(options.orrery, home)
    wanted = options.measure.split(",")
    if "first" in wanted:
        starts = [first_frame(options, home, name) for _ in range(options.starts)]
        figures["first_frame_secs_min"], figures["first_frame_secs_max"] = round(min(starts), 3), round(max(starts), 3)
        median = round(statistics.median(starts), 3)
        spread = f"median of {len(starts)} ({min(starts):.3f} to {max(starts):.3f})"
        tell("first_frame_secs", median, f"first usable frame: {median} s, {spread}")
    if "idle" in wanted:
        with Window(options, home, name) as window:
            window.wait_for("Home")
            time.sleep(3)
            share = window.cpu_share(options.secs)
            tell("idle_percent", round(share * 100, 3), f"idle: {share:.3%} of a core over {options.secs:.0f} s")
    if not {"scroll", "sort", "curves"} & set(wanted):
        return figures
    multiply(home, options.runs, options.points)
    with Window(options, home, name, "--page", "runs") as window:
        window.wait_for(f"{options.runs:,} runs", 300)
        window.settle()
        if "scroll" in wanted:
            tell("scroll", *frames(scroll(window, options.secs), "scrolling"))
        if "sort" in wanted:
            tell("sort", *frames(sort(window, options.secs), "sorting"))
        if "curves" in wanted:
            tell("curves", *frames(curves(window, home, options), f"{CURVES} live curves"))
    return figures


# ---- the workspace


def seed(orrery, home):
    """The sample, and one short training."""
    program = [orrery, "--home", home]
    sample = ROOT / "assets/samples/flights.csv"
    training = ["train", "--data", sample, "--target", "late", "--model", "linear", "--epochs", "1", "--json"]
    environment = {**os.environ, "BURN_DEVICE": "flex"}
    subprocess.run(program + training, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def multiply(home, runs, points):
    """Makes many runs of the one there is; the newest have long curves."""
    store = sqlite3.connect(home / "orrery.db")
    ((text, revision),) = store.execute("SELECT json, revision FROM runs").fetchall()
    model, chance = json.loads(text), random.Random(0)
    begun = model["created_at"]

    def rows():
        for number in range(runs - 1):
            run = {**model, "id": f"0-bench-{number:06}", "name": f"run {chance.randrange(runs):06}", "model": None}
            # Newest first: the first ones are the ones with curves.
            run["created_at"] = begun - 1000 - number
            run["started_at"] = run["created_at"] + chance.random()
            run["ended_at"] = run["started_at"] + chance.random() * 900
            run["best_valid_loss"] = chance.random()
            run["state"] = chance.choice(["finished", "failed", "cancelled"])
            yield run["id"], run["state"], json.dumps(run), run["created_at"], revision + 1

    with store:
        store.executemany("INSERT INTO runs (id, state, json, created_at, revision) VALUES (?, ?, ?, ?, ?)", rows())
        store.execute("UPDATE counter SET revision = revision + 1")
    store.close()
    for number in range(CURVES):
        folder = home / "runs" / f"0-bench-{number:06}"
        folder.mkdir(parents=True)
        with open(log_of(home, number), "w") as log:
            for step in range(0, points, 1000):
                log.write(line(range(step, min(step + 1000, points)), number))


def log_of(home, number):
    return home / "runs" / f"0-bench-{number:06}" / "events.jsonl"


def line(steps, number):
    """One event of a log with the points of these steps: a noisy loss."""
    def value(step):
        return 0.4 + 0.02 * number + math.exp(-step / 20_000) + 0.05 * math.sin(step * 12.9898) * math.cos(step * 78.233)

    series = [["train_loss", {"step": step, "secs": step / 100, "value": value(step)}] for step in steps]
    return json.dumps({"at": time.time(), "event": "points", "series": series}) + "\n"


# ---- the measurements


def first_frame(options, home, name):
    """Seconds from the start of the process until a frame with the page's content is on the screen."""
    begun = time.perf_counter()
    with Window(options, home, name) as window:
        while not window.says("Search commands"):
            pass
        window.ask("GetTree")  # answered in the next frame: the first one has been drawn
        return time.perf_counter() - begun


def frames(recorded, what):
    times, kernel = recorded
    times.sort()
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    figures = {"frames": len(times), "p50_ms": p50, "p95_ms": p95, "max_ms": times[-1], "kernel": kernel}
    figures = {key: round(value, 2) for key, value in figures.items()}
    words = f"{what}: p95 {p95:.2f} ms, median {p50:.2f} ms, longest {times[-1]:.2f} ms of {len(times)} frames; {kernel:.0%} of the time in the kernel"
    return figures, words


def scroll(window, secs):
    table = window.find("table", "Runs")
    middle = [(table[0] + table[2]) / 2, (table[1] + table[3]) / 2]
    window.events({"PointerMoved": middle})
    with window.recording(secs) as going:
        while going():
            window.events(wheel(-700))
    return window.recorded


def sort(window, secs):
    names = ["Name", "Validation loss", "Started", "State", "Duration"]
    with window.recording(secs) as going:
        while going():
            for name in names:
                window.click("columnHeader", name)
                # The order is made beside the frames: keep them coming until it is there.
                for step in range(30):
                    window.events({"PointerMoved": [700 + step % 2, 500]})
    return window.recorded


def curves(window, home, options):
    # Back to the newest first, then the runs with curves.
    window.click_until_unsorted()
    window.take_focus()
    window.click_row(3)
    window.key("Home")
    window.key("ArrowDown")  # the first row is the real training
    window.key("A", COMMAND)  # of all, those with the first names are drawn
    window.wait_for(f"{CURVES} of", 60)
    total = options.points * CURVES
    window.wait_for(f"of {total:,} points shown", 120)
    figure = window.find("figure", "Loss by")
    stop = threading.Event()
    writer = threading.Thread(target=grow, args=(home, options.points, stop))
    writer.start()
    try:
        with window.recording(options.secs) as going:
            step = 0
            while going():
                step += 1
                x = figure[0] + 80 + (figure[2] - figure[0] - 100) * (step % 200) / 200
                window.events({"PointerMoved": [x, (figure[1] + figure[3]) / 2]})
    finally:
        stop.set()
        writer.join()
    return window.recorded


def grow(home, points, stop):
    """Writes on in every log, ten times a second, as a live run does."""
    logs = [open(log_of(home, number), "a") for number in range(CURVES)]
    step = points
    while not stop.wait(0.1):
        for number, log in enumerate(logs):
            log.write(line(range(step, step + 10), number))
            log.flush()
        step += 10
    for log in logs:
        log.close()


# ---- the window


@contextlib.contextmanager
def display():
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "{}x{}x24".format(*SIZE), "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield ":" + server.stdout.readline().decode().strip()
    finally:
        server.kill()
        server.wait()


class Window:
    """A started program, driven through its inspection port (protocol 1: MessagePack in frames of a length)."""

    def __init__(self, options, home, name, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.log, self.display = home.with_suffix(".frames"), name
        environment = {
            **os.environ,
            "DISPLAY": name,
            "VK_ICD_FILENAMES": os.environ.get("VK_ICD_FILENAMES", LAVAPIPE),
            "EGUI_INSPECTION": f"127.0.0.1:{port}",
            "NO_AT_BRIDGE": "1",
            "ORRERY_FRAME_LOG": str(self.log),
        }
        environment.pop("WAYLAND_DISPLAY", None)
        if options.renderer:
            arguments += ("--renderer", options.renderer)
        null = subprocess.DEVNULL
        command = [options.orrery, "--home", home, *arguments]
        self.process = subprocess.Popen(command, env=environment, stdin=null, stdout=null, stderr=null)
        self.stream = self.connect(port)

    def connect(self, port):
        while self.process.poll() is None:
            try:
                stream = socket.create_connection(("127.0.0.1", port), timeout=120)
            except OSError:
                time.sleep(0.005)
                continue
            magic = stream.recv(8)
            if magic != b"eins\0\0\0\1":
                raise SystemExit(f"another protocol answers: {magic!r}")
            return stream
        raise SystemExit("the window did not open; is the program built with the feature `inspection`?")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.process.kill()
        self.process.wait()

    def ask(self, request):
        body = pack(request)
        self.stream.sendall(struct.pack(">I", len(body)) + body)
        (length,) = struct.unpack(">I", self.read(4))
        return unpack(self.read(length))

    def read(self, length):
        data = bytearray()
        while len(data) < length:
            part = self.stream.recv(length - len(data))
            if not part:
                raise SystemExit("the window is gone")
            data += part
        return bytes(data)

    def nodes(self):
        tree = self.ask("GetTree")["Tree"][2]
        # A node is its role, flags, and a map of what it says.
        return [{"role": node[0], **node[-1]} for _, node in tree[0]] if tree else []

    def says(self, words):
        return any(words in str(node.get(key) or "") for node in self.nodes() for key in ("label", "value"))

    def wait_for(self, words, secs=60):
        end = time.monotonic() + secs
        while not self.says(words):
            if time.monotonic() > end:
                labels = [node.get("label") or node.get("value") for node in self.nodes()]
                raise SystemExit(f"waited {secs} s for '{words}'; the window says {[label for label in labels if label]}")
            time.sleep(0.05)

    def settle(self):
        self.ask({"Settle": [200]})

    def find(self, role, label):
        for node in self.nodes():
            words = str(node.get("label") or node.get("value") or "")
            if node.get("role") == role and words.startswith(label) and node.get("bounds"):
                return node["bounds"]
        raise SystemExit(f"no {role} '{label}' in the window")

    def events(self, *events):
        self.ask({"ApplyEvents": [list(events)]})

    def click(self, role, label):
        left, top, right, bottom = self.find(role, label)
        self.click_at([(left + right) / 2, (top + bottom) / 2])

    def click_until_unsorted(self):
        """A header sorts, sorts the other way, then no more."""
        for _ in range(3):
            sorted_by = [node["label"] for node in self.nodes() if ", sorted" in str(node.get("label"))]
            if not sorted_by:
                break
            self.click("columnHeader", sorted_by[0])
        self.settle()

    def take_focus(self):
        """Gives the window the keyboard: without a window manager nobody else does."""
        x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        screen = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode()))
        ignore = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)
        x11.XSetErrorHandler(ignore)  # helper windows cannot take it
        x11.XDefaultRootWindow.restype = ctypes.c_ulong
        root, parent, children, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        top = ctypes.c_ulong(x11.XDefaultRootWindow(screen))
        found = [ctypes.byref(place) for place in (root, parent, children, count)]
        x11.XQueryTree(screen, top, *found)
        for index in range(count.value):
            x11.XSetInputFocus(screen, ctypes.c_ulong(children[index]), 2, ctypes.c_ulong(0))
        x11.XSync(screen, 0)
        x11.XCloseDisplay(screen)
        self.settle()

    def click_row(self, number):
        """One of the rows in view, counted from the top; the first may be half hidden."""
        rows = sorted((node["bounds"] for node in self.nodes() if node["role"] == "row" and node.get("bounds")), key=lambda row: row[1])
        left, top, _, bottom = rows[number]
        self.click_at([left + 60, (top + bottom) / 2])

    def click_at(self, place):
        self.events({"PointerMoved": place})
        for pressed in (True, False):
            self.events({"PointerButton": [place, "Primary", pressed, PLAIN]})

    def key(self, key, modifiers=PLAIN):
        for pressed in (True, False):
            self.events({"Key": [key, None, pressed, False, modifiers]})

    @contextlib.contextmanager
    def recording(self, secs):
        """Frame times between now and the end of the block, in milliseconds, and the kernel's share of them, in `recorded`."""
        begin, before = self.log.stat().st_size, self.drawing_ticks()
        end = time.monotonic() + secs
        yield lambda: time.monotonic() < end
        with open(self.log, "rb") as log:
            log.seek(begin)
            lines = log.read().splitlines()[1:]
        user, kernel = (after - ticks for after, ticks in zip(self.drawing_ticks(), before))
        times = [int(line.split()[0]) / 1e6 for line in lines if len(line.split()) == 2]
        self.recorded = times, kernel / max(1, user + kernel)

    def drawing_ticks(self):
        """Ticks of the thread that draws: its own, the kernel's."""
        process = self.process.pid
        fields = pathlib.Path(f"/proc/{process}/task/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]), int(fields[12])

    def cpu_share(self, secs):
        """Time on processors of all threads, as a share of one core."""
        def ticks():
            text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
            fields = text.rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        before = ticks()
        time.sleep(secs)
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") / secs


def wheel(points):
    return {"MouseWheel": ["Point", [0.0, float(points)], "Move", "Unknown", PLAIN]}


# ---- MessagePack, as much of it as the protocol uses


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        return struct.pack(">BI", 0xDB, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return struct.pack(">BI", 0xDF, len(value)) + b"".join(pack(key) + pack(item) for key, item in value.items())
    return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))


def unpack(data):
    return Reader(data).value()


class Reader:
    NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self):
        tag = self.take(1)[0]
        if tag < 0x80:
            return tag
        if tag >= 0xE0:
            return tag - 256
        if tag < 0x90:
            return self.map(tag & 0x0F)
        if tag < 0xA0:
            return [self.value() for _ in range(tag & 0x0F)]
        if tag < 0xC0:
            return self.take(tag & 0x1F).decode()
        if tag in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[tag]
        if tag in self.NUMBERS:
            return self.number(self.NUMBERS[tag])
        length = self.number(self.LENGTHS[tag])
        if tag <= 0xC6:
            return self.take(length)
        if tag <= 0xDB:
            return self.take(length).decode()
        return [self.value() for _ in range(length)] if tag <= 0xDD else self.map(length)

    def map(self, length):
        items = [(self.value(), self.value()) for _ in range(length)]
        return {key if not isinstance(key, list) else str(key): item for key, item in items}


if __name__ == "__main__":
    main()
