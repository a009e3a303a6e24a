//! The comparison as text for a terminal.

use console::{Style, measure_text_width};

use crate::record::{Measure, ProgramResult, Record};
use crate::stats::Summary;

/// A table for each measure, that of CPU time last, where one looks: a program a
/// line, the median with the spread for each peer, then the subject's divided by each
/// other's. Geometric means below.
pub fn render(record: &Record) -> String {
    let mut text = String::new();
    for measure in [Measure::Memory, Measure::Wall, Measure::Cpu] {
        let title = format!("{}, {}", measure.title(), measure.unit());
        text.push_str(&format!("{}\n", Style::new().bold().underlined().apply_to(title)));
        text.push_str(&table(record, measure));
        text.push('\n');
    }
    text.push_str(&legend(record));
    text
}

fn table(record: &Record, measure: Measure) -> String {
    let subject = record.subject();
    let mut rows = vec![header(record)];
    rows.extend(record.programs.iter().map(|program| program_row(record, measure, program)));
    let mut means = vec!["geometric mean".to_owned()];
    means.resize(1 + record.peers.len(), String::new());
    means.extend(record.others().map(|o| ratio_cell(record.geomean(measure, subject, o))));
    rows.push(means);
    align(&rows)
}

fn header(record: &Record) -> Vec<String> {
    let mut row = vec!["program".to_owned()];
    row.extend(record.peers.iter().map(|peer| peer.name.clone()));
    row.extend(record.others().map(|other| format!("{}/{other}", record.subject())));
    row.iter().map(|cell| Style::new().bold().apply_to(cell).to_string()).collect()
}

fn program_row(record: &Record, measure: Measure, program: &ProgramResult) -> Vec<String> {
    let mut row = vec![program.name.clone()];
    for peer in &record.peers {
        row.push(match program.of(&peer.name) {
            None => "-".to_owned(),
            Some(result) => match result.summary(measure) {
                Some(summary) => number_cell(summary),
                None => Style::new().red().bold().apply_to("FAILED").to_string(),
            },
        });
    }
    let subject = record.subject();
    row.extend(record.others().map(|other| ratio_cell(program.ratio(measure, subject, other))));
    row
}

fn number_cell(summary: Summary) -> String {
    if summary.min == summary.max {
        return format!("{:.0}", summary.median);
    }
    let spread = format!("({:.0}..{:.0})", summary.min, summary.max);
    format!("{:.0} {}", summary.median, Style::new().dim().apply_to(spread))
}

fn ratio_cell(ratio: Option<f64>) -> String {
    let Some(ratio) = ratio else { return "-".to_owned() };
    let style = if ratio <= 1.0 { Style::new().green() } else { Style::new().red() };
    style.apply_to(format!("{ratio:.2}")).to_string()
}

fn legend(record: &Record) -> String {
    let mut versions: Vec<String> = Vec::new();
    for peer in &record.peers {
        let commit = peer.commit.as_ref().map(|c| format!(" at {c}")).unwrap_or_default();
        let args = peer.arguments.iter().map(|arg| format!(" {arg}")).collect::<String>();
        versions.push(format!("{}: {}{commit}{args}", peer.name, peer.version));
    }
    format!(
        "CPU time is user and system time. Medians (least..most), rounds: {}. Ratios below 1 mean \
         that {} takes less.\n{}\n{}, {} cores, {}\n",
        record.rounds,
        record.subject(),
        versions.join("; "),
        record.machine.cpu,
        record.machine.cores,
        record.machine.os
    )
}

/// Pads the cells: the first column to the left, the others to the right.
pub fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - measure_text_width(cell));
            if column == 0 {
                line.push_str(cell);
                line.push_str(&padding);
            } else {
                line.push_str("  ");
                line.push_str(&padding);
                line.push_str(cell);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_record;

    #[test]
    fn every_program_has_a_line_with_ratios() {
        console::set_colors_enabled(false);
        let mut record =
            sample_record(&["gene", "lua"], &[("fib", &[100.0, 200.0]), ("tak", &[50.0, 25.0])]);
        record.programs[1].results[1].failure = Some("stopped".to_owned());
        let text = render(&record);
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| *line == "CPU time, ms").unwrap();
        assert_eq!(lines[at + 1], "program                  gene             lua  gene/lua");
        assert_eq!(lines[at + 2], "fib             100 (90..110)  200 (180..220)      0.50");
        assert_eq!(lines[at + 3], "tak               50 (45..55)          FAILED         -");
        assert_eq!(lines[at + 4], "geometric mean                                     0.50");
        assert!(
            lines.contains(&"fib             150 (135..165)  300 (270..330)      0.50"),
            "{text}"
        );
        assert!(lines.contains(&"fib                3       3      1.00"), "{text}");
    }
}
