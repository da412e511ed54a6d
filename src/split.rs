//! Work that is computed in parts: as tasks for any threads, or on the rayon pool.

/// What can be split into parts that are computed in any order.
pub(crate) trait Split: Sized {
    /// Splits off about `share / parts` of it, if that leaves something on both sides; then also says how many of the `parts` belong to
    /// what was split off: at least one, and fewer than all.
    fn split(self, share: usize, parts: usize) -> (Self, usize, Option<Self>);
}

/// `share / parts` of `steps`, rounded up, in 128 bits, so that no size overflows; `None` if that is nothing or all.
pub(crate) fn portion(steps: usize, share: usize, parts: usize) -> Option<usize> {
    let portion = (steps as u128 * share as u128).div_ceil(parts.max(1) as u128) as usize;
    (parts > 1 && portion > 0 && portion < steps).then_some(portion)
}

/// As [`portion`], rounded down: each part of what is left then has at least as many steps as each of the whole.
pub(crate) fn portion_down(steps: usize, share: usize, parts: usize) -> Option<usize> {
    let portion = (steps as u128 * share as u128 / parts.max(1) as u128) as usize;
    (parts > 1 && portion > 0 && portion < steps).then_some(portion)
}

/// The parts of something, one after the other.
#[derive(Debug)]
pub(crate) struct Parts<S> {
    /// What was split off last, and its number of parts.
    first: Option<(S, usize)>,
    rest: Option<(S, usize)>,
}

impl<S> Parts<S> {
    /// At most `count` parts of `whole`, at least one.
    pub(crate) fn new(whole: S, count: usize) -> Parts<S> {
        Parts { first: None, rest: Some((whole, count.max(1))) }
    }
}

impl<S: Split> Iterator for Parts<S> {
    type Item = S;

    fn next(&mut self) -> Option<S> {
        let next = match self.first.take() {
            Some(next) => next,
            None => take_off(&mut self.rest)?,
        };
        // What is worth several parts is split further, once: its parts are worth one each.
        self.first = Some(next);
        Some(take_off(&mut self.first)?.0)
    }
}

/// Takes off what comes first, with its number of parts.
fn take_off<S: Split>(from: &mut Option<(S, usize)>) -> Option<(S, usize)> {
    let (whole, parts) = from.take()?;
    let (first, share, rest) = whole.split(1, parts);
    *from = rest.map(|rest| (rest, parts - share));
    Some((first, share))
}

/// Computes all parts on the current rayon pool, each with a workspace.
///
/// # Errors
///
/// If there is no workspace. Nothing is computed then.
#[cfg(feature = "rayon")]
pub(crate) fn run_rayon<S: Split + Send>(
    whole: S,
    workspaces: &mut [crate::Workspace],
    run: fn(S, &mut crate::Workspace),
) -> Result<(), crate::Error> {
    if workspaces.is_empty() {
        let why = "at least one workspace is needed, one for each part that runs in parallel".into();
        return Err(crate::Error::Shape { what: "parallel call", why });
    }
    join(whole, workspaces, run);
    Ok(())
}

#[cfg(feature = "rayon")]
fn join<S: Split + Send>(whole: S, workspaces: &mut [crate::Workspace], run: fn(S, &mut crate::Workspace)) {
    let parts = workspaces.len();
    match whole.split(parts / 2, parts) {
        (whole, _, None) => {
            if let Some(workspace) = workspaces.first_mut() {
                run(whole, workspace);
            }
        }
        (first, share, Some(rest)) => {
            let (one, other) = workspaces.split_at_mut(share);
            rayon::join(|| join(first, one, run), || join(rest, other, run));
        }
    }
}
