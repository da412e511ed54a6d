//! From the text form of a message to its wire format.
//!
//! The parser writes the wire format while it reads: no tree of the text exists, and memory is bounded by the text's size.

use super::lexer::{Lexer, Token};
use super::schema::{Field, Kind, Message};
use super::wire::{EIGHT, FOUR, MAX_DEPTH, VARINT, put_delimited, put_key, put_varint};

/// The wire format of the message `message`; the reason, with its line, if the text is not one.
pub(super) fn parse(text: &[u8], message: &Message) -> Result<Vec<u8>, String> {
    let mut parser = Parser { lexer: Lexer::new(text) };
    let mut out = Vec::new();
    parser
        .message(message, None, MAX_DEPTH, &mut out)
        .map_err(|reason| format!("line {}: {reason}", parser.lexer.line()))?;
    Ok(out)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    /// Reads fields up to the mark `end`, or to the end of the text.
    fn message(
        &mut self,
        message: &Message,
        end: Option<u8>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut seen = 0u32;
        loop {
            let name = match self.lexer.next()? {
                Token::Word(name) => name,
                Token::Mark(b',' | b';') => continue,
                Token::Mark(mark) if Some(mark) == end => return Ok(()),
                Token::End if end.is_none() => return Ok(()),
                Token::Mark(b'[') => return Err("extensions are not supported".to_owned()),
                _ => return Err(format!("a field of {} is expected", message.name)),
            };
            let field = message.named(name).filter(|field| field.name == name);
            let field = field.ok_or_else(|| format!("{} has no field {name:?}", message.name))?;
            // Numbers of fields that are not repeated are below 32.
            let bit = 1u32 << field.number;
            if !field.repeated && seen & bit != 0 {
                return Err(format!("field {name} of {} is given twice", message.name));
            }
            seen |= if field.repeated { 0 } else { bit };
            let mut token = self.lexer.next()?;
            match (&token, field.kind) {
                (Token::Mark(b':'), _) => token = self.lexer.next()?,
                (Token::Mark(b'{' | b'<' | b'['), Kind::Sub(_) | Kind::Map(_)) => {}
                _ => return Err(format!("a colon is expected after {name}")),
            }
            if field.repeated && token == Token::Mark(b'[') {
                self.list(field, depth, out)?;
            } else {
                self.value(field, token, depth, out)?;
            }
        }
    }

    /// Reads the values of a list, whose bracket was read.
    fn list(&mut self, field: &Field, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let mut token = self.lexer.next()?;
        if token == Token::Mark(b']') {
            return Ok(());
        }
        loop {
            self.value(field, token, depth, out)?;
            match self.lexer.next()? {
                Token::Mark(b',') => token = self.lexer.next()?,
                Token::Mark(b']') => return Ok(()),
                _ => return Err(format!("a comma or ] is expected in the list {}", field.name)),
            }
        }
    }

    /// Reads a value that begins with `token`.
    fn value(
        &mut self,
        field: &Field,
        token: Token<'a>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let number = field.number;
        match (field.kind, token) {
            (Kind::Sub(message) | Kind::Map(message), Token::Mark(open @ (b'{' | b'<'))) => {
                let end = if open == b'{' { b'}' } else { b'>' };
                let depth = depth.checked_sub(1).ok_or("messages are nested too deeply")?;
                let mut inside = Vec::new();
                self.message(message, Some(end), depth, &mut inside)?;
                put_delimited(number, &inside, out);
                Ok(())
            }
            (Kind::String | Kind::Bytes, Token::Text(mut text)) => {
                while self.lexer.at_text() {
                    if let Token::Text(more) = self.lexer.next()? {
                        text.extend(more);
                    }
                }
                put_delimited(number, &text, out);
                Ok(())
            }
            (kind, Token::Mark(b'-')) => match self.lexer.next()? {
                Token::Word(word) => scalar(kind, number, word, true, out),
                _ => Err("a number is expected after the minus sign".to_owned()),
            }
            .map_err(|reason| format!("field {}: {reason}", field.name)),
            (kind, Token::Word(word)) => scalar(kind, number, word, false, out)
                .map_err(|reason| format!("field {}: {reason}", field.name)),
            _ => Err(format!("a value of {} is expected", field.name)),
        }
    }
}

/// Appends the field `number` with the value that `word` says.
pub(super) fn scalar(
    kind: Kind,
    number: u32,
    word: &str,
    negative: bool,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let sign = if negative { "-" } else { "" };
    let refused = |what: &str| format!("{:?} is not {what}", format!("{sign}{word}"));
    let varint = |value: u64, out: &mut Vec<u8>| {
        put_key(number, VARINT, out);
        put_varint(value, out);
    };
    match kind {
        Kind::Int(bits) => {
            let value = integer(word, negative).ok_or_else(|| refused("an integer"))?;
            let half = 1i128 << (bits - 1);
            if !(-half..half).contains(&value) {
                return Err(refused(&format!("an integer of {bits} bits")));
            }
            varint(value as i64 as u64, out);
        }
        Kind::Uint(bits) => {
            let value = integer(word, negative).filter(|value| (0..1i128 << bits).contains(value));
            varint(value.ok_or_else(|| refused("an unsigned integer"))? as u64, out);
        }
        Kind::Fixed64 => {
            let value = integer(word, negative).and_then(|value| u64::try_from(value).ok());
            put_key(number, EIGHT, out);
            out.extend(value.ok_or_else(|| refused("an unsigned integer"))?.to_le_bytes());
        }
        Kind::Float => {
            let value: f32 = float(word).ok_or_else(|| refused("a number"))?;
            put_key(number, FOUR, out);
            out.extend(if negative { -value } else { value }.to_le_bytes());
        }
        Kind::Double => {
            let value: f64 = float(word).ok_or_else(|| refused("a number"))?;
            put_key(number, EIGHT, out);
            out.extend(if negative { -value } else { value }.to_le_bytes());
        }
        Kind::Bool => match word {
            "true" | "True" | "t" | "1" if !negative => varint(1, out),
            "false" | "False" | "f" | "0" if !negative => varint(0, out),
            _ => return Err(refused("true or false")),
        },
        Kind::Enum(of_name, _) => {
            let value = if negative { None } else { of_name(word) };
            let value = value.or_else(|| i32::try_from(integer(word, negative)?).ok().map(i64::from));
            varint(value.ok_or_else(|| refused("a known name"))? as u64, out);
        }
        Kind::String | Kind::Bytes => return Err(refused("a quoted text")),
        Kind::Sub(_) | Kind::Map(_) => return Err(refused("a message in braces")),
    }
    Ok(())
}

/// A decimal, octal (`017`) or hexadecimal (`0x1f`) integer.
fn integer(word: &str, negative: bool) -> Option<i128> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (word, 8),
        None => (word, 10),
    };
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Some(if negative { -value } else { value })
}

/// A number with an optional `f` at its end; `inf` and `nan` in any case.
fn float<T: std::str::FromStr>(word: &str) -> Option<T> {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" | "nan" => lower.parse().ok(),
        _ if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            lower.strip_suffix('f').unwrap_or(&lower).parse().ok()
        }
        _ => None,
    }
}
