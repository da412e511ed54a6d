//! Computes parts of a step's output on the current rayon pool.

use eightbit::{Call, Fill, OutputElement, Workspace};

/// Workspaces of a step of the crate `eightbit`, one per thread.
#[derive(Debug)]
pub(crate) struct Threads(Vec<Workspace>);

impl Threads {
    /// `count` ≥ 1 workspaces of `bytes` bytes.
    pub(crate) fn new(count: usize, bytes: usize) -> Self {
        Self((0..count).map(|_| Workspace::with_capacity(bytes)).collect())
    }

    /// Runs a call of the crate `eightbit` on this thread if there is one workspace, else on the rayon pool.
    pub(crate) fn run<T: OutputElement, F: Fill<T>>(
        &mut self,
        call: Call<'_, T, F>,
    ) -> Result<(), eightbit::Error> {
        match &mut self.0[..] {
            [workspace] => {
                call.run(workspace);
                Ok(())
            }
            #[cfg(feature = "rayon")]
            workspaces => call.run_rayon(workspaces),
            #[cfg(not(feature = "rayon"))]
            _ => {
                call.run(&mut Workspace::new());
                Ok(())
            }
        }
    }
}

/// Splits `out`, rows of `row` elements, into one part per state, and calls `work` with the first row, the part and the
/// state, in parallel if there are threads.
pub(crate) fn by_rows<T: Send, S: Send>(
    out: &mut [T],
    row: usize,
    states: &mut [S],
    work: impl Fn(usize, &mut [T], &mut S) + Copy + Send + Sync,
) {
    split(0, out, row, states, work);
}

/// Where part `index` of `parts` parts of `count`, as large as each other, begins. Without overflow, whatever the numbers.
pub(crate) fn divided(count: usize, index: usize, parts: usize) -> usize {
    (count as u128 * index as u128 / parts as u128) as usize
}

fn split<T: Send, S: Send>(
    first: usize,
    out: &mut [T],
    row: usize,
    states: &mut [S],
    work: impl Fn(usize, &mut [T], &mut S) + Copy + Send + Sync,
) {
    match states {
        [] => {}
        [state] => work(first, out, state),
        _ => {
            let (rows, parts, half) =
                (out.len().checked_div(row).unwrap_or(0), states.len(), states.len() / 2);
            let middle = divided(rows, half, parts);
            let (upper, lower) = out.split_at_mut(middle * row);
            let (one, other) = states.split_at_mut(half);
            join(|| split(first, upper, row, one, work), || split(first + middle, lower, row, other, work));
        }
    }
}

#[cfg(feature = "rayon")]
use rayon::join;

/// Sequential: without the feature no executor has more than one thread.
#[cfg(not(feature = "rayon"))]
fn join(one: impl FnOnce(), other: impl FnOnce()) {
    one();
    other();
}

#[cfg(test)]
mod tests {
    use super::by_rows;

    #[test]
    fn every_row_is_in_one_part() {
        for (rows, parts) in [(0, 2), (1, 1), (1, 3), (7, 3), (8, 2), (5, 5)] {
            let mut out = vec![0usize; rows * 4];
            let mut states = vec![0usize; parts];
            by_rows(&mut out, 4, &mut states, |first, part, count| {
                *count += 1;
                for (index, element) in part.iter_mut().enumerate() {
                    *element += first * 4 + index + 1;
                }
            });
            assert!(out.iter().enumerate().all(|(index, &element)| element == index + 1), "{rows}, {parts}");
            assert!(states.iter().all(|&count| count == 1));
        }
    }
}
