//! Shape files, in the format of the peers' drivers: one shape per line, optionally followed by its class; `#` begins a
//! comment.

use std::path::Path;

use eightbit::{Conv2dShape, Padding};
use eightbit_graph::escaped;

use crate::error::CliError;

/// The matrix multiplications that are measured by default.
pub(crate) const GEMM: &str = include_str!("shapes_gemm.txt");
/// The convolutions that are measured by default.
pub(crate) const CONV: &str = include_str!("shapes_conv.txt");

/// The most elements of a matrix or image of a benchmark.
const ELEMENT_LIMIT: usize = 1 << 30;

/// A line of a shape file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape<S> {
    pub(crate) name: String,
    /// The class of the shape, if the file names one.
    pub(crate) class: String,
    pub(crate) sizes: S,
}

/// A matrix multiplication of `[m, k, n]`: `m` rows of `k` activations, `n` output channels.
pub(crate) type GemmShape = Shape<[usize; 3]>;
/// A convolution.
pub(crate) type ConvShape = Shape<Conv2dShape>;

/// Lines of `name M K N`.
pub(crate) fn gemm(path: &Path, text: &str) -> Result<Vec<GemmShape>, CliError> {
    parse(path, text, "name M K N", |sizes: [usize; 3]| {
        let [m, k, n] = sizes;
        let fits = !sizes.contains(&0) && is_small(&[m, k]) && is_small(&[k, n]) && is_small(&[m, n]);
        fits.then_some(sizes)
    })
}

/// Lines of `name H(=W) Cin Cout R stride pad groups`.
pub(crate) fn conv(path: &Path, text: &str) -> Result<Vec<ConvShape>, CliError> {
    let columns = "name H(=W) Cin Cout R stride pad groups";
    parse(path, text, columns, |[side, inputs, outputs, kernel, stride, pad, groups]: [usize; 7]| {
        let shape = Conv2dShape::new([side; 2], inputs, outputs, [kernel; 2])
            .with_stride([stride; 2])
            .with_pad(Padding::same(pad))
            .with_groups(groups);
        shape.check().ok()?;
        let [height, width] = shape.output();
        let fits = is_small(&[side, side, inputs])
            && is_small(&[height, width, outputs])
            && is_small(&[kernel, kernel, inputs, outputs]);
        fits.then_some(shape)
    })
}

fn is_small(sizes: &[usize]) -> bool {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.is_some_and(|elements| elements <= ELEMENT_LIMIT)
}

fn parse<S, const N: usize>(
    path: &Path,
    text: &str,
    columns: &str,
    build: impl Fn([usize; N]) -> Option<S>,
) -> Result<Vec<Shape<S>>, CliError> {
    let mut shapes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut words: Vec<&str> = words.collect();
        // The class is the only optional word.
        let class = if words.len() == N + 1 { words.pop() } else { None };
        let numbers: Option<Vec<usize>> = words.iter().map(|word| word.parse().ok()).collect();
        // A comma would end a CSV column.
        let plain = |word: &str| escaped(word).to_string().replace(',', ";");
        let sizes = numbers
            .and_then(|numbers| <[usize; N]>::try_from(numbers).ok())
            .filter(|_| class.is_none_or(|class| class.parse::<usize>().is_err()))
            .and_then(&build);
        let reason = || format!("not a valid shape: {columns} are needed");
        shapes.push(Shape {
            name: plain(name),
            class: plain(class.unwrap_or_default()),
            sizes: sizes.ok_or_else(|| CliError::text(path, index + 1, reason()))?,
        });
    }
    if shapes.is_empty() {
        return Err(CliError::text(path, None, format!("no shape is listed; a line has {columns}")));
    }
    Ok(shapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_shapes_parse() {
        let path = Path::new("embedded");
        let gemms = gemm(path, GEMM).expect("valid");
        let cube = gemms.iter().find(|shape| shape.name == "64x64x64").expect("it is there");
        assert_eq!((cube.class.as_str(), cube.sizes), ("cube", [64; 3]));
        let convs = conv(path, CONV).expect("valid");
        let stem = convs.iter().find(|shape| shape.class == "stem").expect("it is there");
        assert_eq!(stem.sizes.output(), [112, 112]);
        assert!(convs.iter().any(|conv| conv.sizes.is_depthwise()));
    }

    #[test]
    fn errors_name_the_line() {
        let path = Path::new("s.txt");
        let wrong = ["# head\na 1 2", "\na 1 2 3 4", "\na 1 2 x", "\na 0 1 1", "\na 9999999999 9999999999 1"];
        for text in wrong {
            let error = gemm(path, text).expect_err("invalid").to_string();
            assert!(error.starts_with("s.txt, line 2: not a valid shape"), "{error}");
        }
        assert!(conv(path, "c 2 1 1 5 1 0 1").is_err());
        assert!(gemm(path, "# nothing\n").expect_err("empty").to_string().contains("no shape is listed"));
    }
}
