// Two tasks hand a number back and forth over channels without room.
// JavaScript has no channels; this one is built on promises as is usual.
class Channel {
  constructor() {
    this.senders = [];
    this.receivers = [];
    this.closed = false;
  }

  send(value) {
    const receiver = this.receivers.shift();
    if (receiver) {
      receiver({ value, done: false });
      return Promise.resolve();
    }
    return new Promise((resolve) => this.senders.push({ value, resolve }));
  }

  next() {
    const sender = this.senders.shift();
    if (sender) {
      sender.resolve();
      return Promise.resolve({ value: sender.value, done: false });
    }
    if (this.closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.receivers.push(resolve));
  }

  async recv() {
    return (await this.next()).value;
  }

  close() {
    this.closed = true;
    for (const receiver of this.receivers.splice(0)) {
      receiver({ value: undefined, done: true });
    }
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

async function answer(ping, pong) {
  for await (const x of ping) await pong.send(x + 1);
  pong.close();
}

async function main(n) {
  const ping = new Channel();
  const pong = new Channel();
  answer(ping, pong);
  let x = 0;
  while (x < n) {
    await ping.send(x);
    x = (await pong.recv()) + 1;
  }
  ping.close();
  console.log(x);
}

main(Number(process.argv[2] ?? 1000000));
