//! Answers to standard input, line by line.

use std::io::{BufRead, Read, Write};
use std::path::Path;

use crate::error::CliError;

/// Answers each line of standard input, with an empty line at the end. `answer` is told whether the line repeats the last.
pub(super) fn on_demand(
    out: &mut dyn Write,
    mut answer: impl FnMut(&str, bool, &mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut last = String::new();
    let mut input = std::io::stdin().lock();
    while let Some(line) = next_line(&mut input)? {
        answer(&line, line == last, out)?;
        writeln!(out)?;
        out.flush()?;
        last = line;
    }
    Ok(())
}

/// The longest line of a shape or path, in bytes: endless input must not fill the memory.
const LINE_LIMIT: u64 = 1 << 16;

/// The next line without its line end; `None` after the last.
fn next_line(input: &mut impl BufRead) -> Result<Option<String>, CliError> {
    let name = Path::new("standard input");
    let mut line = Vec::new();
    let read = input.take(LINE_LIMIT).read_until(b'\n', &mut line);
    read.map_err(|source| CliError::read(name, source))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() as u64 == LINE_LIMIT {
        return Err(CliError::text(name, None, format!("a line of more than {LINE_LIMIT} bytes")));
    }
    let line = String::from_utf8(line).map_err(|_| CliError::text(name, None, "not a text in UTF-8"))?;
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_have_an_end() {
        let mut input = &b"one\r\n\ntwo"[..];
        let mut next = || next_line(&mut input).expect("lines");
        assert_eq!(
            [next(), next(), next(), next()],
            [Some("one".into()), Some(String::new()), Some("two".into()), None]
        );
        assert!(next_line(&mut &vec![0; 1 << 17][..]).is_err() && next_line(&mut &b"\xff\n"[..]).is_err());
    }
}
