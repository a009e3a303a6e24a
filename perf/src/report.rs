//! A record as one HTML page without scripts or other files.

use std::fmt::Write;

use crate::chart::{self, Bar, escape};
use crate::record::{Measure, PeerInfo, PeerResult, ProgramResult, Record};

const STYLE: &str = include_str!("report.css");

/// Renders the whole page.
pub fn render(record: &Record) -> String {
    let title = format!("{} compared with other runtimes", record.subject());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{}{}{}{}{}{}</main>\n</body>\n</html>\n",
        lead(record),
        problems(record),
        overall(record),
        programs(record),
        method(record),
        numbers(record),
        title = escape(&title),
    )
}

fn lead(record: &Record) -> String {
    format!(
        "<p class=\"lead\">{} programs, each written as the same algorithm in every language, \
         run {} by each runtime. <b>Shorter bars are better</b>: less time, less \
         memory.</p>\n<p class=\"soft\">{} &middot; {}, {} cores &middot; {}</p>\n",
        record.programs.len(),
        times(record.rounds),
        escape(&record.created),
        escape(&record.machine.cpu),
        record.machine.cores,
        escape(&record.machine.os),
    )
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

fn problems(record: &Record) -> String {
    let failures = record.failures();
    if failures.is_empty() {
        return String::new();
    }
    let items: String =
        failures.iter().map(|failure| format!("<li>{}</li>", escape(failure))).collect();
    format!("<div class=\"card problems\"><h3>Runs that do not count</h3><ul>{items}</ul></div>\n")
}

fn overall(record: &Record) -> String {
    let subject = record.subject();
    let charts: String =
        Measure::ALL.iter().filter_map(|measure| overall_chart(record, *measure)).collect();
    if charts.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Over all programs</h2>\n<p>What <b>{subject}</b> takes divided by what each other \
         runtime takes, as the geometric mean over the programs that both completed. A bar that \
         ends left of the dashed line, at 1, says that {subject} takes less: at 0.5 it takes \
         half.</p>\n<div class=\"cards\">{charts}</div>\n",
        subject = escape(subject),
    )
}

fn overall_chart(record: &Record, measure: Measure) -> Option<String> {
    let subject = record.subject();
    let bars: Vec<Bar> = record
        .others()
        .filter_map(|other| {
            let mean = record.geomean(measure, subject, other)?;
            let count = record.ratios(measure, subject, other).len();
            Some(Bar {
                label: other.to_owned(),
                value: Ok(mean),
                spread: None,
                note: format!("{mean:.2} ({})", in_words(measure, mean)),
                hint: format!("{subject}/{other}: {mean:.3} over {count} programs"),
                class: "gene",
            })
        })
        .collect();
    let title = format!("{}: {subject} ÷ other", measure.title());
    let chart = chart::bars(&title, &bars, Some(1.0));
    let card = format!("<section class=\"card\"><h3>{}</h3>{chart}</section>\n", escape(&title));
    (!bars.is_empty()).then_some(card)
}

fn in_words(measure: Measure, ratio: f64) -> String {
    let (less, more) = match measure {
        Measure::Cpu | Measure::Wall => ("faster", "slower"),
        Measure::Memory => ("less", "more"),
    };
    if (0.98..=1.02).contains(&ratio) {
        "the same".to_owned()
    } else if ratio < 1.0 {
        format!("{:.1}× {less}", 1.0 / ratio)
    } else {
        format!("{ratio:.1}× {more}")
    }
}

/// The charts of each measure; which one is seen, a reader chooses without scripts.
fn programs(record: &Record) -> String {
    let subject = escape(record.subject());
    let mut html = String::from("<h2>Program by program</h2>\n");
    for (at, measure) in Measure::ALL.into_iter().enumerate() {
        let checked = if at == 0 { " checked" } else { "" };
        let title = measure.title();
        let _ = writeln!(
            html,
            "<input type=\"radio\" name=\"measure\" id=\"m{at}\"{checked}><label \
             for=\"m{at}\">{title}</label>"
        );
    }
    let baseline = record.peers.iter().any(|peer| peer.name == "baseline");
    let baseline = match baseline {
        true => "<span class=\"key baseline\"></span>baseline, another gene &ensp;",
        false => "",
    };
    for (at, measure) in Measure::ALL.into_iter().enumerate() {
        let _ = writeln!(
            html,
            "<div class=\"measure m{at}\">\n<p>{}, each chart with its own scale. The thin line \
             goes from the least run to the most. Behind the number stands how many times that \
             of {subject} it is.</p>\n<p class=\"soft\"><span class=\"key gene\"></span>{subject} \
             &ensp;{baseline}<span class=\"key peer\"></span>others</p>\n<div class=\"cards\">",
            what_it_is(measure)
        );
        for program in &record.programs {
            let bar = |result| program_bar(record, measure, program, result);
            let bars: Vec<Bar> = program.results.iter().map(bar).collect();
            let _ = writeln!(
                html,
                "<section class=\"card\"><h3>{}</h3><p>{}</p>{}</section>",
                escape(&program.name),
                escape(&program.about),
                chart::bars(&format!("{} of {}", measure.title(), program.name), &bars, None)
            );
        }
        html.push_str("</div>\n</div>\n");
    }
    html
}

fn what_it_is(measure: Measure) -> &'static str {
    match measure {
        Measure::Cpu => {
            "Median CPU time in milliseconds: what the processor spent on the run, on all its cores"
        }
        Measure::Wall => {
            "Median time on the clock in milliseconds, from the start of the process to its end"
        }
        Measure::Memory => "Median of the most memory that was occupied at once, in megabytes",
    }
}

fn program_bar(
    record: &Record,
    measure: Measure,
    program: &ProgramResult,
    result: &PeerResult,
) -> Bar {
    let summary = result.summary(measure);
    let multiple = (result.peer != record.subject())
        .then(|| program.ratio(measure, &result.peer, record.subject()))
        .flatten()
        .map(|ratio| format!(" · {}×", short(ratio)))
        .unwrap_or_default();
    let unit = measure.unit();
    let hint = match (&summary, &result.failure) {
        (Some(s), _) => {
            format!("median {:.1} {unit}, {:.1} to {:.1} {unit}", s.median, s.min, s.max)
        }
        (None, reason) => reason.clone().unwrap_or_else(|| "not run".to_owned()),
    };
    Bar {
        label: result.peer.clone(),
        spread: summary.map(|s| (s.min, s.max)),
        note: summary.map_or(String::new(), |s| format!("{} {unit}{multiple}", short(s.median))),
        value: summary.map(|s| s.median).ok_or_else(|| "failed".to_owned()),
        hint,
        class: match result.peer.as_str() {
            name if name == record.subject() => "gene",
            "baseline" => "baseline",
            _ => "peer",
        },
    }
}

/// A number with a digit behind the point if it is small.
fn short(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

fn method(record: &Record) -> String {
    let peers: String = record.peers.iter().map(peer_entry).collect();
    format!(
        "<h2>How it was measured</h2>\n<p>A run is a whole process, start and compilation \
         included. Its CPU time is the user and system time that the kernel counted for it, over all \
         its threads, so waiting and other programs on the machine matter little; wall time \
         suffers from them. In each round every runtime ran every program once, taking turns in going first; the number shown is \
         the median of the rounds. A run counts only if all runtimes printed the same \
         result.</p>\n<dl>{peers}</dl>\n"
    )
}

fn peer_entry(peer: &PeerInfo) -> String {
    let mut about = peer.version.clone();
    if let Some(commit) = &peer.commit {
        let _ = write!(about, ", commit {commit}");
    }
    if !peer.arguments.is_empty() {
        let _ = write!(about, ", run with {}", peer.arguments.join(" "));
    }
    format!("<dt>{}</dt><dd>{}</dd>", escape(&peer.name), escape(&about))
}

/// All medians with their spread, a table for each measure.
fn numbers(record: &Record) -> String {
    let tables: String = Measure::ALL.iter().map(|m| number_table(record, *m)).collect();
    format!("<details><summary>All numbers</summary>\n{tables}</details>\n")
}

fn number_table(record: &Record, measure: Measure) -> String {
    let mut html = format!(
        "<h3>{}, {}: median (least..most)</h3>\n<div class=\"scroll\"><table>\n<tr><th>program</th>",
        measure.title(),
        measure.unit()
    );
    for peer in &record.peers {
        let _ = write!(html, "<th>{}</th>", escape(&peer.name));
    }
    html.push_str("</tr>\n");
    for program in &record.programs {
        let _ = write!(html, "<tr><td>{}</td>", escape(&program.name));
        for peer in &record.peers {
            html.push_str(&number_cell(measure, program.of(&peer.name)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    html
}

fn number_cell(measure: Measure, result: Option<&PeerResult>) -> String {
    match (result.and_then(|result| result.summary(measure)), result) {
        (Some(s), _) => format!(
            "<td>{:.1} <span class=\"soft\">({:.1}..{:.1})</span></td>",
            s.median, s.min, s.max
        ),
        (None, Some(_)) => "<td>failed</td>".to_owned(),
        (None, None) => "<td>–</td>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_record;

    #[test]
    fn the_page_holds_programs_peers_and_means() {
        let mut record = sample_record(&["gene", "lua"], &[("fib", &[100.0, 200.0])]);
        record.programs[0].about = "Calls & <more>.".to_owned();
        let html = render(&record);
        assert!(html.contains("Calls &amp; &lt;more&gt;."));
        assert!(html.contains("0.50 (2.0× faster)"));
        assert!(html.contains("200 ms · 2.0×"));
        // Wall time and memory, each with its charts and numbers.
        assert!(html.contains("300 ms · 2.0×") && html.contains("3.1 MB · 1.0×"));
        assert!(html.contains("<td>300.0 <span class=\"soft\">(270.0..330.0)</span></td>"));
        assert!(html.contains("prefers-color-scheme: dark"));
        assert!(!html.contains("<script") && !html.contains("http"));
    }

    #[test]
    fn failures_are_shown_at_the_top() {
        let mut record = sample_record(&["gene", "lua"], &[("fib", &[100.0, 200.0])]);
        record.programs[0].results[0].failure = Some("printed \"1\"".to_owned());
        let html = render(&record);
        assert!(html.contains("Runs that do not count"));
        assert!(html.contains("fib, gene: printed &quot;1&quot;"));
    }
}
