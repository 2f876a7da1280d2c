"""How live the studio's toy game is: frames a second, bytes a frame, and what a frame costs, for 1, 2 and 4 clients.

    python -m benchmarks.toy_game [--clients 1,2,4] [--seconds 10] [--systems GAN,WGAN-GP] [--steps 1]

A server as `energan studio` has it, in a process of its own. Each client is a websocket that asks for the next frame as
soon as it has the last, as a browser does that draws in no time; so the numbers are the server's. Each game plays two
systems on the ring. `ms a frame` is the server's processor time, which other work on the machine does not change much.
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import psutil

from benchmarks.engine import machine, table
from energan.studio.pages.toy.feed import feed
from energan.studio.pages.toy.points import distribution, shown
from energan.studio.pages.toy.session import Sessions, Speed
from energan.studio.pages.toy.system import Pair, settings_of


def serve(listener: socket.socket, clients: int, systems: list[str], steps: int, ready: Connection) -> None:
    """Serves a game for each client, and sends their keys."""
    import uvicorn
    from fastapi import FastAPI, WebSocket

    games, api = Sessions(), FastAPI()
    target = distribution("ring")
    points, extent = shown(target)
    keys = []
    for seed in range(clients):
        pair = Pair(systems, target, settings_of(seed), points, extent)
        pair.step()  # torch imports some of its parts when they are first used
        session = games.open(pair)
        session.speed = Speed(steps, 20)
        session.play(True)
        keys.append(session.key)

    @api.websocket("/{key}")
    async def frames(socket: WebSocket, key: str) -> None:
        await socket.accept()
        session = games.find(key)
        assert session is not None
        await feed(socket, session)

    api.router.on_startup.append(lambda: ready.send(keys))
    uvicorn.Server(uvicorn.Config(api, log_level="critical", ws="websockets-sansio")).run(sockets=[listener])


async def watch(port: int, key: str, seconds: float) -> tuple[int, int]:
    """Frames and bytes that a client gets, the first second left out."""
    from websockets.asyncio.client import connect

    frames = size = 0
    async with connect(f"ws://127.0.0.1:{port}/{key}") as client:
        begun = time.monotonic()
        await client.send("next")
        while (now := time.monotonic()) < begun + 1 + seconds:
            message = await client.recv()
            if isinstance(message, bytes) or message == "":
                await client.send("next")
            if now > begun + 1 and isinstance(message, bytes):
                frames, size = frames + 1, size + len(message)
    return frames, size


def row(clients: int, systems: list[str], steps: int, seconds: float) -> dict[str, Any]:
    """The clients together, for so long."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # those who come before the server is there wait
        ours, theirs = multiprocessing.Pipe()
        given = (listener, clients, systems, steps, theirs)
        server = multiprocessing.get_context("spawn").Process(target=serve, args=given, daemon=True)
        server.start()
        keys = ours.recv()
        process = psutil.Process(server.pid)
        before = process.cpu_times()

        async def together() -> list[tuple[int, int]]:
            port = listener.getsockname()[1]
            return await asyncio.gather(*(watch(port, key, seconds) for key in keys))

        counts = asyncio.run(together())
        after = process.cpu_times()
        server.kill()
        server.join()
    spent = after.user + after.system - before.user - before.system
    frames = sum(count for count, _ in counts)
    return {
        "clients": clients,
        "frames a second each": min(count for count, _ in counts) / seconds,
        "bytes a frame": sum(size for _, size in counts) / max(frames, 1),
        "ms a frame": 1000 * spent / max(frames, 1) * seconds / (seconds + 1),
        "load of the machine": os.getloadavg()[0],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="1,2,4")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--systems", default="GAN,WGAN-GP")
    parser.add_argument("--steps", type=int, default=1, help="steps a frame, at most")
    given = parser.parse_args(arguments)
    rows = []
    for clients in map(int, given.clients.split(",")):
        rows.append(row(clients, given.systems.split(","), given.steps, given.seconds))
        print(rows[-1], file=sys.stderr, flush=True)
    print(machine(compile=False))
    print(table(rows))


if __name__ == "__main__":
    main()
