//! What a measured call multiplies: bytes, or signs.

use std::fmt;
use std::str::FromStr;

use eightbit::Error;

use crate::bench::case::Case;
use crate::bench::setup::Setup;
use crate::bench::signs::{SignOperator, Signs};
use crate::bench::types::{Operator, Types};

/// The types of a call, as the peers' drivers write them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    Bytes(Types),
    Signs(Signs),
}

impl Asked {
    /// The case of an operator on one shape with these types; `None` if it has no such product.
    pub(crate) fn case<O: Operator + SignOperator>(
        self,
        operator: &O,
        setup: &Setup,
    ) -> Result<Option<Case>, Error> {
        match self {
            Asked::Bytes(types) => operator.case(setup, types).map(Some),
            Asked::Signs(signs) => operator.signs(setup, signs),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Bytes(types) => types.fmt(f),
            Asked::Signs(signs) => f.pad(signs.name()),
        }
    }
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Signs::ALL.into_iter().find(|signs| signs.name() == text) {
            Some(signs) => Ok(Asked::Signs(signs)),
            None => text
                .parse()
                .map(Asked::Bytes)
                .map_err(|why: String| format!("{why}; or signs: b1b1s32, b1b1b1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["u8s8s32", "b1b1s32", "b1b1b1"] {
            assert_eq!(name.parse::<Asked>().expect(name).to_string(), name);
        }
        let error = "b1b1u8".parse::<Asked>().expect_err("no such product");
        assert!(error.contains("u8s8s32") && error.contains("b1b1s32"), "{error}");
    }
}
