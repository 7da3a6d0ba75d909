#!/usr/bin/env python3
"""Kills imports and trainings at breakpoints and at random instants, and checks that each, resumed, ends with the bits of the unbroken one.

Usage: kills.py [COUNT] [--store | --window] [--orrery PATH] [--workers N] [--seed N]

COUNT kills (1,000 where it is left out) are spread over 22 ways to train and 3 formats to import. The program must be built with the
cargo feature `fault-injection`. Each broken run is killed once, half of them a second time while they go on, and compared with the
unbroken one: weights or trees, graph and preprocessing byte by byte, the history of validation losses and the card's metrics number by
number. Imports are killed while they read, write or register, asked again, and compared: the table's bytes (and so its hash), the
record, the profile, what the store says, and that nothing else is left. With --store, processes that
write to the workspace's database are killed instead, several at once: no row that one of them acknowledged may be lost, and the
file must pass SQLite's integrity check. With --window, programs that edit the window's own state once a millisecond are killed, each
beginning with what the one before left: the state must read back whole after every kill, hold all that it held before, and lack no
edit that was made more than a second before the kill. Ends with one summary line; the exit code is 0 only where nothing was
different or lost.
"""

import argparse
import concurrent.futures
import csv
import gzip
import hashlib
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

EPOCHS = "--epochs 4 --batch-size 16 --dropout 0.2 --width 16 --depth 2 --members 4"
# The three numbers of a row as a very small picture.
PICTURE = " --image-shape 3x1 --augment-erase 0.3"
SETUPS = [
    ("mlp", "binary", EPOCHS),
    ("mlp", "binary", EPOCHS + " --optimizer sgd --categories one-hot"),
    ("mlp", "multiclass", EPOCHS + " --categories one-hot"),
    ("mlp", "regression", EPOCHS + " --optimizer sgd"),
    ("mlp", "multiclass", EPOCHS + " --class-weights"),
    ("resnet", "binary", EPOCHS),
    ("resnet", "multiclass", EPOCHS + " --optimizer sgd --categories one-hot"),
    ("resnet", "regression", EPOCHS),
    ("resnet", "binary", EPOCHS + " --optimizer sgd"),
    ("tabm", "binary", EPOCHS),
    ("tabm", "multiclass", EPOCHS + " --categories one-hot"),
    ("tabm", "regression", EPOCHS),
    ("tabm", "binary", EPOCHS + " --optimizer sgd"),
    ("gbt", "binary", "--trees 40 --leaves 6"),
    ("gbt", "multiclass", "--trees 40 --leaves 6"),
    ("gbt", "regression", "--trees 40 --leaves 6"),
    ("linear", "binary", ""),
    ("linear", "multiclass", ""),
    ("linear", "regression", ""),
    ("cnn", "multiclass", EPOCHS + PICTURE),
    ("resnet-cnn", "binary", EPOCHS + PICTURE),
    ("auto", "binary", EPOCHS + " --trees 20 --leaves 6"),
]
FORMATS = ("csv", "jsonl", "csv.gz")
# Rows of a table to import, so that a random instant falls inside the work.
IMPORTED_ROWS = 20_000
# Where an import is killed, and how often a table of that size surely comes by.
IMPORT_PLACES = {"read": 10, "import": 4, "write": 1, "table": 1, "dataset": 1}
# The exit code of what SIGKILL ended.
KILLED = -9
# Seconds of edits that a killed window may lose.
MOST_LOST_SECS = 1.0
FILES = ("weights.safetensors", "model.onnx", "trees.json", "preprocess.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--store", action="store_true")
    what.add_argument("--window", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    if options.store:
        return kill_writers(options, began)
    if options.window:
        return kill_windows(options, began)
    sweeps = [*((sweep, place) for place in range(len(SETUPS))), *((sweep_imports, place) for place in range(len(FORMATS)))]
    shares = [options.count // len(sweeps) + (place < options.count % len(sweeps)) for place in range(len(sweeps))]
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        work = [pool.submit(do, options, place, share) for (do, place), share in zip(sweeps, shares)]
        results = [found for job in work for found in job.result()]
    report(results, began)


def kill_writers(options, began):
    """Kills processes that write to one store at random instants, and looks for every row they said was there."""
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        table(home / "table.csv", "binary")
        program = [options.orrery, "--home", home]
        subprocess.run([*program, "data", "import", home / "table.csv"], check=True, capture_output=True)
        said, unsound = {"added": set(), "noted": set()}, 0
        for kill in range(0, options.count, options.workers):
            batch = range(kill, min(kill + options.workers, options.count))
            flood = [*program, "job", "flood"]
            writers = [subprocess.Popen([*flood, f"k{place}"], stdout=subprocess.PIPE, text=True) for place in batch]
            time.sleep(chance.uniform(0.02, 0.25))
            for writer in chance.sample(writers, len(writers)):
                writer.kill()
            for writer in writers:
                for line in writer.communicate()[0].splitlines():
                    found = parsed(line) or {}
                    for key in found.keys() & said.keys():
                        said[key].add(found[key])
            if kill % (10 * options.workers) == 0 or batch[-1] + 1 == options.count:
                unsound += sound(home) != "ok"
        with sqlite3.connect(home / "orrery.db") as store:
            runs = {run: json.loads(record) for run, record in store.execute("SELECT id, json FROM runs")}
        lost = len(said["added"] - runs.keys()) + sum(1 for run in said["noted"] if not runs.get(run, {}).get("note"))
        secs = time.monotonic() - began
        print(
            f"store kills: {options.count}, {len(said['added'])} rows and {len(said['noted'])} changes acknowledged, "
            f"{lost} lost, {unsound} failed integrity checks, {secs:.0f} s"
        )
        sys.exit(1 if lost or unsound or not said["added"] else 0)


def kill_windows(options, began):
    """Kills programs that edit the state of a window, one after another in the workspace of each worker."""
    workers = min(options.workers, options.count)
    shares = [options.count // workers + (place < options.count % workers) for place in range(workers)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        sweeps = list(pool.map(lambda place: edit_and_kill(options, place, shares[place]), range(workers)))
    for sweep in sweeps:
        for fault in sweep["faults"]:
            print(f"WRONG: {fault}", file=sys.stderr)
    faults, edits, kept, went_on = (sum(sweep[key] for sweep in sweeps) for key in ("wrong", "edits", "kept", "went_on"))
    worst, secs = max(sweep["worst"] for sweep in sweeps), time.monotonic() - began
    print(
        f"window kills: {options.count}, {edits} edits said, {kept} kept, at most {worst:.3f} s of edits lost, "
        f"{faults} wrong, {went_on} of the kills came after something was kept, {secs:.0f} s"
    )
    # Kills that all come before the first write would show nothing.
    sys.exit(1 if faults or worst > MOST_LOST_SECS or went_on < options.count / 4 else 0)


def edit_and_kill(options, place, count):
    """Kills `count` windows of one workspace at random instants: what was wrong, said, kept, and lost at worst (seconds)."""
    chance = random.Random(options.seed * 1000 + place)
    found = {"faults": [], "edits": 0, "went_on": 0, "worst": 0.0}
    # A child of a killed window may be writing its last line.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, kept = pathlib.Path(folder), 0
        for kill in range(count + 1):
            editor = subprocess.Popen(
                [options.orrery, "--home", home, "job", "edits"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            said = [editor.stdout.readline()]
            if kill < count:
                # The pipe holds more than is said meanwhile.
                time.sleep(chance.uniform(0, 0.05 if kill % 2 else 0.4))
            editor.kill()
            killed = time.time()
            said += editor.communicate()[0].splitlines()
            lines = [line for line in map(parsed, said) if line]
            # The program reads its own file, hash and all; the next one is asked, for the last kill one more that is not counted.
            if not lines or lines[0].get("kept") != kept:
                found["faults"].append(f"after {kill} kills the program begins with {lines[:1]}, not with edit {kept}")
            if kill == count:
                break
            edits = [(line["edited"], line["at"]) for line in lines if "edited" in line]
            now = newest(home / "window.state")
            if now is None:
                found["faults"].append(f"after kill {kill + 1} the newest state is damaged")
                break
            if now < kept:
                found["faults"].append(f"edit {kept} was kept, and is lost after kill {kill + 1}")
            found["worst"] = max([found["worst"], *(killed - at for edit, at in edits if edit > now)])
            found["edits"] += len(edits)
            found["went_on"] += now > kept
            kept = now
    return {**found, "kept": kept, "wrong": len(found["faults"])}


def parsed(line):
    """A line of JSON; nothing where the kill cut it off."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def newest(path):
    """The number in the newest generation of a window's state: 0 where there is none yet, nothing where it is damaged."""
    if not path.exists():
        return 0
    try:
        _, sum_of_it, text = path.read_text().split("\n")[0].split(" ", 2)
        return int(json.loads(text)) if len(sum_of_it) == 64 else None
    except ValueError:
        return None


def sound(home):
    with sqlite3.connect(home / "orrery.db") as store:
        return store.execute("PRAGMA integrity_check").fetchone()[0]


def report(results, began):
    for what, _, fault in results:
        if fault:
            print(f"DIFFERENT after {what}: {fault}", file=sys.stderr)
    wrong = sum(1 for _, _, fault in results if fault)
    secs = time.monotonic() - began
    print(
        f"kills: {sum(kills for _, kills, _ in results)} of {len(results)} runs and imports over {len(SETUPS)} set-ups and "
        f"{len(FORMATS)} formats, {len(results) - wrong} the same, {wrong} different, {secs:.0f} s"
    )
    sys.exit(1 if wrong or not results else 0)


def sweep(options, place, count):
    """Kills one way to train `count` times; of each run what was killed where, how often, and what was different, if anything."""
    model, target, more = SETUPS[place]
    chance = random.Random(options.seed * 1000 + place)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        table(home / "table.csv", target)
        train = [options.orrery, "--home", home, "train", "--data", home / "table.csv", "--target", "y", "--json"]
        train += ["--model", model, "--device", "cpu", "--seed", "7", "--patience", "0", "--name", "run", *more.split()]
        began = time.monotonic()
        said = subprocess.run(train, capture_output=True, text=True, check=True).stdout
        usual = time.monotonic() - began
        run = json.loads(said.splitlines()[0])["run"]
        spec = json.loads((home / "runs" / run / "spec.json").read_text())
        unbroken = left(home, run)
        results, tries, done = [], 0, 0
        while done < count:
            tries += 1
            name = f"killed-{tries}"
            folder_of_it = home / "runs" / name
            folder_of_it.mkdir(parents=True)
            (folder_of_it / "spec.json").write_text(json.dumps({**spec, "run": name}))
            # What was killed goes on, half of the time to be killed once more; the last pass is left alone.
            faults, code = [], KILLED
            for _ in range(1 + (done + 1 < count and chance.random() < 0.5)):
                if code == KILLED:
                    fault = breakpoint(chance, model)
                    code = kill(options, home, name, fault, chance.random() * usual, chance.random() < 0.5)
                    faults += [fault or "at a random instant"] * (code == KILLED)
            if faults:
                if code == KILLED:
                    code = job(options, home, name, {}).wait()
                same = code == 0 and left(home, name) == unbroken
                results.append((f"{model} {target} {more} {', '.join(faults)}", len(faults), None if same else f"exit code {code}"))
                done += len(faults)
        return results


def sweep_imports(options, place, count):
    """Kills imports of one format `count` times; as `sweep`."""
    ending = FORMATS[place]
    chance = random.Random(options.seed * 1000 + len(SETUPS) + place)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        file = home / f"table.{ending}"
        write_as(file, ending)
        began = time.monotonic()
        code = start_import(options, home / "unbroken", file, "").wait()
        usual = time.monotonic() - began
        unbroken = imported(home / "unbroken")
        if code != 0 or unbroken is None:
            return [(f"importing {ending}", 0, f"exit code {code} of the unbroken import")]
        results, tries, done = [], 0, 0
        while done < count:
            tries += 1
            own, faults, code = home / f"killed-{tries}", [], KILLED
            for _ in range(1 + (done + 1 < count and chance.random() < 0.5)):
                if code == KILLED:
                    at = chance.choice(list(IMPORT_PLACES))
                    fault = f"kill@{at}:{chance.randint(1, IMPORT_PLACES[at])}" if chance.random() < 0.75 else None
                    code = ended(start_import(options, own, file, fault or ""), None if fault else chance.random() * usual)
                    faults += [fault or "at a random instant"] * (code == KILLED)
            if faults:
                if code == KILLED:
                    code = start_import(options, own, file, "").wait()
                same = code == 0 and imported(own) == unbroken
                results.append((f"importing {ending} {', '.join(faults)}", len(faults), None if same else f"exit code {code}"))
                done += len(faults)
        return results


def start_import(options, home, file, fault):
    """Starts an import into a workspace; what it says is beside the workspace."""
    spec = home.with_suffix(".json")
    spec.write_text(json.dumps({"job": "import", "home": str(home), "file": str(file), "options": {}, "budget": {}}))
    environment = {**os.environ, "BURN_DEVICE": "flex", "ORRERY_FAULT": fault}
    quiet = subprocess.DEVNULL
    with home.with_suffix(".said").open("w") as said:
        return subprocess.Popen(
            [options.orrery, "job", "run", spec, "--detached"], env=environment, stdin=quiet, stdout=said, stderr=quiet
        )


def imported(home):
    """What is left of an import that ended well, the time left out."""
    events = [event for event in map(parsed, home.with_suffix(".said").read_text().splitlines()) if event]
    done = [event for event in events if event["event"] == "imported"]
    if not done:
        return None
    with sqlite3.connect(home / "orrery.db") as store:
        records = [done[-1]["dataset"], *(json.loads(record) for (record,) in store.execute("SELECT json FROM datasets"))]
    for record in records:
        record.pop("imported_at")
    files = {path.name: digest(path) if path.suffix == ".arrow" else "" for path in (home / "blobs").iterdir()}
    return records, done[-1]["profile"], files


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_as(path, ending):
    """Writes a table in a format."""
    plain = path.with_name("plain.csv")
    table(plain, "multiclass", IMPORTED_ROWS)
    if ending == "jsonl":
        with plain.open() as rows:
            path.write_text("".join(json.dumps(row) + "\n" for row in csv.DictReader(rows)))
    elif ending == "csv.gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        plain.rename(path)


def breakpoint(chance, model):
    """A fault, or nothing where the instant is to be random."""
    if chance.random() < 0.25:
        return None
    steps = {"linear": 8, "gbt": 40}.get(model, 36)
    place = chance.choice(["step", "step", "step", "checkpoint-write", "checkpoint-rename", "checkpoint", "finish", "register"])
    count = {"step": steps, "finish": 2, "register": 4}.get(place, 6)
    return f"kill@{place}:{chance.randint(1, count)}"


def kill(options, home, name, fault, after, often):
    """Starts a run or goes on with it, and kills it at a fault, or where there is none after some seconds; its exit code."""
    more = {"ORRERY_CHECKPOINT_SECS": "0"} if often else {}
    process = job(options, home, name, {**more, "ORRERY_FAULT": fault or ""})
    return ended(process, after if fault is None else None)


def ended(process, after):
    """The exit code of a process, which is killed after some seconds where they are given."""
    try:
        return process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def job(options, home, name, more):
    command = [options.orrery, "job", "run", home / "runs" / name / "spec.json", "--detached"]
    environment = {**os.environ, "BURN_DEVICE": "flex", **more}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)


def left(home, run):
    """What is left of a finished run, times and names left out."""
    lines = (home / "runs" / run / "events.jsonl").read_text().splitlines()
    events = [event for event in map(parsed, lines) if event]
    finished = [event for event in events if event["event"] == "finished"]
    if not finished:
        return None
    folder = home / "models" / finished[-1]["model"].replace(":", "/")
    files = {name: digest(folder / name) for name in FILES if (folder / name).exists()}
    card = json.loads((folder / "card.json").read_text())
    history = []
    for event in events:
        if event["event"] in ("started", "rolled_back"):
            step = event.get("from_step", event.get("step"))
            history = [point for point in history if point[1] <= step]
        elif event["event"] == "points":
            curves = ("valid_loss", "valid_metric")
            history += [(curve, point["step"], point["value"]) for curve, point in event["series"] if curve in curves]
    return files, history, [card[name] for name in ("test", "valid", "baselines", "importance", "kind")]


def table(path, target, rows=240):
    """A small table with numbers, categories and gaps."""
    chance = random.Random(11)
    lines = ["a,b,c,colour,size,y"]
    for row in range(rows):
        a, b, c = chance.uniform(-2, 2), chance.random(), "" if row % 17 == 0 else chance.randrange(50)
        colour, size = chance.randrange(4), chance.randrange(3)
        score = 1.5 * a + (1 if colour >= 2 else -1) + chance.random()
        classes = ["yes" if score > 0.3 else "no", "low" if score < -1 else "high" if score > 1 else "middle"]
        y = {"binary": classes[0], "multiclass": classes[1], "regression": f"{10 * score + b:.3f}"}[target]
        lines.append(f"{a:.3f},{b:.3f},{c},{'red green blue grey'.split()[colour]},{'sml'[size]},{y}")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
