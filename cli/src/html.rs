//! Pages of one file: HTML with its style and script inside, which load nothing.

use std::fmt;

use eightbit_graph::escaped;

const STYLE: &str = include_str!("html/style.css");

/// Text from a file, for an element or a quoted attribute: it can neither end them nor steer what is around it.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without control characters and marks of direction.
        encode(f, &escaped(self.0).to_string())
    }
}

/// A message of the library, however long: names in it are escaped already.
pub(crate) struct Message<'a>(pub(crate) &'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        encode(f, self.0)
    }
}

fn encode(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

/// A page with a title, the HTML of its body, and a script.
pub(crate) fn page(title: &str, body: &str, script: &str) -> String {
    let title = Text(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}<script>\n{script}</script>\n</body>\n</html>\n"
    )
}

/// The address of a picture that is part of the page: a PNG file in base 64 (RFC 4648, section 4).
pub(crate) fn picture(png: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "data:image/png;base64,".to_owned();
    for three in png.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit > three.len() { '=' } else { char::from(DIGITS[value]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 4648, section 10.
    #[test]
    fn pictures_are_in_base_64() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(picture(bytes.as_bytes()), format!("data:image/png;base64,{text}"));
        }
    }

    #[test]
    fn names_cannot_become_markup() {
        let hostile = "a</title><script>alert(1)</script>\"'&\u{202e}\n";
        let page = page(hostile, &format!("<p title=\"{}\">", Text(hostile)), "");
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}\\n"), "{page}");
        let long = format!("<{}>", "word ".repeat(100));
        assert_eq!(Message(&long).to_string(), format!("&lt;{}&gt;", "word ".repeat(100)));
    }
}
