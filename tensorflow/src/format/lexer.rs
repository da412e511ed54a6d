//! Words of the text form of protocol buffers (protobuf.dev/reference/protobuf/textformat-spec).

/// A word of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, a number, or a part of them.
    Word(&'a str),
    /// A quoted text, its escapes resolved.
    Text(Vec<u8>),
    /// `{`, `}`, `<`, `>`, `[`, `]`, `:`, `,`, `;`, `-`.
    Mark(u8),
    End,
}

/// Splits a text into words.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The line of the next word, from 1.
    pub(super) fn line(&self) -> usize {
        1 + self.bytes.iter().take(self.at).filter(|&&byte| byte == b'\n').count()
    }

    /// The next word; the reason if there is none.
    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        self.skip_blanks();
        let Some(&first) = self.bytes.get(self.at) else { return Ok(Token::End) };
        match first {
            b'"' | b'\'' => self.text(first).map(Token::Text),
            b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b':' | b',' | b';' | b'-' => {
                self.at += 1;
                Ok(Token::Mark(first))
            }
            _ if is_word(first) => Ok(Token::Word(self.word())),
            _ => Err(format!("the byte {first:#04x} does not belong here")),
        }
    }

    /// Whether the next word is quoted.
    pub(super) fn at_text(&mut self) -> bool {
        self.skip_blanks();
        matches!(self.bytes.get(self.at), Some(b'"' | b'\''))
    }

    fn skip_blanks(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'#' => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        while let Some(&byte) = self.bytes.get(self.at) {
            let exponent = matches!(byte, b'+' | b'-')
                && self.at > start
                && matches!(self.bytes.get(self.at - 1), Some(b'e' | b'E'))
                && self.bytes.get(start).is_some_and(|first| first.is_ascii_digit() || *first == b'.');
            if !is_word(byte) && !exponent {
                break;
            }
            self.at += 1;
        }
        // Only ASCII is a word.
        self.bytes.get(start..self.at).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default()
    }

    fn text(&mut self, quote: u8) -> Result<Vec<u8>, String> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                byte if byte == quote => return Ok(text),
                b'\n' => return Err("a text ends with its line, without a quotation mark".to_owned()),
                b'\\' => self.escape(&mut text)?,
                byte => text.push(byte),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.at).copied().ok_or("a text has no end")?;
        self.at += 1;
        Ok(byte)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let byte = match self.byte()? {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            quoted @ (b'\\' | b'\'' | b'"' | b'?') => quoted,
            digit @ b'0'..=b'7' => {
                let value = self.digits(2, 8, u32::from(digit - b'0'));
                u8::try_from(value).map_err(|_| "an escape stands for more than a byte")?
            }
            b'x' | b'X' => {
                let before = self.at;
                let value = self.digits(2, 16, 0);
                if self.at == before {
                    return Err("an escape \\x has no digits".to_owned());
                }
                u8::try_from(value).map_err(|_| "an escape stands for more than a byte")?
            }
            short @ (b'u' | b'U') => {
                let before = self.at;
                let digits = if short == b'u' { 4 } else { 8 };
                let value = self.digits(digits, 16, 0);
                let c = char::from_u32(value).filter(|_| self.at - before == digits);
                let c = c.ok_or("an escape \\u is not a character")?;
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err("an unknown escape".to_owned()),
        };
        text.push(byte);
        Ok(())
    }

    /// Up to `most` further digits of a number.
    fn digits(&mut self, most: usize, radix: u32, mut value: u32) -> u32 {
        for _ in 0..most {
            let digit = self.bytes.get(self.at).and_then(|&byte| char::from(byte).to_digit(radix));
            let Some(digit) = digit else { break };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
        }
        value
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}
