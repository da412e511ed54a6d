//! Lists of precisions.

use std::str::FromStr;

use eightbit_graph::precision::{BitWidth, FixedPoint};
use eightbit_graph::quoted;

/// Numbers of bits, in rising order: `2..8`, `4,6,8`, `1..4,8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) Vec<BitWidth>);

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        for part in text.split(',') {
            for number in numbers(part, text)? {
                all.push(BitWidth::new(number).map_err(|_| format!("{number} bits: 1 to 16 are possible"))?);
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok(Self(all))
    }
}

/// Formats of fixed point that differ in their width alone: `16,6`, `8..16,6,AP_RND,AP_SAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FixedPoints(pub(crate) Vec<FixedPoint>);

impl FromStr for FixedPoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Behind `ap_fixed<` or at the beginning.
        let (before, list) = text.split_at(text.find('<').map_or(0, |at| at + 1));
        let formats: Result<Vec<FixedPoint>, _> = match list.split_once(',') {
            Some((widths, rest)) if widths.contains("..") => numbers(widths, text)?
                .map(|width| format!("{before}{width},{rest}").parse().map_err(reason))
                .collect(),
            _ => text.parse().map_err(reason).map(|format| vec![format]),
        };
        formats.map(Self)
    }
}

/// The reason of an error about an argument, without the argument's name, which clap shows.
fn reason(error: eightbit_graph::Error) -> String {
    match error {
        eightbit_graph::Error::InvalidArgument { reason, .. } => reason,
        other => other.to_string(),
    }
}

/// The numbers of `part`, which is a number or the first and the last one.
fn numbers(part: &str, text: &str) -> Result<std::ops::RangeInclusive<u8>, String> {
    let wrong = || format!("{} is neither a number of bits nor a list such as 2..8 or 4,6,8", quoted(text));
    let number = |text: &str| text.trim().parse::<u8>().map_err(|_| wrong());
    let (first, last) = part.split_once("..").unwrap_or((part, part));
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first <= last {
        Ok(first..=last)
    } else {
        Err(format!("{first}..{last}: the last number is less than the first"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &str) -> Result<Vec<u8>, String> {
        Ok(text.parse::<Bits>()?.0.into_iter().map(BitWidth::get).collect())
    }

    #[test]
    fn lists_of_bits() {
        assert_eq!(bits("2..8"), Ok((2..=8).collect()));
        assert_eq!(bits(" 8, 4,6 ,4"), Ok(vec![4, 6, 8]));
        assert_eq!(bits("1..=3,16"), Ok(vec![1, 2, 3, 16]));
        for (text, part) in [
            ("0", "0 bits: 1 to 16"),
            ("17", "17 bits: 1 to 16"),
            ("2..17", "17 bits"),
            ("8..2", "less than the first"),
            ("", "such as 2..8"),
            ("4,", "such as 2..8"),
            ("-1", "such as 2..8"),
            ("four", "such as 2..8"),
            ("1..2..3", "such as 2..8"),
        ] {
            let error = bits(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn lists_of_fixed_points() {
        let names = |text: &str| -> Result<Vec<String>, String> {
            Ok(text.parse::<FixedPoints>()?.0.iter().map(ToString::to_string).collect())
        };
        assert_eq!(names("16,6"), Ok(vec!["ap_fixed<16,6>".to_owned()]));
        assert_eq!(
            names("7..8,-2,rnd"),
            Ok(vec!["ap_fixed<7,-2,AP_RND>".into(), "ap_fixed<8,-2,AP_RND>".into()])
        );
        assert_eq!(names("ap_ufixed<7..8,2>"), Ok(vec!["ap_ufixed<7,2>".into(), "ap_ufixed<8,2>".into()]));
        for (text, part) in
            [("16", "W,I"), ("0..2,1", "1 to 24"), ("8,6,AP_UP", "there are AP_TRN"), ("8..4,1", "less than")]
        {
            let error = names(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
