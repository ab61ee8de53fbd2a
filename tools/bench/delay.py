"""A slow line: a TCP proxy on loopback that adds a round-trip time, for kernels without `tc netem`.

Every byte goes on half a round trip after it came, in both directions, and a new connection costs one round trip
first, as its handshake would. Latency only: nothing is lost, reordered or slowed beyond it. Run as a program of its
own (`python -m tools.bench.delay MILLISECONDS PORT`), so that it takes no time from the process that measures.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
BLOCK = 64 * 1024
# Blocks under way in one direction: 4 MB, like the receive window of a fast long line.
UNDER_WAY = 64


class Line:
    """The proxy: `half` is the one-way delay in seconds."""

    def __init__(self, half: float, port: int) -> None:
        self._half, self._port = half, port

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have ended it."""
        await asyncio.sleep(2 * self._half)
        far_reader, far_writer = await asyncio.open_connection(HOST, self._port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._way(reader, far_writer))
                ways.create_task(self._way(far_reader, writer))
        finally:
            far_writer.close()
            writer.close()

    async def _way(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        blocks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take(source, blocks))
            both.create_task(self._hand_on(blocks, target))

    async def _take(self, source: asyncio.StreamReader, blocks: asyncio.Queue[tuple[float, bytes]]) -> None:
        now = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await source.read(BLOCK)
            except ConnectionError:
                data = b""
            await blocks.put((now() + self._half, data))

    async def _hand_on(
        self, blocks: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter
    ) -> None:
        now = asyncio.get_running_loop().time
        is_open = True
        while True:
            due, data = await blocks.get()
            if (wait := due - now()) > 0:
                await asyncio.sleep(wait)
            if not data:
                break
            if is_open:
                try:
                    target.write(data)
                    await target.drain()
                except ConnectionError:
                    is_open = False  # the sender must still be read, or it would hang for ever
        with suppress(OSError):
            target.write_eof()


async def serve(milliseconds: float, port: int) -> None:
    """Listen on a free port, which is printed, until killed."""
    line = Line(milliseconds / 2000, port)
    server = await asyncio.start_server(line.connected, HOST, 0, limit=BLOCK, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def slow_line(milliseconds: float, port: int) -> Iterator[int]:
    """A port from which `port` is that far away."""
    command = [sys.executable, "-m", "tools.bench.delay", str(milliseconds), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2])))
