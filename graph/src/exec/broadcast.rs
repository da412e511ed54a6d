//! Two tensors read side by side for every element of their broadcast shape, in runs that kernels take as slices.

use super::builder::Builder;
use super::value::Layout;
use crate::ops::shared::indexing::{broadcast, broadcast_strides};
use crate::{Error, Node};

/// Runs shorter than this are joined where one tensor repeats: its elements are laid out several times.
const LONG: usize = 1024;

/// How the elements of two tensors are paired, in the order of the result's memory.
#[derive(Clone, Debug)]
pub(crate) struct Broadcast {
    /// The axes outside of a block, and the distance of blocks along them in each tensor.
    outer: Vec<(usize, [usize; 2])>,
    /// Lines of a block, and elements of a line.
    block: [usize; 2],
    operands: [Operand; 2],
}

/// How a block reads a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    /// Element by element.
    InOrder,
    /// The same line for all lines.
    Line,
    /// The same element for all elements.
    Single,
}

/// Copies of elements that are read repeatedly, for each tensor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeated<A, B>(Vec<A>, Vec<B>);

impl Broadcast {
    /// The pairs of elements for a result of this shape, by the distances of its neighbours along each axis in both tensors;
    /// `None` if neighbours of the last axis lie apart in one of them.
    fn new(shape: &[usize], strides: [&[usize]; 2]) -> Option<Self> {
        // Axes that are one axis in both tensors are joined.
        let mut axes: Vec<(usize, [usize; 2])> = Vec::new();
        for (axis, &size) in shape.iter().enumerate().filter(|&(_, &size)| size != 1) {
            let steps = strides.map(|strides| strides[axis]);
            match axes.last_mut() {
                Some((last, of_last)) if *of_last == steps.map(|step| step * size) => {
                    (*last, *of_last) = (*last * size, steps);
                }
                _ => axes.push((size, steps)),
            }
        }
        let (line, steps) = axes.pop().unwrap_or((1, [1, 1]));
        let mut operands = [Operand::InOrder; 2];
        for (operand, step) in operands.iter_mut().zip(steps) {
            *operand = match step {
                0 => Operand::Single,
                1 => Operand::InOrder,
                _ => return None,
            };
        }
        let mut lines = 1;
        if let Some(&(size, steps)) = axes.last()
            && operands == [Operand::InOrder; 2]
            && line < LONG
            && steps.iter().all(|&step| step == 0 || step == line)
        {
            axes.pop();
            lines = size;
            operands = steps.map(|step| if step == 0 { Operand::Line } else { Operand::InOrder });
        }
        Some(Self { outer: axes, block: [lines, line], operands })
    }

    /// The most elements of a run. What is read repeatedly is laid out for a run, so it takes little memory.
    fn longest(&self) -> usize {
        let [lines, line] = self.block;
        if self.operands.contains(&Operand::Line) {
            (LONG / line).clamp(1, lines) * line
        } else if self.operands.contains(&Operand::Single) {
            line.min(LONG)
        } else {
            lines * line
        }
    }

    /// Whether all elements of both tensors are one run.
    pub(crate) fn is_one_run(&self) -> bool {
        self.outer.is_empty() && self.operands == [Operand::InOrder; 2]
    }

    /// Where block `index` begins in a tensor.
    fn begin(&self, mut index: usize, operand: usize) -> usize {
        let mut begin = 0;
        for &(size, steps) in self.outer.iter().rev() {
            begin += index % size * steps[operand];
            index /= size;
        }
        begin
    }

    /// Calls `visit` with the elements of both tensors and of the result, run by run.
    pub(crate) fn for_each_run<A: Copy, B: Copy, O, E>(
        &self,
        (a, b): (&[A], &[B]),
        out: &mut [O],
        repeated: &mut Repeated<A, B>,
        mut visit: impl FnMut(&[A], &[B], &mut [O]) -> Result<(), E>,
    ) -> Result<(), E> {
        let [lines, line] = self.block;
        let Repeated(first, second) = repeated;
        for (index, out) in out.chunks_exact_mut((lines * line).max(1)).enumerate() {
            let (a, b) = (&a[self.begin(index, 0)..], &b[self.begin(index, 1)..]);
            self.repeat(0, a, first);
            self.repeat(1, b, second);
            for (run, out) in out.chunks_mut(self.longest().max(1)).enumerate() {
                let at = run * self.longest();
                let a = if self.operands[0] == Operand::InOrder { &a[at..] } else { first.as_slice() };
                let b = if self.operands[1] == Operand::InOrder { &b[at..] } else { second.as_slice() };
                visit(&a[..out.len()], &b[..out.len()], out)?;
            }
        }
        Ok(())
    }

    /// Lays out what a block reads repeatedly, as often as a run needs it.
    fn repeat<T: Copy>(&self, operand: usize, from: &[T], to: &mut Vec<T>) {
        let [_, line] = self.block;
        match self.operands[operand] {
            Operand::InOrder => {}
            Operand::Line => {
                to.clear();
                (0..self.longest() / line).for_each(|_| to.extend_from_slice(&from[..line]));
            }
            Operand::Single => {
                to.clear();
                to.resize(self.longest(), from[0]);
            }
        }
    }
}

/// Two inputs of a node, broadcast to its output.
pub(crate) struct Pair {
    /// The layout of the result.
    pub(crate) layout: Layout,
    /// The layouts in which the inputs are read.
    pub(crate) layouts: [Layout; 2],
    pub(crate) broadcast: Broadcast,
}

impl Pair {
    /// The values of both inputs.
    pub(crate) fn read(
        &self,
        builder: &mut Builder<'_>,
        node: &Node,
        inputs: [usize; 2],
    ) -> Result<Vec<Option<usize>>, Error> {
        let mut read = |index: usize, layout: Layout| builder.read(node.required_input(index)?, layout);
        let [first, second] = [read(inputs[0], self.layouts[0])?, read(inputs[1], self.layouts[1])?];
        Ok(vec![Some(first), Some(second)])
    }
}

/// How the inputs `a` and `b` of a node are read; `None` if they do not fit, or no layout lets them be read in runs.
pub(crate) fn pair(builder: &Builder<'_>, node: &Node, [a, b]: [usize; 2]) -> Result<Option<Pair>, Error> {
    let shapes = [builder.shape(node, a)?, builder.shape(node, b)?];
    let Some(shape) = broadcast(&shapes[0], &shapes[1]) else { return Ok(None) };
    if shape.contains(&0) {
        return Ok(None);
    }
    let names = [node.required_input(a)?, node.required_input(b)?];
    let is_last =
        |name: &str| builder.constant(name).is_none() && builder.layout_of(name) == Layout::ChannelsLast;
    let mut layouts = vec![Layout::Plain];
    if shape.len() == 4 && names.into_iter().any(is_last) {
        layouts.insert(0, Layout::ChannelsLast);
    }
    Ok(layouts.into_iter().find_map(|layout| {
        let of = |shape: &[usize]| if shape.len() == 4 { layout } else { Layout::Plain };
        let layouts = [of(&shapes[0]), of(&shapes[1])];
        let steps = [steps(&shapes[0], layouts[0], &shape), steps(&shapes[1], layouts[1], &shape)];
        let order = |axes: &[usize]| match (layout, axes) {
            (Layout::ChannelsLast, &[n, c, h, w]) => vec![n, h, w, c],
            _ => axes.to_vec(),
        };
        let broadcast = Broadcast::new(&order(&shape), [&order(&steps[0]), &order(&steps[1])])?;
        Some(Pair { layout, layouts, broadcast })
    }))
}

/// The distances of neighbours along each axis of `target` in the memory of a tensor of `shape`.
fn steps(shape: &[usize], layout: Layout, target: &[usize]) -> Vec<usize> {
    match (layout, shape) {
        (Layout::ChannelsLast, &[n, c, h, w]) => {
            let [sn, sh, sw, sc] = [h * w * c, w * c, c, 1];
            let kept = |size: usize, step: usize| if size == 1 { 0 } else { step };
            vec![kept(n, sn), kept(c, sc), kept(h, sh), kept(w, sw)]
        }
        _ => broadcast_strides(shape, target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::shared::indexing::Offsets;

    /// All pairs of elements, by plain loops and in runs.
    fn check(shape: &[usize], left: &[usize], right: &[usize]) {
        let target = [left, right].map(|of| broadcast_strides(of, shape));
        let tensor = |of: &[usize], first: usize| -> Vec<usize> {
            (first..first + of.iter().product::<usize>()).collect()
        };
        let (a, b) = (tensor(left, 0), tensor(right, 10_000));
        let broadcast = Broadcast::new(shape, [&target[0], &target[1]]).expect("plain tensors");
        let mut found = vec![(0, 0); shape.iter().product()];
        let mut repeated = Repeated::default();
        broadcast
            .for_each_run((&a, &b), &mut found, &mut repeated, |a, b, out| {
                out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = (a, b));
                Ok::<(), ()>(())
            })
            .expect("no error");
        let offsets = |steps: &[usize]| Offsets::new(shape, steps);
        let expected: Vec<_> =
            offsets(&target[0]).zip(offsets(&target[1])).map(|(i, j)| (a[i], b[j])).collect();
        assert_eq!(found, expected, "{left:?} and {right:?}");
    }

    #[test]
    fn runs_pair_what_broadcasting_pairs() {
        check(&[2, 3, 4, 5], &[2, 3, 4, 5], &[2, 3, 4, 5]);
        check(&[2, 3, 4, 5], &[2, 3, 4, 5], &[3, 1, 1]);
        check(&[2, 3, 4, 5], &[5], &[2, 3, 4, 5]);
        check(&[2, 3, 4, 5], &[2, 1, 4, 1], &[1, 3, 1, 5]);
        check(&[2, 3, 4, 5], &[2, 3, 4, 5], &[]);
        check(&[700, 3], &[700, 3], &[3]);
        check(&[3, 700], &[3, 1], &[3, 700]);
        check(&[40, 50, 7], &[40, 50, 7], &[40, 1, 7]);
        check(&[1, 1], &[1, 1], &[1]);
        check(&[2, 3000], &[2, 3000], &[3000]);
    }
}
