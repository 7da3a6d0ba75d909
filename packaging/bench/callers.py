"""Shared by the fault drills: callers who ask at a fixed rate, whatever becomes of their requests, and a server that misbehaves on command."""

import asyncio
import collections
import json
import math
import multiprocessing
import time

# One request: when it was due (seconds of the monotonic clock), how long it took from then, how it ended, and which version answered.
# It ended `ok`, `wrong` (200 with something that is no sound answer), as a status, `broken`, `refused` or `silent`.
Call = collections.namedtuple("Call", "due secs ended version")

PATIENCE = 10
# What is read of a head is in lower case.
LENGTH = b"content-length:"


class Callers:
    """Callers in a process of their own, from the beginning of a `with` block to its end; `calls` is there afterwards."""

    def __init__(self, port, path, body, rate):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.arguments = (port, head.encode() + body, rate)
        self.calls = self.per_sec = self.latest = None

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        self.over, (self.told, tell) = context.Event(), context.Pipe(duplex=False)
        self.process = context.Process(target=call, args=(*self.arguments, self.over, tell), daemon=True)
        self.process.start()
        tell.close()
        return self

    def __exit__(self, *_):
        self.over.set()
        try:
            calls, self.per_sec, self.latest = self.told.recv()
            self.calls = [Call(*one) for one in calls]
        finally:
            self.process.join(PATIENCE)
            self.process.kill()

    def between(self, begin, end):
        """The requests that were due in that time."""
        return [one for one in self.calls if begin <= one.due < end]


def call(port, request, rate, over, tell):
    calls, late = asyncio.run(asking(port, request, rate, over))
    spent = max(calls, key=lambda one: one[0])[0] - min(calls, key=lambda one: one[0])[0]
    tell.send((calls, (len(calls) - 1) / spent if spent else 0, late))


async def asking(port, request, rate, over):
    """Asks until `over`; the requests, and the most seconds that one was sent after it was due."""
    loop, idle, calls, under_way, late = asyncio.get_running_loop(), [], [], set(), 0.0

    def ended(due, how, version=None):
        calls.append((due, time.monotonic() - due, how, version))
        under_way.discard(due)

    async def ask_anew(due):
        try:
            made = loop.create_connection(lambda: Caller(idle, ended), "127.0.0.1", port)
            _, caller = await asyncio.wait_for(made, PATIENCE)
            caller.ask(due, request)
        except TimeoutError:
            ended(due, "silent")
        except OSError:
            ended(due, "refused")

    tasks = set()
    begin, sent = time.monotonic(), 0
    while not over.is_set():
        while (due := begin + sent / rate) <= time.monotonic():
            late = max(late, time.monotonic() - due)
            under_way.add(due)
            sent += 1
            if idle:
                idle.pop().ask(due, request)
            else:
                task = loop.create_task(ask_anew(due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        await asyncio.sleep(max(0, begin + sent / rate - time.monotonic()))
    while under_way:
        await asyncio.sleep(0.01)
    return calls, late


class Caller(asyncio.Protocol):
    """A kept connection with at most one request under way."""

    def __init__(self, idle, ended):
        self.idle, self.ended = idle, ended
        self.due, self.bytes, self.timer, self.transport = None, b"", None, None

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, due, request):
        self.due, self.bytes = due, b""
        self.timer = asyncio.get_running_loop().call_later(PATIENCE, self.end, "silent")
        self.transport.write(request)

    def data_received(self, data):
        self.bytes += data
        head, found, body = self.bytes.partition(b"\r\n\r\n")
        if self.due is None or not found:
            return
        length = head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length):
            self.end(*judged(head[9:12].decode(), body))

    def connection_lost(self, _error):
        if self in self.idle:
            self.idle.remove(self)
        if self.due is not None:
            self.end("broken")

    def end(self, how, version=None):
        self.timer.cancel()
        due, self.due = self.due, None
        self.ended(due, how, version)
        if how in ("broken", "silent"):
            self.transport.abort()
        else:
            self.idle.append(self)


def judged(status, body):
    """How an answer to one row is to be counted, and the version that it names."""
    if status != "200":
        return status, None
    try:
        answer = json.loads(body)
        for output in answer["outputs"]:
            if output["shape"][0] != 1 or math.prod(output["shape"]) != len(output["data"]):
                return "wrong", answer["model_version"]
        return ("ok" if answer["outputs"] else "wrong"), answer["model_version"]
    except (ValueError, KeyError, TypeError, IndexError):
        return "wrong", None


class Backend:
    """A server of the protocol in a process of its own, which answers inferences as badly as it is told to; its health checks are good."""

    MANNERS = ("good", "slow", "garbage", "half", "shapes", "rows")

    def __init__(self, answer):
        context = multiprocessing.get_context("fork")
        self.manner, self.asked, self.port = context.Value("i", 0), context.Value("i", 0), context.Value("i", 0)
        self.process = context.Process(target=lambda: asyncio.run(self.serve(answer)), daemon=True)
        self.process.start()
        while not self.port.value:
            time.sleep(0.01)

    def behave(self, manner):
        self.manner.value = self.MANNERS.index(manner)

    def end(self):
        self.process.kill()
        self.process.join()

    async def serve(self, answer):
        server = await asyncio.start_server(lambda reader, writer: self.converse(answer, reader, writer), "127.0.0.1", 0)
        self.port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    async def converse(self, answer, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(LENGTH)[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                manner = "good"
                if b"/infer " in head:
                    manner = self.MANNERS[self.manner.value]
                    self.asked.value += 1
                if manner == "slow":
                    await asyncio.sleep(3)
                body = misbehaved(answer, manner)
                told = len(body) * 2 if manner == "half" else len(body)
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {told}\r\n\r\n".encode() + body)
                await writer.drain()
                if manner == "half":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def misbehaved(answer, manner):
    """The body of an answer in that manner, made of a sound one."""
    if manner == "garbage":
        return b"\x01\x02 this is no answer \xff"
    if manner == "half":
        return answer[: len(answer) // 2]
    if manner in ("shapes", "rows"):
        made = json.loads(answer)
        for output in made["outputs"]:
            # Shapes that the data do not fill; or, consistent in itself, an answer to two rows where one was asked.
            output["shape"][0] = 2
            if manner == "rows":
                output["data"] *= 2
        return json.dumps(made).encode()
    return answer
