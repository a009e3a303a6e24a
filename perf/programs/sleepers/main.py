# Many tasks asleep at the same time: starting, suspending, timers, resuming.
import asyncio
import sys


async def sleeper(i):
    await asyncio.sleep(0.01)
    return i % 7


async def main(n):
    tasks = []
    for i in range(1, n + 1):
        tasks.append(asyncio.create_task(sleeper(i)))
    print(sum(await asyncio.gather(*tasks)))


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100000))
