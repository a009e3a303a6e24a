// A small operating system in the spirit of Richards: tasks with a common
// parent pass packets through queues; a scheduler runs whichever has work.
class Packet {
  constructor(value) {
    this.value = value;
    this.hops = 0;
    this.link = null;
  }
}

class Task {
  constructor(name) {
    this.name = name;
    this.front = null;
    this.back = null;
    this.handled = 0;
  }
  ready() { return this.front !== null; }
  post(packet) {
    packet.link = null;
    if (this.front === null) {
      this.front = packet;
    } else {
      this.back.link = packet;
    }
    this.back = packet;
  }
  take() {
    const packet = this.front;
    this.front = packet.link;
    return packet;
  }
  run(system) {
    const packet = this.take();
    packet.hops += 1;
    this.handled += 1;
    this.handle(packet, system);
  }
  handle(packet, system) {}
}

// Makes packets as long as there are some to make.
class Source extends Task {
  constructor(name, remaining) {
    super(name);
    this.remaining = remaining;
    this.seed = 1;
  }
  ready() { return this.remaining > 0; }
  run(system) {
    this.remaining -= 1;
    this.handled += 1;
    this.seed = this.seed * 16807 % 2147483647;
    system.send(1 + this.seed % 2, new Packet(this.seed % 1000));
  }
}

// Changes the packet and sends it on.
class Worker extends Task {
  constructor(name, factor) {
    super(name);
    this.factor = factor;
  }
  handle(packet, system) {
    packet.value = (packet.value * this.factor + 7) % 1009;
    system.send(3, packet);
  }
}

// Sends packets back for another round, or to the sink.
class Router extends Task {
  handle(packet, system) {
    if (packet.hops < 6) {
      system.send(1 + packet.value % 2, packet);
    } else {
      system.send(4, packet);
    }
  }
}

class Sink extends Task {
  constructor(name) {
    super(name);
    this.sum = 0;
  }
  handle(packet, system) {
    this.sum = (this.sum * 31 + packet.value) % 1000003;
  }
}

class System {
  constructor(tasks) { this.tasks = tasks; }
  send(to, packet) { this.tasks[to].post(packet); }
  run() {
    let idle = false;
    while (!idle) {
      idle = true;
      for (const task of this.tasks) {
        if (task.ready()) {
          idle = false;
          task.run(this);
        }
      }
    }
  }
}

function main(n) {
  const sink = new Sink("sink");
  const tasks = [
    new Source("source", n), new Worker("double", 2), new Worker("triple", 3),
    new Router("router"), sink,
  ];
  new System(tasks).run();
  let handled = 0;
  for (const task of tasks) handled += task.handled;
  console.log(handled, sink.sum);
}

main(Number(process.argv[2] ?? 150000));
