# A small operating system in the spirit of Richards: tasks with a common
# parent pass packets through queues; a scheduler runs whichever has work.
import sys


class Packet:
    def __init__(self, value):
        self.value = value
        self.hops = 0
        self.link = None


class Task:
    def __init__(self, name):
        self.name = name
        self.front = None
        self.back = None
        self.handled = 0

    def ready(self):
        return self.front is not None

    def post(self, packet):
        packet.link = None
        if self.front is None:
            self.front = packet
        else:
            self.back.link = packet
        self.back = packet

    def take(self):
        packet = self.front
        self.front = packet.link
        return packet

    def run(self, system):
        packet = self.take()
        packet.hops += 1
        self.handled += 1
        self.handle(packet, system)

    def handle(self, packet, system):
        pass


class Source(Task):
    """Makes packets as long as there are some to make."""

    def __init__(self, name, remaining):
        super().__init__(name)
        self.remaining = remaining
        self.seed = 1

    def ready(self):
        return self.remaining > 0

    def run(self, system):
        self.remaining -= 1
        self.handled += 1
        self.seed = self.seed * 16807 % 2147483647
        system.send(1 + self.seed % 2, Packet(self.seed % 1000))


class Worker(Task):
    """Changes the packet and sends it on."""

    def __init__(self, name, factor):
        super().__init__(name)
        self.factor = factor

    def handle(self, packet, system):
        packet.value = (packet.value * self.factor + 7) % 1009
        system.send(3, packet)


class Router(Task):
    """Sends packets back for another round, or to the sink."""

    def handle(self, packet, system):
        if packet.hops < 6:
            system.send(1 + packet.value % 2, packet)
        else:
            system.send(4, packet)


class Sink(Task):
    def __init__(self, name):
        super().__init__(name)
        self.sum = 0

    def handle(self, packet, system):
        self.sum = (self.sum * 31 + packet.value) % 1000003


class System:
    def __init__(self, tasks):
        self.tasks = tasks

    def send(self, to, packet):
        self.tasks[to].post(packet)

    def run(self):
        idle = False
        while not idle:
            idle = True
            for task in self.tasks:
                if task.ready():
                    idle = False
                    task.run(self)


def main(n):
    sink = Sink("sink")
    tasks = [Source("source", n), Worker("double", 2), Worker("triple", 3),
             Router("router"), sink]
    System(tasks).run()
    print(sum(task.handled for task in tasks), sink.sum)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 150000)
