//! Formats output: errors, tables, sizes, times.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use eightbit_graph::{escaped, quoted};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();

/// The length limit of an error, which must fit on a screen whatever a file contains.
const MESSAGE_LIMIT: usize = 1200;

/// Prints an error to stderr; in colour if that is a terminal.
pub(crate) fn error(error: &dyn Display) {
    // If stderr is closed, too, the error cannot be reported.
    let _ = writeln!(anstream::stderr(), "{BAD}error:{BAD:#} {}", shortened(&error.to_string()));
}

/// Prints a warning to stderr.
pub(crate) fn warning(message: &str) {
    let _ = writeln!(anstream::stderr(), "{DOUBTFUL}warning:{DOUBTFUL:#} {}", shortened(message));
}

/// A human-readable path, safe for a terminal. A long path is cut at its start: the end distinguishes it from others.
pub(crate) fn path(path: &Path) -> String {
    const LIMIT: usize = 200;
    let path = path.to_string_lossy();
    match path.char_indices().rev().nth(LIMIT) {
        Some((cut, character)) => format!("…{}", escaped(&path[cut + character.len_utf8()..])),
        None => escaped(&path).to_string(),
    }
}

/// The first few of many names, quoted; `none` if there are none.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let mut names = names.into_iter();
    let mut list: Vec<String> = names.by_ref().take(SHOWN).map(|name| quoted(name).to_string()).collect();
    match names.count() {
        0 if list.is_empty() => return "none".to_owned(),
        0 => {}
        more => list.push(format!("and {more} more")),
    }
    list.join(", ")
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{} … (shortened)", &message[..end]),
        None => message.to_owned(),
    }
}

/// A size in decimal units, as in file managers and model zoos.
pub(crate) fn bytes(count: usize) -> String {
    let count = count as f64;
    match count {
        1e6.. => format!("{:.2} MB", count / 1e6),
        1e3.. => format!("{:.1} kB", count / 1e3),
        _ => format!("{count} bytes"),
    }
}

/// A number with its noun: `1 photo`, `7 photos`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    count_as(number, noun, &format!("{noun}s"))
}

/// A number with its noun, given a plural form: `1 class`, `7 classes`.
pub(crate) fn count_as(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A part of a whole in percent; `–` if there is no whole.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

/// A table with a bold head: the first column is flush left, numbers are flush right.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The number of leading columns that hold text.
    text_columns: usize,
    /// The number of columns at the end that hold text.
    text_last: usize,
}

impl Table {
    pub(crate) fn new(head: &[&str], text_columns: usize) -> Self {
        Self {
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
            text_columns,
            text_last: 0,
        }
    }

    /// The same table, whose last columns hold text, too.
    pub(crate) fn with_text_last(self, text_last: usize) -> Self {
        Self { text_last, ..self }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = |column: usize| {
            let cells = std::iter::once(&self.head).chain(&self.rows);
            cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let mut line = String::new();
            for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                if column > 0 {
                    line.push_str("  ");
                }
                let is_text = column < self.text_columns || column + self.text_last >= self.head.len();
                line.push_str(&if is_text { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
            }
            line.trim_end().to_owned()
        };
        writeln!(out, "{BOLD}{}{BOLD:#}", line(&self.head))?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))
    }
}

/// Writes indented JSON with a final line feed.
pub(crate) fn json(out: &mut dyn Write, value: &serde_json::Value) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

/// A progress bar on stderr, if that is a terminal; invisible otherwise.
pub(crate) fn progress(steps: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg:<12} {wide_bar} {pos}/{len} {eta:>4}") {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// `text` in at most `width` columns, with an ellipsis where it was cut.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// `text` in at most `width` columns, with an ellipsis where its start was cut: the ends of the names of values differ.
pub(crate) fn fit_end(text: &str, width: usize) -> String {
    let cut = text.chars().count().saturating_sub(width);
    if cut == 0 { text.to_owned() } else { ['…'].into_iter().chain(text.chars().skip(cut + 1)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_parts() {
        assert_eq!(bytes(18_810_384), "18.81 MB");
        assert_eq!(bytes(64_206), "64.2 kB");
        assert_eq!(bytes(7), "7 bytes");
        assert_eq!(percent(179, 200), "89.5 %");
        assert_eq!(percent(0, 0), "–");
        assert_eq!((count(1, "photo"), count(7, "photo")), ("1 photo".into(), "7 photos".into()));
    }

    #[test]
    fn a_table_is_aligned() {
        let mut table = Table::new(&["model", "top-1"], 1);
        table.row(["float".into(), "89.5 %".into()]);
        table.row(["eight-bit".into(), "9.0 %".into()]);
        let mut out = Vec::new();
        table.write(&mut out).expect("memory takes everything");
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        let text = String::from_utf8(text).expect("UTF-8");
        assert_eq!(text, "model       top-1\nfloat      89.5 %\neight-bit   9.0 %\n");
    }

    #[test]
    fn paths_cannot_steer_the_terminal() {
        assert_eq!(path(Path::new("a/\u{1b}[2J\u{202e}.png")), "a/\\u{1b}[2J\\u{202e}.png");
        let long = format!("{}/photo.png", "é".repeat(500));
        let shown = path(Path::new(&long));
        assert!(shown.starts_with("…é") && shown.ends_with("é/photo.png") && shown.chars().count() == 201);
    }

    #[test]
    fn long_messages_fit_on_a_screen() {
        assert!(shortened(&"ä".repeat(5000)).chars().count() < MESSAGE_LIMIT + 20);
        assert_eq!(fit("military uniform", 10), "military …");
        assert_eq!(fit("tench", 10), "tench");
        assert_eq!(fit_end("military uniform", 10), "…y uniform");
        assert_eq!(fit_end("tench", 5), "tench");
    }
}
