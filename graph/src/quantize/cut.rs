//! Divides nodes between two sides at the least cost: a minimal cut, found by the shortest augmenting paths (Edmonds and Karp 1972).

use std::collections::VecDeque;

/// A cost that no division may have.
pub(super) const NEVER: u64 = u64::MAX / 4;

/// An edge, and how much of its cost no path has used.
#[derive(Debug)]
struct Edge {
    to: usize,
    left: u64,
}

/// Things to divide between a first and a second side, with the costs of doing so.
#[derive(Debug)]
pub(super) struct Division {
    /// Every edge is followed by its reverse.
    edges: Vec<Edge>,
    /// The edges that leave each thing; the sides themselves are the things 0 and 1.
    leaving: Vec<Vec<usize>>,
}

impl Division {
    /// The first side.
    pub(super) const FIRST: usize = 0;
    /// The second side.
    pub(super) const SECOND: usize = 1;

    /// Nothing but the sides.
    pub(super) fn new() -> Self {
        Self { edges: Vec::new(), leaving: vec![Vec::new(), Vec::new()] }
    }

    /// Adds a thing, which costs `first` on the first side and `second` on the second.
    pub(super) fn add(&mut self, first: u64, second: u64) -> usize {
        let thing = self.leaving.len();
        self.leaving.push(Vec::new());
        // What either side costs changes no division.
        let least = first.min(second);
        self.link(Self::FIRST, thing, second - least);
        self.link(thing, Self::SECOND, first - least);
        thing
    }

    /// Makes it cost `cost` if `on_first` is on the first side and `on_second` on the second.
    pub(super) fn link(&mut self, on_first: usize, on_second: usize, cost: u64) {
        if cost == 0 {
            return;
        }
        for (from, to, left) in [(on_first, on_second, cost), (on_second, on_first, 0)] {
            self.leaving[from].push(self.edges.len());
            self.edges.push(Edge { to, left });
        }
    }

    /// Whether each thing, by its number, is on the second side of a division of least cost; of several, that with most things on the
    /// first side.
    pub(super) fn on_second_side(mut self) -> Vec<bool> {
        loop {
            let (arrived_by, reached) = self.search(Self::FIRST, |edge| self.edges[edge].left);
            if !reached[Self::SECOND] {
                // What can still reach it belongs to it.
                return self.search(Self::SECOND, |edge| self.edges[edge ^ 1].left).1;
            }
            let path: Vec<usize> =
                std::iter::successors(arrived_by[Self::SECOND], |&edge| arrived_by[self.edges[edge ^ 1].to])
                    .collect();
            let least = path.iter().map(|&edge| self.edges[edge].left).min().unwrap_or(0);
            for edge in path {
                self.edges[edge].left -= least;
                self.edges[edge ^ 1].left = self.edges[edge ^ 1].left.saturating_add(least);
            }
        }
    }

    /// What can be reached from `start` by edges that have something left, and by which edge on a shortest path.
    fn search(&self, start: usize, left: impl Fn(usize) -> u64) -> (Vec<Option<usize>>, Vec<bool>) {
        let mut arrived_by = vec![None; self.leaving.len()];
        let mut reached = vec![false; self.leaving.len()];
        reached[start] = true;
        let mut next = VecDeque::from([start]);
        while let Some(thing) = next.pop_front() {
            if thing == Self::SECOND && start == Self::FIRST {
                // A path is there.
                break;
            }
            for &edge in &self.leaving[thing] {
                let to = self.edges[edge].to;
                if left(edge) > 0 && !reached[to] {
                    reached[to] = true;
                    arrived_by[to] = Some(edge);
                    next.push_back(to);
                }
            }
        }
        (arrived_by, reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of a division: of things by their costs on either side, and of links.
    fn cost(things: &[(u64, u64)], links: &[(usize, usize, u64)], second: &[bool]) -> u64 {
        let alone: u64 = things
            .iter()
            .zip(&second[2..])
            .map(|(costs, &second)| if second { costs.1 } else { costs.0 })
            .sum();
        let linked: u64 = links.iter().filter(|(a, b, _)| !second[*a] && second[*b]).map(|link| link.2).sum();
        alone + linked
    }

    #[test]
    fn no_division_costs_less() {
        // A generator of small numbers: every division of seven things is tried.
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let things: Vec<(u64, u64)> = (0..7).map(|_| (random(20), random(20))).collect();
            let links: Vec<(usize, usize, u64)> = (0..10)
                .map(|_| (2 + random(7) as usize, 2 + random(7) as usize, random(12)))
                .filter(|(a, b, _)| a != b)
                .collect();
            let mut division = Division::new();
            for &(first, second) in &things {
                division.add(first, second);
            }
            links.iter().for_each(|&(a, b, cost)| division.link(a, b, cost));
            let found = cost(&things, &links, &division.on_second_side());
            let least = (0..1u32 << 7)
                .map(|bits| {
                    let sides: Vec<bool> =
                        [false, true].into_iter().chain((0..7).map(|at| bits >> at & 1 == 1)).collect();
                    cost(&things, &links, &sides)
                })
                .min();
            assert_eq!(Some(found), least, "{things:?} {links:?}");
        }
    }

    #[test]
    fn what_must_be_on_a_side_is_there() {
        let mut division = Division::new();
        let (first, second) = (division.add(9, NEVER), division.add(NEVER, 9));
        let follows = division.add(1, 2);
        division.link(follows, second, 5);
        let sides = division.on_second_side();
        assert!(!sides[first] && sides[second] && sides[follows]);
    }
}
