# Awaits of coroutines that end without waiting, some of them through two calls.
import asyncio
import sys


async def ready(x):
    return x % 7


async def twice(x):
    return (await ready(x)) + (await ready(x + 1))


async def main(n):
    total = 0
    for i in range(0, n, 3):
        total = (total * 3 + (await twice(i))) % 1000003
    print(total)


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000000))
