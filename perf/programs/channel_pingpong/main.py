# Two tasks hand a number back and forth over queues with room for one item,
# the smallest that asyncio has.
import asyncio
import sys


async def answer(ping, pong):
    while True:
        x = await ping.get()
        if x is None:
            break
        await pong.put(x + 1)


async def main(n):
    ping = asyncio.Queue(1)
    pong = asyncio.Queue(1)
    task = asyncio.create_task(answer(ping, pong))
    x = 0
    while x < n:
        await ping.put(x)
        x = (await pong.get()) + 1
    await ping.put(None)
    await task
    print(x)


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000000))
