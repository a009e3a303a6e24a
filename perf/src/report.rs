//! A record as one HTML page without scripts or other files.

use std::fmt::Write;

use crate::chart::{self, Bar, escape};
use crate::record::{PeerInfo, PeerResult, ProgramResult, Record};
use crate::stats;

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
         run {} times by each runtime. Shown is how much processor time they took: <b>shorter \
         bars are faster</b>.</p>\n<p class=\"soft\">{} &middot; {}, {} cores &middot; {}</p>\n",
        record.programs.len(),
        record.rounds,
        escape(&record.created),
        escape(&record.machine.cpu),
        record.machine.cores,
        escape(&record.machine.os),
    )
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
    let bars: Vec<Bar> = record
        .others()
        .filter_map(|other| {
            let mean = record.geomean(subject, other)?;
            let count = record.ratios(subject, other).len();
            Some(Bar {
                label: other.to_owned(),
                value: Ok(mean),
                spread: None,
                note: format!("{mean:.2} ({})", in_words(mean)),
                hint: format!("{subject}/{other}: {mean:.3} over {count} programs"),
                class: "gene",
            })
        })
        .collect();
    if bars.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Over all programs</h2>\n<p>CPU time of <b>{subject}</b> divided by the CPU time of \
         each other runtime, as the geometric mean over the programs that both completed. Left \
         of the dashed line, at 1, {subject} is faster; a bar of 0.5 says that it takes half the \
         time.</p>\n<div class=\"card summary\">{}</div>\n",
        chart::bars("Geometric means of CPU time ratios", &bars, Some(1.0)),
    )
}

fn in_words(ratio: f64) -> String {
    if (0.98..=1.02).contains(&ratio) {
        "the same".to_owned()
    } else if ratio < 1.0 {
        format!("{:.1}× faster", 1.0 / ratio)
    } else {
        format!("{ratio:.1}× slower")
    }
}

fn programs(record: &Record) -> String {
    let subject = escape(record.subject());
    let mut html = format!(
        "<h2>Program by program</h2>\n<p>Median CPU time in milliseconds, each chart with its own \
         scale. The thin line goes from the fastest run to the slowest. Behind the time stands \
         how many times the time of {subject} that is, then the most memory the run \
         occupied.</p>\n<p class=\"soft\"><span class=\"key gene\"></span>{subject} &ensp;<span \
         class=\"key peer\"></span>others</p>\n<div class=\"cards\">\n"
    );
    for program in &record.programs {
        let bars: Vec<Bar> =
            program.results.iter().map(|result| program_bar(record, program, result)).collect();
        let _ = writeln!(
            html,
            "<section class=\"card\"><h3>{}</h3><p>{}</p>{}</section>",
            escape(&program.name),
            escape(&program.about),
            chart::bars(&format!("CPU times of {}", program.name), &bars, None)
        );
    }
    html.push_str("</div>\n");
    html
}

fn program_bar(record: &Record, program: &ProgramResult, result: &PeerResult) -> Bar {
    let cpu = result.cpu();
    let multiple = (result.peer != record.subject())
        .then(|| program.ratio(&result.peer, record.subject()))
        .flatten()
        .map(|ratio| format!(" · {ratio:.1}×"))
        .unwrap_or_default();
    let memory = result
        .rss()
        .map(|rss| format!(" · {:.0} MB", rss.median / 1_000_000.0))
        .unwrap_or_default();
    let hint = match (&cpu, &result.failure) {
        (Some(cpu), _) => {
            format!("median {:.1} ms, {:.1} to {:.1} ms", cpu.median, cpu.min, cpu.max)
        }
        (None, reason) => reason.clone().unwrap_or_else(|| "not run".to_owned()),
    };
    Bar {
        label: result.peer.clone(),
        spread: cpu.map(|cpu| (cpu.min, cpu.max)),
        note: cpu.map_or(String::new(), |cpu| format!("{:.0} ms{multiple}{memory}", cpu.median)),
        value: cpu.map(|cpu| cpu.median).ok_or_else(|| "failed".to_owned()),
        hint,
        class: match result.peer.as_str() {
            name if name == record.subject() => "gene",
            "baseline" => "baseline",
            _ => "peer",
        },
    }
}

fn method(record: &Record) -> String {
    let peers: String = record.peers.iter().map(peer_entry).collect();
    format!(
        "<h2>How it was measured</h2>\n<p>A run is a whole process, start and compilation \
         included. Its time is the user and system time that the kernel counted for it, over all \
         its threads, so waiting and other programs on the machine matter little. In each round \
         every runtime ran every program once, taking turns in going first; the number shown is \
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

fn numbers(record: &Record) -> String {
    let mut html = String::from("<details><summary>All numbers</summary><div class=\"scroll\">");
    html.push_str("<table>\n<tr><th>program</th>");
    for peer in &record.peers {
        let name = escape(&peer.name);
        let _ = write!(html, "<th>{name} CPU ms</th><th>wall ms</th><th>peak MB</th>");
    }
    html.push_str("</tr>\n");
    for program in &record.programs {
        let _ = write!(html, "<tr><td>{}</td>", escape(&program.name));
        for peer in &record.peers {
            html.push_str(&number_cells(program.of(&peer.name)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div></details>\n");
    html
}

fn number_cells(result: Option<&PeerResult>) -> String {
    let measured = result.and_then(|result| Some((result, result.cpu()?, result.rss()?)));
    let Some((result, cpu, rss)) = measured else {
        let what = if result.is_some() { "failed" } else { "–" };
        return format!("<td>{what}</td><td></td><td></td>");
    };
    let walls: Vec<f64> = result.samples.iter().map(|sample| sample.wall_ms).collect();
    format!(
        "<td>{:.1}</td><td>{:.1}</td><td>{:.1}</td>",
        cpu.median,
        stats::median(&walls).unwrap_or(0.0),
        rss.median / 1_000_000.0
    )
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
