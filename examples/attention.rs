//! One head of an attention that generates token by token: keys and values are kept in eight bits, and every token adds one of each.
//! Nothing is packed again. Each step is compared, bit for bit, with plain loops over all tokens so far.
//!
//! `cargo run --release --example attention`

use eightbit::dynamic::{GrowingColumns, GrowingRows, QuantizeRows, QuantizedRows, Spread};
use eightbit::{Backend, ElementType, Error, MatMut, MatRef, Per, Workspace, reference};

/// Channels of the head, and tokens.
const CHANNELS: usize = 64;
const TOKENS: usize = 100;

/// The head's memory: what was said so far, and buffers that every step uses again.
struct Head {
    /// Keys are the columns of the product with a query, so each has a scale of its own.
    keys: GrowingColumns,
    /// Values are the depth of the product with the weights, which take up their scales before they are quantized.
    values: GrowingRows,
    added: QuantizedRows<i8>,
    rows: QuantizedRows<u8>,
    weights: Vec<f32>,
    around_zero: QuantizeRows,
    range: QuantizeRows,
    workspace: Workspace,
}

impl Head {
    fn new(backend: Backend) -> Result<Head, Error> {
        Ok(Head {
            keys: GrowingColumns::new::<i8>(backend, CHANNELS, TOKENS)?,
            values: GrowingRows::new::<i8>(backend, CHANNELS, TOKENS)?,
            added: QuantizedRows::with_capacity(1, CHANNELS),
            rows: QuantizedRows::with_capacity(1, TOKENS.max(CHANNELS)),
            weights: Vec::with_capacity(TOKENS),
            around_zero: QuantizeRows::new(backend, Spread::Magnitude),
            range: QuantizeRows::new(backend, Spread::Range),
            workspace: Workspace::new(),
        })
    }

    /// Takes the query, key and value of a token, and returns what the head says about it.
    fn step(&mut self, query: &[f32], key: &[f32], value: &[f32]) -> Result<[f32; CHANNELS], Error> {
        self.added.quantize(&self.around_zero, MatRef::new(key, 1, CHANNELS)?)?;
        self.keys.push(self.added.rows())?;
        self.added.quantize(&self.around_zero, MatRef::new(value, 1, CHANNELS)?)?;
        self.values.push(self.added.rows())?;

        let tokens = self.keys.len();
        self.weights.resize(tokens, 0.0);
        self.rows.quantize(&self.range, MatRef::new(query, 1, CHANNELS)?)?;
        let scores = MatMut::new(&mut self.weights, 1, tokens)?;
        self.keys.call(self.rows.rows(), scores)?.run(&mut self.workspace);
        softmax(&mut self.weights);

        self.values.fold_scales(MatMut::new(&mut self.weights, 1, tokens)?)?;
        self.rows.quantize(&self.range, MatRef::new(&self.weights, 1, tokens)?)?;
        let mut out = [0.0; CHANNELS];
        self.values.call(self.rows.rows(), MatMut::new(&mut out, 1, CHANNELS)?)?.run(&mut self.workspace);
        Ok(out)
    }
}

/// In place, of scores that are divided by the root of the channels.
fn softmax(scores: &mut [f32]) {
    let root = (CHANNELS as f32).sqrt();
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = ((*score - greatest) / root).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|weight| *weight /= sum);
}

/// Quantizes a row as the crate documents it: codes, scale, zero point.
fn quantized(row: &[f32], spread: Spread, element: ElementType) -> (Vec<i32>, f32, i32) {
    let of = reference::range_type(row, spread, element).expect("finite numbers");
    let (low, high) = element.integer_range();
    let low = if spread == Spread::Magnitude { low + 1 } else { low };
    let codes = row.iter().map(|&x| reference::quantize_element(x, &of, (low, high))).collect();
    (codes, of.scale(), of.zero_point())
}

/// The sums of a row's products with the columns of `matrix`, `depth × columns`.
fn sums(row: &[i32], zero: i32, matrix: &MatRef<'_, i8>) -> Result<Vec<i32>, Error> {
    let row: Vec<u8> = row.iter().map(|&code| code as u8).collect();
    Ok(reference::gemm(&MatRef::new(&row, 1, row.len())?, zero, matrix, &Per::Tensor(0), None))
}

/// What the head says after these tokens, computed from the beginning.
fn from_scratch(query: &[f32], keys: &[f32], values: &[f32]) -> Result<Vec<f32>, Error> {
    let tokens = keys.len() / CHANNELS;
    let all = |rows: &[f32]| {
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        for row in rows.chunks(CHANNELS) {
            let (row, scale, _) = quantized(row, Spread::Magnitude, ElementType::I8);
            codes.extend(row.into_iter().map(|code| code as i8));
            scales.push(scale);
        }
        (codes, scales)
    };
    let ((keys, key_scales), (values, value_scales)) = (all(keys), all(values));
    let (query, scale, zero) = quantized(query, Spread::Range, ElementType::U8);
    let sums_of_keys = sums(&query, zero, &MatRef::new(&keys, tokens, CHANNELS)?.transposed())?;
    let mut weights: Vec<f32> =
        sums_of_keys.iter().zip(&key_scales).map(|(&sum, key)| sum as f32 * key * scale).collect();
    softmax(&mut weights);
    weights.iter_mut().zip(&value_scales).for_each(|(weight, scale)| *weight *= scale);
    let (weights, scale, zero) = quantized(&weights, Spread::Range, ElementType::U8);
    let sums = sums(&weights, zero, &MatRef::new(&values, tokens, CHANNELS)?)?;
    Ok(sums.into_iter().map(|sum| sum as f32 * scale).collect())
}

/// The same in floats.
fn in_floats(query: &[f32], keys: &[f32], values: &[f32]) -> Vec<f32> {
    let dot = |key: &[f32]| key.iter().zip(query).map(|(k, q)| k * q).sum();
    let mut weights: Vec<f32> = keys.chunks(CHANNELS).map(dot).collect();
    softmax(&mut weights);
    let weighted =
        |n| weights.iter().zip(values.chunks(CHANNELS)).map(|(weight, value)| weight * value[n]).sum();
    (0..CHANNELS).map(weighted).collect()
}

fn main() -> Result<(), Error> {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let [queries, keys, values] =
        [(); 3].map(|()| (0..TOKENS * CHANNELS).map(|_| random()).collect::<Vec<f32>>());
    let mut head = Head::new(Backend::best()?)?;
    let (mut same, mut error) = (0, 0f32);
    for token in 0..TOKENS {
        let (this, so_far) = (token * CHANNELS..(token + 1) * CHANNELS, ..(token + 1) * CHANNELS);
        let said = head.step(&queries[this.clone()], &keys[this.clone()], &values[this.clone()])?;
        let query = &queries[this];
        same += usize::from(from_scratch(query, &keys[so_far], &values[so_far])? == said);
        let floats = in_floats(query, &keys[so_far], &values[so_far]);
        error = said.iter().zip(floats).fold(error, |error, (said, float)| error.max((said - float).abs()));
    }
    println!("{same} of {TOKENS} steps have the bits of plain loops over all tokens");
    println!("the greatest error to floats is {error:.4}, of values between −1 and 1");
    assert_eq!(same, TOKENS);
    Ok(())
}

#[test]
fn runs() -> Result<(), Error> {
    main()
}
