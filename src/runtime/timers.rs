//! Timers and the clock.

use std::cell::Cell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::heap::Marker;
use crate::value::Value;

/// Nanoseconds since the loop was made; a clock that can be virtual.
pub struct Clock {
    start: Instant,
    date: SystemTime,
    /// The time, if it is virtual.
    simulated: Option<Cell<u64>>,
}

impl Clock {
    pub fn new(virtual_time: bool) -> Clock {
        let simulated = virtual_time.then(|| Cell::new(0));
        Clock { start: Instant::now(), date: SystemTime::now(), simulated }
    }

    pub fn now(&self) -> u64 {
        match &self.simulated {
            Some(now) => now.get(),
            None => u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }

    pub fn is_virtual(&self) -> bool {
        self.simulated.is_some()
    }

    /// Date and time.
    pub fn date(&self) -> SystemTime {
        match &self.simulated {
            Some(now) => self.date + Duration::from_nanos(now.get()),
            None => SystemTime::now(),
        }
    }

    /// Moves virtual time forward.
    pub fn advance_to(&self, time: u64) {
        if let Some(now) = &self.simulated {
            now.set(now.get().max(time));
        }
    }

    /// How long it is until `time`.
    pub fn until(&self, time: u64) -> Duration {
        Duration::from_nanos(time.saturating_sub(self.now()))
    }
}

/// A timer: when it is due, in order of creation, and what it is for: a future,
/// a reaction, or one of the loop's objects.
#[derive(Clone, Copy)]
pub struct Timer {
    pub due: u64,
    number: u64,
    pub target: Value,
}

impl Timer {
    fn key(&self) -> (u64, u64) {
        (self.due, self.number)
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    fn cmp(&self, other: &Timer) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The timers that are set.
///
/// Most programs set timers in the order in which they become due (many sleeps
/// of the same length): those need no more than a queue. Only a timer that is
/// due before the last one in the queue goes to a heap.
#[derive(Default)]
pub struct Timers {
    queue: VecDeque<Timer>,
    heap: BinaryHeap<Reverse<Timer>>,
    next_number: u64,
    /// How many of them have been removed and are still here.
    removed: usize,
}

impl Timers {
    /// Sets a timer.
    pub fn set(&mut self, due: u64, target: Value) {
        self.next_number += 1;
        let timer = Timer { due, number: self.next_number, target };
        match self.queue.back() {
            Some(last) if *last > timer => self.heap.push(Reverse(timer)),
            _ => self.queue.push_back(timer),
        }
    }

    /// Timers set and not removed.
    pub fn live(&self) -> usize {
        self.queue.len() + self.heap.len() - self.removed
    }

    /// A timer has been removed: its target says so, and it is dropped here
    /// when its time comes, or there are too many of that sort.
    pub fn removed(&mut self, is_live: impl Fn(Value) -> bool) {
        self.removed += 1;
        if self.removed > 64 + self.live() {
            self.purge(is_live);
        }
    }

    fn purge(&mut self, is_live: impl Fn(Value) -> bool) {
        self.queue.retain(|t| is_live(t.target));
        self.heap.retain(|t| is_live(t.0.target));
        self.removed = 0;
    }

    /// Due time of the first timer.
    pub fn next_due(&mut self, is_live: impl Fn(Value) -> bool) -> Option<u64> {
        loop {
            let first = self.first()?;
            if is_live(first.target) {
                return Some(first.due);
            }
            self.pop();
            self.removed -= 1;
        }
    }

    fn first(&self) -> Option<Timer> {
        match (self.queue.front(), self.heap.peek()) {
            (Some(a), Some(Reverse(b))) => Some(*a.min(b)),
            (Some(a), None) => Some(*a),
            (None, Some(Reverse(b))) => Some(*b),
            (None, None) => None,
        }
    }

    fn pop(&mut self) -> Option<Timer> {
        match (self.queue.front(), self.heap.peek()) {
            (Some(a), Some(Reverse(b))) if b < a => self.heap.pop().map(|t| t.0),
            (None, _) => self.heap.pop().map(|t| t.0),
            _ => self.queue.pop_front(),
        }
    }

    /// Takes the first timer that is due at `now`.
    pub fn take_due(&mut self, now: u64, is_live: impl Fn(Value) -> bool) -> Option<Timer> {
        loop {
            if self.first()?.due > now {
                return None;
            }
            let timer = self.pop()?;
            if is_live(timer.target) {
                return Some(timer);
            }
            self.removed -= 1;
        }
    }

    /// Targets, removed ones included.
    pub fn targets(&self) -> impl Iterator<Item = Value> {
        self.queue.iter().map(|t| t.target).chain(self.heap.iter().map(|t| t.0.target))
    }

    pub fn trace(&mut self, marker: &mut Marker) {
        if self.removed > 0 {
            self.purge(super::scheduler::is_live);
        }
        for target in self.targets() {
            marker.value(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_due_by_time_and_then_creation() {
        let mut timers = Timers::default();
        for (i, due) in [30, 10, 20, 10, 30, 5].into_iter().enumerate() {
            timers.set(due, Value::small_int(i as i64));
        }
        let order: Vec<i64> = std::iter::from_fn(|| timers.take_due(30, |_| true))
            .map(|t| t.target.as_small_int().unwrap_or(-1))
            .collect();
        assert_eq!(order, [5, 1, 3, 2, 0, 4]);
    }

    #[test]
    fn the_first_timer_may_be_the_last_that_was_set() {
        let mut timers = Timers::default();
        timers.set(3000, Value::small_int(1));
        timers.set(2, Value::small_int(2));
        assert_eq!(timers.next_due(|_| true), Some(2));
        assert_eq!(timers.take_due(2, |_| true).map(|t| t.due), Some(2));
        assert_eq!(timers.next_due(|_| true), Some(3000));
    }

    #[test]
    fn removed_timers_are_not_taken() {
        let mut timers = Timers::default();
        for i in 0..200 {
            timers.set(i, Value::small_int(i as i64));
        }
        let odd = |v: Value| v.as_small_int().is_some_and(|i| i % 2 == 1);
        for _ in 0..100 {
            timers.removed(odd);
        }
        assert_eq!(timers.live(), 100);
        assert_eq!(timers.next_due(odd), Some(1));
        assert_eq!(std::iter::from_fn(|| timers.take_due(1000, odd)).count(), 100);
        assert_eq!(timers.live(), 0);
    }
}
