//! Dates and times (13.7).

use std::sync::LazyLock;
use std::time::Instant;

use gene_isa::Symbol;
use gene_isa::datum::{Date, Time};
use jiff::{Timestamp, ToSpan, Zoned};

use super::{Natives, Outcome, int, methods, text, wrong_receiver};
use crate::object::foreign::foreign;
use crate::object::misc::int_of;
use crate::object::time::{self, DateData, DateTimeData, TimeData, zone_name};
use crate::runtime;
use crate::value::Value;
use crate::vm::{Args, ClassName, Throw, Vm};

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/yesterday", 0, 0, |vm, _| Ok(day(vm, -1)));
    vm.define_fn_in("gene/today", 0, 0, |vm, _| Ok(day(vm, 0)));
    vm.define_fn_in("gene/tomorrow", 0, 0, |vm, _| Ok(day(vm, 1)));
    vm.define_fn_in("gene/now", 0, 0, |vm, _| Ok(now(vm)));
    vm.define_fn_in("time/now", 0, 0, |vm, _| {
        Ok(Value::float(timestamp(vm).as_microsecond() as f64 / 1e6))
    });
    vm.define_fn_in("time/now_us", 0, 0, |vm, _| {
        let now = timestamp(vm).as_microsecond();
        Ok(int(vm, now))
    });

    vm.computed_globals.insert(Symbol::intern("duration_start"), duration_start);
    vm.computed_globals.insert(Symbol::intern("duration"), duration);

    for class in [ClassName::Date, ClassName::DateTime] {
        methods(vm, class, DATE);
    }
    for class in [ClassName::Time, ClassName::DateTime] {
        methods(vm, class, TIME);
    }
    vm.method(ClassName::DateTime, &["to_i"], 0, 0, to_i);
}

const DATE: &Natives = &[
    (&["year"], 0, 0, |vm, args| date_part(vm, args, |d| d.year as i64)),
    (&["month"], 0, 0, |vm, args| date_part(vm, args, |d| d.month as i64)),
    (&["day"], 0, 0, |vm, args| date_part(vm, args, |d| d.day as i64)),
];

const TIME: &Natives = &[
    (&["hour"], 0, 0, |vm, args| time_part(vm, args, |t| t.hour as i64)),
    (&["minute"], 0, 0, |vm, args| time_part(vm, args, |t| t.minute as i64)),
    (&["second"], 0, 0, |vm, args| time_part(vm, args, |t| t.second as i64)),
    (&["microsecond"], 0, 0, |vm, args| time_part(vm, args, |t| t.microsecond as i64)),
    (&["offset"], 0, 0, offset),
    (&["timezone"], 0, 0, timezone),
];

/// Name of the hidden global that holds when the clock was started.
const STARTED: &str = "\0duration";

/// Microseconds on a clock that never goes back.
fn monotonic_us() -> i64 {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    EPOCH.elapsed().as_micros() as i64
}

/// `$duration_start`
fn duration_start(vm: &mut Vm) -> Outcome {
    let started = int(vm, monotonic_us());
    vm.globals.insert(Symbol::intern(STARTED), started);
    Ok(int(vm, Timestamp::now().as_microsecond()))
}

/// `$duration`
fn duration(vm: &mut Vm) -> Outcome {
    let started = vm.globals.get(&Symbol::intern(STARTED)).copied();
    match started.and_then(int_of) {
        Some(started) => Ok(int(vm, monotonic_us() - started)),
        None => Err(vm.runtime_error("$duration was read before $duration_start")),
    }
}

fn date_of(date: jiff::civil::Date) -> Date {
    Date { year: date.year() as u16, month: date.month() as u8, day: date.day() as u8 }
}

/// The local date, some days from now.
fn day(vm: &mut Vm, days: i64) -> Value {
    let today = zoned(vm).date();
    let date = today.checked_add(days.days()).unwrap_or(today);
    time::date(&mut vm.heap, date_of(date))
}

/// The time by the clock of the event loop.
fn timestamp(vm: &mut Vm) -> Timestamp {
    Timestamp::try_from(runtime::date(vm)).unwrap_or_else(|_| Timestamp::now())
}

fn zoned(vm: &mut Vm) -> Zoned {
    timestamp(vm).to_zoned(jiff::tz::TimeZone::system())
}

/// The local date and time with its offset from UTC, in whole minutes.
fn now(vm: &mut Vm) -> Value {
    let now = zoned(vm);
    let clock = now.time();
    let written = Time {
        hour: clock.hour() as u8,
        minute: clock.minute() as u8,
        second: clock.second() as u8,
        microsecond: clock.subsec_nanosecond() as u32 / 1000,
        offset: Some((now.offset().seconds() / 60) as i16),
        zone: None,
        utc: false,
    };
    time::date_time(&mut vm.heap, date_of(now.date()), &written)
}

fn this_time<'a>(vm: &mut Vm, args: Args) -> Result<&'a Time, Throw> {
    let value = args.this();
    let found = foreign::<TimeData>(value).map(|t| &t.0);
    match found.or_else(|| foreign::<DateTimeData>(value).map(|d| &d.1)) {
        Some(time) => Ok(time),
        None => Err(wrong_receiver(vm, args)),
    }
}

fn date_part(vm: &mut Vm, args: Args, part: fn(&Date) -> i64) -> Outcome {
    let value = args.this();
    let found = foreign::<DateData>(value).map(|d| &d.0);
    match found.or_else(|| foreign::<DateTimeData>(value).map(|d| &d.0)) {
        Some(date) => Ok(Value::small_int(part(date))),
        None => Err(wrong_receiver(vm, args)),
    }
}

fn time_part(vm: &mut Vm, args: Args, part: fn(&Time) -> i64) -> Outcome {
    Ok(Value::small_int(part(this_time(vm, args)?)))
}

fn offset(vm: &mut Vm, args: Args) -> Outcome {
    let offset = this_time(vm, args)?.offset;
    Ok(offset.map_or(Value::NIL, |minutes| Value::small_int(minutes as i64)))
}

fn timezone(vm: &mut Vm, args: Args) -> Outcome {
    match zone_name(this_time(vm, args)?) {
        Some(name) => Ok(text(vm, name)),
        None => Ok(Value::NIL),
    }
}

fn to_i(vm: &mut Vm, args: Args) -> Outcome {
    match foreign::<DateTimeData>(args.this()) {
        Some(data) => Ok(Value::small_int(data.epoch_us().div_euclid(1000))),
        None => Err(wrong_receiver(vm, args)),
    }
}
