"""Served: a server nobody here wrote, as a process on free ports, and what Orrery says of it."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that is ready when GET `ready` is answered with 200."""

    def __init__(self, name, command, folder, url, ready, **environment):
        self.name, self.url, self.ready = name, url, ready
        self.log = (folder / f"{name}.log").open("w")
        environment = {**os.environ, **environment}
        self.process = subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=self.log, stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(self.url + self.ready, timeout=5).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.__exit__()
                    with open(self.log.name) as log:
                        raise RuntimeError(f"{self.name} did not start: {log.read()[-2000:]}") from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def ask(self, path, body=None):
        """GET, or POST of JSON; returns (status, what came: JSON where it is)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except json.JSONDecodeError:
            return status, text


# What servers answered when they were last recorded, which the codec's tests read. ORRERY_RECORD=1 records anew.
RECORDED = pathlib.Path(__file__).resolve().parent.parent.parent / "engine" / "oip" / "tests" / "servers"


class Checks:
    """Counts what was as expected, and says what was not."""

    def __init__(self):
        self.passed = self.failed = 0

    def expect(self, what, found, wanted):
        if found == wanted:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED fleet: {what}: {found!r} instead of {wanted!r}", flush=True)

    def findings(self, report, kind, wanted):
        """What `orrery fleet conform` found of a server."""
        self.expect("server", report["server"], kind)
        found = {one["name"]: one for one in report["checks"]}
        for name, finding in wanted.items():
            one = found.get(name, {})
            self.expect(f"{kind}: {name} ({one.get('detail')})", one.get("finding"), finding)

    def recorded(self, server, name, calls):
        """What the codec's tests read is what the server answers."""
        found = {}
        for path, body in calls:
            status, answered = server.ask(path, body)
            found[("GET " if body is None else "POST ") + path] = {"status": status, "body": answered}
        file = RECORDED / f"{name}.json"
        if os.environ.get("ORRERY_RECORD"):
            RECORDED.mkdir(exist_ok=True)
            file.write_text(json.dumps(found, indent=1) + "\n")
        for call, wanted in json.loads(file.read_text()).items():
            self.expect(f"{name}: {call}", found.get(call), wanted)

    def endpoint(self, orrery, name, server, region="us-east"):
        """Sets a server up as an endpoint; returns its status once its models were probed."""
        orrery.call("fleet", "regions", "set", region, "--enable")
        orrery.call("fleet", "endpoints", "add", name, server.url, "--region", region)
        return status(orrery, name)


def status(orrery, name):
    state = orrery.call("fleet", "status")[-1]
    return next(one for one in state["endpoints"] if one["endpoint"]["name"] == name)


def fails(orrery, *arguments):
    """The words of a command that must fail."""
    try:
        orrery.call(*arguments)
    except RuntimeError as error:
        return str(error)
    return "it did not fail"


def conform(orrery, server, *more):
    """A report, whether or not it names something untrue (which ends the command with 1)."""
    command = [orrery.binary, "--home", str(orrery.home), "--json", "fleet", "conform", server.url, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)
