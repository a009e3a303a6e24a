//! Makes a program out of a number.

use std::fmt::Write;

/// A function `scenario` that takes the books.
pub fn program(seed: u64) -> String {
    let mut g = Generator { random: fastrand::Rng::with_seed(seed), text: String::new() };
    g.scenario();
    g.text
}

struct Generator {
    random: fastrand::Rng,
    text: String,
}

/// Bodies inside each other, at most.
const DEPTH: usize = 3;

impl Generator {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "", indent = depth * 2 + 2);
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.usize(..limit)
    }

    /// A duration: many are equal, some are 0.
    fn duration(&mut self) -> usize {
        [0, 1, 2, 5, 5, 10, 30][self.below(7)]
    }

    fn scenario(&mut self) {
        self.text.push_str("(fn scenario [b]\n");
        for _ in 0..1 + self.below(3) {
            let capacity = [0, 0, 1, 2, 5][self.below(5)];
            self.line(0, &format!("(b/channels .add (new gene/Channel {capacity}))"));
        }
        for _ in 0..2 {
            self.line(0, "(b/gates .add (new gene/Future))");
        }
        let tasks = 2 + self.below(5);
        for task in 0..tasks {
            self.line(0, &format!("(fn ^^async work{task} [n]"));
            self.line(1, &format!("(b .tell #\"{task}:#{{n}}\")"));
            self.block(1, 1 + DEPTH);
            self.line(1, "n)");
        }
        for task in 0..tasks {
            let n = self.below(10);
            self.line(0, &format!("(b .start (work{task} {n}))"));
        }
        if self.random.bool() {
            // Synchronous code drives the loop.
            let task = self.below(9);
            self.line(0, &format!("(try (await ^timeout 20 (b .task {task})) catch * nil)"));
        }
        self.line(0, "nil)");
    }

    /// Some statements in a task; `depth` is how deep they may nest.
    fn block(&mut self, indent: usize, depth: usize) {
        for _ in 0..1 + self.below(4) {
            self.statement(indent, depth);
        }
    }

    /// Waits for the value of an expression.
    fn wait(&mut self, indent: usize, awaited: &str, then: &str) {
        self.line(indent, "(do");
        self.line(indent + 1, "(var at (b .begin))");
        self.line(indent + 1, &format!("(var v (try {awaited} finally (b .goes_on at)))"));
        self.line(indent + 1, &format!("{then})"));
    }

    fn statement(&mut self, indent: usize, depth: usize) {
        let kinds = if depth == 0 { 9 } else { 22 };
        match self.below(kinds) {
            0 => {
                let ms = self.duration();
                self.wait(indent, &format!("(await (gene/sleep_async {ms}))"), "nil");
            }
            1 | 2 => self.send(indent),
            3 | 4 => self.receive(indent),
            5 => {
                let channel = self.below(3);
                self.line(indent, "(do");
                self.line(indent + 1, "(var at (b .begin))");
                let sent = format!("((b .channel {channel}) .try_send at)");
                self.line(
                    indent + 1,
                    &format!(
                        "(try (if {sent} (b .was_sent at)) catch * nil finally (b .goes_on at)))"
                    ),
                );
            }
            6 => {
                let channel = self.below(3);
                self.line(indent, &format!("(b .received ((b .channel {channel}) .try_recv))"));
            }
            7 => self.small(indent),
            8 => {
                let (gate, ms) = (self.below(2), 1 + self.duration());
                self.wait(
                    indent,
                    &format!("(await ^timeout {ms} (async (await (b .gate {gate}))))"),
                    "nil",
                );
            }
            9 | 10 => self.guarded(indent, depth - 1),
            11 => self.caught(indent, depth - 1),
            12 => self.started(indent, depth - 1),
            13 => self.timed(indent, depth - 1),
            14 => self.scope(indent, depth - 1),
            15 => self.repeated(indent, depth - 1),
            16 => self.combined(indent, depth - 1),
            17 => self.generated(indent, depth - 1),
            18 => {
                let (task, ms) = (self.below(9), self.duration());
                self.wait(
                    indent,
                    &format!("(await ^timeout {ms} (async (await (b .task {task}))))"),
                    "nil",
                );
            }
            19 => {
                let task = self.below(9);
                self.line(indent, &format!("(try ((b .task {task}) .cancel) catch * nil)"));
            }
            20 => self.deferred(indent, depth - 1),
            _ => self.streamed(indent),
        }
    }

    /// Sends the number of the `await`, which no other send of this run has.
    fn send(&mut self, indent: usize) {
        let channel = self.below(3);
        let timeout = if self.below(3) == 0 {
            format!("^timeout {} ", self.duration())
        } else {
            String::new()
        };
        self.line(indent, "(do");
        self.line(indent + 1, "(var at (b .begin))");
        self.line(
            indent + 1,
            &format!("(try (await {timeout}((b .channel {channel}) .send at)) (b .was_sent at) finally (b .goes_on at)))"),
        );
    }

    fn receive(&mut self, indent: usize) {
        let channel = self.below(3);
        let timeout = if self.below(3) == 0 {
            format!("^timeout {} ", self.duration())
        } else {
            String::new()
        };
        let awaited = format!("(await {timeout}((b .channel {channel}) .recv))");
        self.wait(indent, &awaited, "(b .received v)");
    }

    fn small(&mut self, indent: usize) {
        let text = match self.below(8) {
            0 => "(gene/check_cancelled)".to_owned(),
            1 => format!("(if (n > {}) (throw \"thrown\"))", self.below(10)),
            2 => format!("(try ((b .gate {}) .complete n) catch * nil)", self.below(2)),
            3 => format!("(if (n == {}) (return n))", self.below(10)),
            4 => format!("(if (n == {}) ((b .channel {}) .close))", self.below(10), self.below(3)),
            5 => "(n = ((n + 3) % 10))".to_owned(),
            6 => format!("(gene/wait_until ^timeout {} (n > 20))", self.duration()),
            _ => "(b .tell n)".to_owned(),
        };
        self.line(indent, &text);
    }

    /// `finally`, which may wait itself.
    fn guarded(&mut self, indent: usize, depth: usize) {
        self.line(indent, "(b .enter)");
        self.line(indent, "(try");
        self.block(indent + 1, depth);
        self.line(indent, "finally");
        if self.random.bool() {
            let ms = self.duration();
            // A second cancellation is raised there.
            self.line(indent + 1, &format!("(try (await (gene/sleep_async {ms})) catch * nil)"));
        }
        self.line(indent + 1, "(b .leave))");
    }

    fn caught(&mut self, indent: usize, depth: usize) {
        self.line(indent, "(try");
        self.block(indent + 1, depth);
        let class = ["*", "CancellationException", "TimeoutException", "*"][self.below(4)];
        self.line(indent, &format!("catch {class}"));
        self.block(indent + 1, depth.saturating_sub(1));
        self.line(indent + 1, "nil)");
    }

    fn body(&mut self, indent: usize, depth: usize, head: &str, end: &str) {
        self.line(indent, head);
        self.block(indent + 1, depth);
        self.line(indent + 1, end);
    }

    /// A task; whether it is waited for.
    fn started(&mut self, indent: usize, depth: usize) {
        match self.random.bool() {
            true => self.body(indent, depth, "(b .start (async", "n))"),
            false => {
                self.line(indent, "(do");
                self.line(indent + 1, "(var at (b .begin))");
                self.line(indent + 1, "(try");
                self.body(indent + 2, depth, "(await (b .start (async", "n)))");
                self.line(indent + 1, "finally (b .goes_on at)))");
            }
        }
    }

    fn timed(&mut self, indent: usize, depth: usize) {
        let ms = self.duration();
        self.line(indent, "(try");
        self.body(indent + 1, depth, &format!("(await ^timeout {ms} (b .start (async"), "n)))");
        self.line(indent, "catch TimeoutException (b .tell \"late\"))");
    }

    fn scope(&mut self, indent: usize, depth: usize) {
        let timeout = if self.random.bool() {
            format!("^timeout {} ", 1 + self.duration())
        } else {
            String::new()
        };
        self.line(indent, &format!("(gene/scope {timeout}[s]"));
        for _ in 0..1 + self.below(3) {
            self.body(indent + 1, depth, "(b .start (async", "n))");
        }
        if self.below(4) == 0 {
            self.line(indent + 1, "(s .cancel)");
        }
        self.block(indent + 1, depth.saturating_sub(1));
        self.line(indent + 1, "n)");
    }

    fn repeated(&mut self, indent: usize, depth: usize) {
        let times = 1 + self.below(4);
        self.line(indent, &format!("(for i in (1 .. {times})"));
        self.block(indent + 1, depth);
        if self.below(3) == 0 {
            self.line(indent + 1, "(if (i == 2) (break))");
        }
        self.line(indent + 1, "nil)");
    }

    fn combined(&mut self, indent: usize, depth: usize) {
        let combinator =
            ["gene/all", "gene/race", "gene/any", "gene/all_settled", "$await_all"][self.below(5)];
        let open = if combinator == "$await_all" { "(" } else { "(await (" };
        let close = if combinator == "$await_all" { "])" } else { "]))" };
        self.line(indent, &format!("{open}{combinator} ["));
        for _ in 0..1 + self.below(3) {
            self.body(indent + 1, depth, "(b .start (async", "n))");
        }
        let ms = self.duration();
        self.line(indent + 1, &format!("(gene/sleep_async {ms}){close}"));
    }

    fn generated(&mut self, indent: usize, depth: usize) {
        self.line(indent, "(do");
        self.line(indent + 1, "(fn ^^async items* []");
        self.line(indent + 2, "(b .enter)");
        self.line(indent + 2, "(try");
        for item in 0..1 + self.below(3) {
            self.block(indent + 3, depth.saturating_sub(1));
            self.line(indent + 3, &format!("(yield {item})"));
        }
        self.line(indent + 2, "finally (b .leave)))");
        self.line(indent + 1, "(for ^^await item in (items*)");
        if self.random.bool() {
            self.line(indent + 2, "(if (item == 1) (break))");
        }
        self.block(indent + 2, depth.saturating_sub(1));
        self.line(indent + 2, "(b .tell item)))");
    }

    fn deferred(&mut self, indent: usize, depth: usize) {
        let ms = self.duration();
        self.line(indent, "(b .start (gene/defer (do");
        self.block(indent + 1, depth.saturating_sub(1));
        self.line(indent + 1, &format!("n) {ms}))"));
    }

    /// Takes what comes from a channel for a limited time.
    fn streamed(&mut self, indent: usize) {
        let (channel, ms) = (self.below(3), self.duration());
        self.line(indent, "(try");
        self.line(indent + 1, &format!("(await ^timeout {ms} (b .start (async"));
        self.line(
            indent + 2,
            &format!("(for ^^await v in (b .channel {channel}) (b .received v)))))"),
        );
        self.line(indent, "catch TimeoutException nil)");
    }
}
