//! Tensors that share a range.

use std::collections::HashMap;

use eightbit_graph::quantize::Range;

use crate::transforms::shared::ranges::{Ranges, nudged};

/// Sets of tensors, each with the range that covers what its tensors need.
#[derive(Default)]
pub(super) struct Classes {
    members: HashMap<String, usize>,
    /// For each member another of its set; itself if it stands for the set.
    parents: Vec<usize>,
    needs: Vec<Need>,
}

#[derive(Clone, Copy)]
enum Need {
    Nothing,
    Range(Range),
    /// A tensor whose range is not known before the graph runs.
    Unknown,
}

impl Need {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Nothing, need) | (need, Self::Nothing) => need,
            (Self::Range(a), Self::Range(b)) => Self::Range(Range { min: a.min.min(b.min), max: a.max.max(b.max) }),
        }
    }
}

impl Classes {
    /// The set of a tensor.
    fn of(&mut self, name: &str) -> usize {
        let Some(&member) = self.members.get(name) else {
            let member = self.parents.len();
            self.members.insert(name.to_owned(), member);
            self.parents.push(member);
            self.needs.push(Need::Nothing);
            return member;
        };
        self.root(member)
    }

    fn root(&mut self, mut member: usize) -> usize {
        while self.parents[member] != member {
            // Halved paths keep later walks short.
            self.parents[member] = self.parents[self.parents[member]];
            member = self.parents[member];
        }
        member
    }

    /// The set of `name` must cover `range`; without one, its range cannot be known.
    pub(super) fn cover(&mut self, name: &str, range: Option<&Range>) {
        let class = self.of(name);
        self.needs[class] = self.needs[class].and(range.map_or(Need::Unknown, |&range| Need::Range(range)));
    }

    /// Makes the sets of two tensors one.
    pub(super) fn join(&mut self, a: &str, b: &str) {
        let (a, b) = (self.of(a), self.of(b));
        let need = self.needs[a].and(self.needs[b]);
        self.parents[a] = b;
        self.needs[b] = need;
    }

    /// The range of codes for each tensor whose range is known.
    pub(super) fn into_ranges(mut self) -> Ranges {
        let members = std::mem::take(&mut self.members);
        let range = |(name, member)| {
            let class = self.root(member);
            match self.needs[class] {
                Need::Range(range) => Some((name, nudged(range))),
                Need::Nothing | Need::Unknown => None,
            }
        };
        members.into_iter().filter_map(range).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_cover_what_their_tensors_need() {
        let mut classes = Classes::default();
        classes.cover("a", Some(&Range { min: 0.0, max: 255.0 }));
        classes.cover("b", Some(&Range { min: 0.0, max: 51.0 }));
        classes.join("a", "c");
        classes.join("d", "c");
        classes.cover("d", Some(&Range { min: 0.0, max: 510.0 }));
        classes.cover("e", Some(&Range { min: 0.0, max: 1.0 }));
        classes.cover("e", None);
        classes.join("e", "f");
        let ranges = classes.into_ranges();
        let max: Vec<_> = ranges.iter().map(|(name, range)| (name.as_str(), range.max)).collect();
        assert_eq!(max, [("a", 510.0), ("b", 51.0), ("c", 510.0), ("d", 510.0)]);
    }
}
