use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use super::*;

fn function(name: &str, line: u32, kind: Kind) -> Function {
    let file = if line == 0 { "" } else { "some/where/a.gene" };
    Function { name: name.into(), file: file.into(), line, kind }
}

/// 70 ms in `f`, of which 20 in a native, and 30 ms of waiting.
fn profile() -> Profile {
    let functions = vec![
        function("main", 9, Kind::Interpreted),
        function("f", 3, Kind::Compiled),
        function("sort", 0, Kind::Native),
        function("waiting in the event loop", 0, Kind::Waiting),
    ];
    let frame = |function, line| Frame { function, line };
    let stack = |frames: &[(usize, u32)], ms: u64| Stack {
        frames: frames.iter().map(|(f, l)| frame(*f, *l)).collect(),
        weight: ms * 1_000_000,
        count: ms,
    };
    let stacks = vec![
        stack(&[(0, 10), (1, 4)], 50),
        stack(&[(3, 0)], 30),
        stack(&[(0, 10), (1, 5), (2, 0)], 20),
    ];
    Profile {
        program: "some/where/a.gene".into(),
        functions,
        stacks,
        unit: Unit::Nanoseconds,
        manner: "at 1000 Hz".into(),
        elapsed: Duration::from_millis(100),
        lost: 0,
    }
}

#[test]
fn quantities_have_three_digits() {
    let shown = |n| quantity(Unit::Nanoseconds, n);
    assert_eq!(shown(999), "999 ns");
    assert_eq!(shown(1_234_567), "1.23 ms");
    assert_eq!(shown(123_456_789), "123 ms");
    assert_eq!(shown(12_345_678_901), "12.3 s");
    assert_eq!(quantity(Unit::Bytes, 65536), "64 KiB");
}

#[test]
fn the_table_has_shares_of_the_function_and_of_what_it_calls() {
    let table = profile().summary();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "a.gene: 100 ms, 100 samples at 1000 Hz");
    let words = |i: usize| lines[i].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(2), "50.0 % 70.0 % compiled f a.gene:3");
    assert_eq!(words(3), "30.0 % 30.0 % waiting waiting in the event loop");
    assert_eq!(words(4), "20.0 % 20.0 % native sort");
    assert_eq!(words(5), "0.0 % 70.0 % interpreted main a.gene:9");
}

#[test]
fn recursion_counts_once() {
    let mut profile = profile();
    let frame = Frame { function: 1, line: 4 };
    profile.stacks = vec![Stack { frames: vec![frame; 5], weight: 1000, count: 1 }];
    let shares = profile.shares();
    assert_eq!((shares[0].own, shares[0].total), (1000, 1000));
}

#[test]
fn folded_lines() {
    let main = "main (a.gene:9) [interpreted];f (a.gene:3) [compiled]";
    let expected = [
        format!("{main} 50000"),
        format!("{main};sort [native] 20000"),
        "waiting in the event loop [waiting] 30000".to_owned(),
    ];
    assert_eq!(profile().folded(), expected);
}

#[test]
fn speedscope_refers_to_frames_that_exist() {
    let json = profile().speedscope();
    let frames = json["shared"]["frames"].as_array().unwrap();
    let sampled = &json["profiles"][0];
    let samples = sampled["samples"].as_array().unwrap();
    let weights = sampled["weights"].as_array().unwrap();
    assert_eq!(samples.len(), weights.len());
    assert!(
        samples
            .iter()
            .flat_map(|s| s.as_array().unwrap())
            .all(|i| { (i.as_u64().unwrap() as usize) < frames.len() })
    );
    assert_eq!(frames[1]["name"], "f [compiled]");
    assert_eq!(frames[1]["line"], 3);
    let sum: u64 = weights.iter().map(|w| w.as_u64().unwrap()).sum();
    assert_eq!(Some(sum), sampled["endValue"].as_u64());
}

/// The fields of a message: number, and value or content.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = varint(&mut bytes);
        match key & 7 {
            0 => fields.push((key >> 3, value, &bytes[..0])),
            2 => {
                let (content, rest) = bytes.split_at(value as usize);
                fields.push((key >> 3, 0, content));
                bytes = rest;
            }
            kind => panic!("kind {kind}"),
        }
    }
    fields
}

#[test]
fn pprof_can_be_decoded() {
    let packed = profile().pprof().unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let all = fields(&bytes);
    let strings: Vec<&str> =
        all.iter().filter(|f| f.0 == 6).map(|f| std::str::from_utf8(f.2).unwrap()).collect();
    assert_eq!(strings[0], "");
    let numbers = |message: &[u8]| -> HashMap<u64, u64> {
        fields(message).iter().map(|(field, value, _)| (*field, *value)).collect()
    };
    let functions: HashMap<u64, &str> = all
        .iter()
        .filter(|f| f.0 == 5)
        .map(|f| numbers(f.2))
        .map(|f| (f[&1], strings[f[&2] as usize]))
        .collect();
    let locations: HashMap<u64, (&str, u64)> = all
        .iter()
        .filter(|f| f.0 == 4)
        .map(|f| {
            let line = fields(f.2).iter().find(|f| f.0 == 4).map(|f| numbers(f.2)).unwrap();
            (numbers(f.2)[&1], (functions[&line[&1]], line.get(&2).copied().unwrap_or(0)))
        })
        .collect();
    let sample = all.iter().find(|f| f.0 == 2).unwrap();
    let packed = |field: u64| fields(sample.2).iter().find(|f| f.0 == field).unwrap().2.to_vec();
    let stack: Vec<(&str, u64)> = packed(1).iter().map(|id| locations[&u64::from(*id)]).collect();
    assert_eq!(stack, [("f [compiled]", 4), ("main [interpreted]", 10)]);
    assert_eq!(packed(2)[0], 50);
}

#[test]
fn the_picture_has_a_legend_and_colours_by_kind() {
    let svg = profile().svg().unwrap();
    for words in ["Gene, interpreted", "Gene, machine code", "native (Rust)", "waiting"] {
        assert!(svg.contains(&format!(">{words}</text>")), "{words}");
    }
    assert!(!svg.contains("garbage collection"), "it did not occur");
    assert!(svg.contains("<title>f (a.gene:3) [compiled] (70,000 us, 70.00%)</title>"), "{svg}");
}
