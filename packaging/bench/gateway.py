#!/usr/bin/env python3
"""Measures what a balancer costs: orrery's gateway against HAProxy and nginx, over two nginx backends that answer a fixed 200.

Usage: gateway.py [--orrery PATH] [--pairs N] [--secs N] [--rate N]

Needs Debian's wrk, nginx and haproxy. All three balancers stand before the same two backends at once, round robin, connections kept;
HAProxy and nginx have one thread; the gateway has one a core, unless --cores bounds it
(taskset). In each of N rounds every balancer is measured in turn, so that whatever else the machine does meets all of them: requests
a second at 32 connections by wrk, and the 99th percentile at a fixed rate of arrivals, counted from when each request was due (an
answer that comes late makes the next one late, too). Prints the medians with their ratios to HAProxy, and ends with a line of JSON.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

BODY = b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[0.5]}]}'
ANSWER = '{"model_name":"m","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[0.1234]}]}'
PATH = "/v2/models/m/infer"
CONNECTIONS = 32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--secs", type=float, default=3.0)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--cores", help="cores of the gateway, as taskset names them (0, say); all where not given")
    options = parser.parse_args()
    for program in ("wrk", "nginx", "haproxy"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            raise SystemExit(f"{program} is missing: apt-get install wrk nginx haproxy")
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        try:
            measure(options, start(options, pathlib.Path(folder), processes), pathlib.Path(folder))
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def start(options, folder, processes):
    """Starts everything; the port of each balancer by name."""
    ports = [free_port() for _ in range(5)]
    backends, (nginx, haproxy, gateway) = ports[:2], ports[2:]
    for number, port in enumerate(backends):
        server = f"server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}"
        run(processes, ["nginx", "-c", nginx_config(folder, f"backend{number}", server)], port)
    upstream = "".join(f"server 127.0.0.1:{port};" for port in backends)
    balancer = (
        f"upstream backends {{ {upstream} keepalive 64; keepalive_requests 100000000; }} server {{ listen 127.0.0.1:{nginx}; "
        'location / { proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Connection ""; } }'
    )
    run(processes, ["nginx", "-c", nginx_config(folder, "balancer", balancer)], nginx)
    servers = "".join(f"    server b{number} 127.0.0.1:{port}\n" for number, port in enumerate(backends))
    config = folder / "haproxy.cfg"
    config.write_text(
        "global\n    nbthread 1\n    maxconn 1024\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n"
        f"    timeout server 30s\n    http-reuse always\nfrontend f\n    bind 127.0.0.1:{haproxy}\n    default_backend b\n"
        f"backend b\n    balance roundrobin\n{servers}"
    )
    run(processes, ["haproxy", "-f", str(config)], haproxy)
    config = folder / "gateway.json"
    endpoints = [{"name": f"b{number}", "url": f"http://127.0.0.1:{port}"} for number, port in enumerate(backends)]
    config.write_text(json.dumps({"endpoints": endpoints, "strategy": {"name": "weighted_round_robin"}}))
    pinned = ["taskset", "-c", options.cores] if options.cores else []
    program = [options.orrery, "--home", str(folder / "home"), "gateway", "--config", str(config)]
    run(processes, pinned + program + ["--listen", f"127.0.0.1:{gateway}"], gateway)
    return {"haproxy": haproxy, "nginx": nginx, "gateway": gateway}


def nginx_config(folder, name, server):
    work = folder / name
    work.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {work}/{kind};" for kind in kinds)
    config = work / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {work}/pid; error_log {work}/error.log warn; events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; {paths} {server} }}\n"
    )
    return str(config)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(processes, command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    processes.append(process)
    end = time.monotonic() + 30
    while True:
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} ended: {process.stderr.read().decode()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise SystemExit(f"{command[0]} does not listen") from None
            time.sleep(0.05)


def measure(options, ports, folder):
    script = folder / "post.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.body = [[{BODY.decode()}]]\nwrk.headers['Content-Type'] = 'application/json'\n")
    figures = {name: {"per_sec": [], "p99_ms": []} for name in ports}
    for port in ports.values():
        wrk(port, script, 1)
    for number in range(options.pairs):
        # Each is the first of a round in turn.
        names = list(ports)[number % 3 :] + list(ports)[: number % 3]
        for name in names:
            figures[name]["per_sec"].append(wrk(ports[name], script, options.secs))
        for name in names:
            figures[name]["p99_ms"].append(paced(ports[name], options.rate, options.secs))
    result = {}
    for name, lists in figures.items():
        result[name] = {kind: statistics.median(values) for kind, values in lists.items()}
        result[name]["all"] = lists
    for name, one in result.items():
        base = result["haproxy"]
        one["per_sec_ratio"] = one["per_sec"] / base["per_sec"]
        one["p99_more_ms"] = one["p99_ms"] - base["p99_ms"]
        print(
            f"{name:8} {one['per_sec']:9,.0f} requests/s at {CONNECTIONS} connections ({one['per_sec_ratio']:.2f} of HAProxy's), "
            f"p99 {one['p99_ms']:.2f} ms at {options.rate:,}/s ({one['p99_more_ms']:+.2f} ms)"
        )
    print(json.dumps(result))


def wrk(port, script, secs):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(secs))}s", "-s", script, f"http://127.0.0.1:{port}{PATH}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"not every request was answered well: {text}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def paced(port, rate, secs):
    """The 99th percentile in ms of `rate` requests a second, each counted from when it was due."""
    request = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    selector = selectors.DefaultSelector()
    idle = collections.deque()
    for _ in range(64):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
        idle.append(connection)
    due_at, waiting, latencies = {}, collections.deque(), []
    begin, sent, total = time.perf_counter(), 0, int(rate * secs)
    while len(latencies) < total:
        now = time.perf_counter()
        if now - begin > secs + 30:
            raise SystemExit("the requests were not answered")
        while sent < total and begin + sent / rate <= now:
            waiting.append(begin + sent / rate)
            sent += 1
        while waiting and idle:
            connection = idle.popleft()
            due_at[connection] = waiting.popleft()
            connection.send(request)
        for key, _ in selector.select(0 if sent < total else 0.1):
            connection = key.fileobj
            answer = connection.recv(65536)
            # Answers are small: one always came whole here.
            if not answer.startswith(b"HTTP/1.1 200") or not answer.rstrip().endswith(b"}"):
                raise SystemExit(f"no whole good answer: {answer[:200]!r}")
            latencies.append(time.perf_counter() - due_at.pop(connection))
            idle.append(connection)
    for connection in list(selector.get_map().values()):
        connection.fileobj.close()
    latencies.sort()
    return latencies[int(len(latencies) * 0.99)] * 1e3


if __name__ == "__main__":
    main()
