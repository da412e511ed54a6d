//! Escapes names and other text from files for display on a terminal.

use std::fmt::{self, Display, Write as _};

/// The most characters of a name that are shown.
const MAX_NAME: usize = 200;
/// The most characters of a reason that are shown.
const MAX_REASON: usize = 1000;

/// `text` in a form that is safe to print: control characters, line separators, invisible characters and those that
/// change the direction of writing appear as Rust escapes (`\u{202e}`), and after 200 characters it ends with `…`.
///
/// ```
/// # use eightbit_graph::escaped;
/// assert_eq!(escaped("Größe\u{1b}[31m \u{202e}x").to_string(), "Größe\\u{1b}[31m \\u{202e}x");
/// ```
pub fn escaped(text: &str) -> impl Display + '_ {
    Escaped { text, max: MAX_NAME, quoted: false }
}

/// As [`escaped`], between quotation marks: quotation marks and backslashes inside are escaped as well.
///
/// ```
/// # use eightbit_graph::quoted;
/// assert_eq!(quoted("a\"b\n").to_string(), r#""a\"b\n""#);
/// ```
pub fn quoted(text: &str) -> impl Display + '_ {
    Escaped { text, max: MAX_NAME, quoted: true }
}

/// A reason in an error: this crate's text with quoted names, or another crate's message about a file.
pub(crate) fn reason(text: &str) -> impl Display + '_ {
    Escaped { text, max: MAX_REASON, quoted: false }
}

/// A path, uncut: the operating system limits its length, and its end distinguishes it from others.
pub(crate) fn path(path: &std::path::Path) -> String {
    Escaped { text: &path.to_string_lossy(), max: usize::MAX, quoted: false }.to_string()
}

struct Escaped<'a> {
    text: &'a str,
    max: usize,
    quoted: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.quoted { "\"" } else { "" };
        f.write_str(mark)?;
        let mut rest = self.text.chars();
        for character in rest.by_ref().take(self.max) {
            match character {
                '"' | '\\' if self.quoted => write!(f, "\\{character}")?,
                '\t' | '\n' | '\r' => write!(f, "{}", character.escape_default())?,
                _ if is_unsafe(character) => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        if rest.next().is_some() {
            f.write_char('…')?;
        }
        f.write_str(mark)
    }
}

/// Characters that control a terminal, break a line, are invisible, or change the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_stays() {
        for text in ["", "conv1/Relu:0", "naïve 猫 e\u{301} it's", "a\\b"] {
            assert_eq!(escaped(text).to_string(), text);
        }
        assert_eq!(quoted("it's a\\b").to_string(), r#""it's a\\b""#);
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        let shown = quoted("\u{1b}]0;x\u{7}\u{9b}2J\r\u{2066}\u{202e}\u{2029}\u{feff}").to_string();
        assert_eq!(shown, r#""\u{1b}]0;x\u{7}\u{9b}2J\r\u{2066}\u{202e}\u{2029}\u{feff}""#);
    }

    #[test]
    fn long_names_are_cut() {
        let name = "é".repeat(MAX_NAME);
        assert_eq!(escaped(&name).to_string(), name);
        assert_eq!(escaped(&format!("{name}x")).to_string(), format!("{name}…"));
        assert!(reason(&"x".repeat(5000)).to_string().chars().count() <= MAX_REASON + 1);
    }
}
