//! Parts in a row, each in the range that holds those of all.

use super::{has_outputs, push, range, step, store, worth};
use crate::exec::builder::Builder;
use crate::ops::quantized_concat::{holding, parts};
use crate::ops::shared::code_range::{CodeRange, byte_table};
use crate::ops::shared::concat::axis;
use crate::{DataType, Error, Node};

pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let of = builder.type_of(node.required_output(0)?)?;
    let Some(count) = parts(node.inputs.len()) else { return Ok(false) };
    if of.data_type != DataType::U8 || !has_outputs(node, 3) {
        return Ok(false);
    }
    let axis = axis(node, of.shape.len())?;
    let row: usize = of.shape[axis..].iter().product();
    let mut columns = Vec::with_capacity(count);
    for index in 0..count {
        columns.push(builder.shape(node, index)?[axis..].iter().product::<usize>());
    }
    if row == 0 {
        return Ok(false);
    }
    let ranges = vec![CodeRange { min: 0.0, max: 0.0 }; count];
    let kernel = step(builder, "join bytes of several ranges", ranges, move |context, workers, ranges| {
        for (index, of_part) in ranges.iter_mut().enumerate() {
            *of_part = range(context, count + index, 2 * count + index)?;
        }
        let to = holding(ranges);
        let mut first_column = 0;
        for (index, (&of_part, &columns)) in ranges.iter().zip(&columns).enumerate() {
            let x = context.input::<u8>(index)?;
            let table = (of_part != to).then(|| byte_table(of_part, to));
            let out = context.output::<u8>(0)?;
            worth(workers, x.len()).by_rows(out, row, |first, part| {
                let rows = x.chunks_exact(columns.max(1)).skip(first);
                for (x, out) in rows.zip(part.chunks_exact_mut(row)) {
                    let out = out.get_mut(first_column..first_column + columns).unwrap_or_default();
                    match &table {
                        None => out.copy_from_slice(x),
                        Some(table) => {
                            for (&byte, out) in x.iter().zip(out) {
                                *out = table[usize::from(byte)];
                            }
                        }
                    }
                }
            });
            first_column += columns;
        }
        store(context, 1, to)
    });
    push(builder, node, kernel)
}
