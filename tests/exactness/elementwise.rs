//! Element-wise operators through the public API.

use eightbit::elementwise::{Add, Dequantize, LookupTable, Mul, Quantize, Requantize};
use eightbit::{
    Backend, Call, Element, ElementType, Error, MatMut, OutputElement, QuantizedType, Workspace, reference,
};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random, fill, guard};

#[derive(Clone, Debug)]
struct Case {
    signed: [bool; 3],
    len: usize,
    repeats: usize,
    clamped: bool,
    fills: [Fill; 2],
    guard: Guard,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let len = prop_oneof![3 => 0usize..70, 1 => 0usize..600];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, len, 1usize..5, fill(), fill(), guard(), any::<u64>()).prop_map(
        |((a, b, out, clamped), len, repeats, fill_a, fill_b, guard, seed)| Case {
            signed: [a, b, out],
            len,
            repeats,
            clamped,
            fills: [fill_a, fill_b],
            guard,
            seed,
        },
    )
}

pub(crate) fn draw_type(random: &mut Random, signed: bool) -> QuantizedType {
    let element = if signed { ElementType::I8 } else { ElementType::U8 };
    let (low, high) = element.integer_range();
    let zero_point = [low, high, 0, random.between(low, high)][random.below(4)];
    let scale = match random.below(6) {
        0 => f32::MIN_POSITIVE,
        1 => 1.0,
        2 => 1e-10,
        _ => (1 + random.below(1000)) as f32 * 0.000_31,
    };
    QuantizedType::new(element, scale, zero_point).expect("a valid type")
}

pub(crate) fn draw_clamp(random: &mut Random, of: &QuantizedType, clamped: bool) -> (i32, i32) {
    let (min, max) = of.element().integer_range();
    if !clamped {
        return (min, max);
    }
    let low = random.between(min, max);
    (low, random.between(low, max))
}

/// Too large factors are refused; everything else must succeed.
fn planned<P>(plan: Result<P, Error>) -> Result<Option<P>, TestCaseError> {
    match plan {
        Ok(plan) => Ok(Some(plan)),
        Err(Error::Factor { .. }) => Ok(None),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

fn check<A: Element, B: Element, O: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let mut random = Random(case.seed);
    let a_type = draw_type(&mut random, A::SIGNED);
    let b_type = draw_type(&mut random, B::SIGNED);
    let output = draw_type(&mut random, O::SIGNED);
    let clamp = draw_clamp(&mut random, &output, case.clamped);
    let a = Guarded::new(&random.elements::<A>(case.fills[0], case.len * case.repeats), case.guard);
    let b = Guarded::new(&random.elements::<B>(case.fills[1], case.len), case.guard);
    let mut out = Guarded::new(&vec![O::default(); a.len()], case.guard);
    let fail = |error: Error| TestCaseError::fail(error.to_string());

    macro_rules! binary {
        ($plan:ident, $reference:ident) => {
            if let Some(plan) = planned($plan::new(backend, a_type, b_type, output))? {
                let plan = plan.clamped(clamp.0, clamp.1).map_err(fail)?;
                plan.call(&a, &b, &mut out).map_err(fail)?.run(&mut Workspace::new());
                for (index, &found) in out.iter().enumerate() {
                    let (a, b) = (a[index].into(), b[index % case.len].into());
                    let expected = reference::$reference((a, &a_type), (b, &b_type), &output, clamp);
                    prop_assert_eq!(found.into(), expected);
                }
            }
        };
    }
    binary!(Add, add_elements);
    binary!(Mul, mul_elements);
    if let Some(copy) = planned(Requantize::new(backend, a_type, output))? {
        copy.clamped(clamp.0, clamp.1)
            .map_err(fail)?
            .call(&a, &mut out)
            .map_err(fail)?
            .run(&mut Workspace::new());
        for (&x, &found) in a.iter().zip(out.iter()) {
            prop_assert_eq!(found.into(), reference::requantize_element(x.into(), &a_type, &output, clamp));
        }
    }
    let mut real = Guarded::new(&vec![0f32; a.len()], case.guard);
    Dequantize::new(backend, a_type).call(&a, &mut real).map_err(fail)?.run(&mut Workspace::new());
    for (&x, &found) in a.iter().zip(real.iter()) {
        prop_assert_eq!(found.to_bits(), reference::dequantize_element(x.into(), &a_type).to_bits());
    }
    for x in real.iter_mut() {
        if random.below(4) == 0 {
            *x = f32::from_bits(random.next() as u32);
        }
    }
    let quantize = Quantize::new(backend, output).clamped(clamp.0, clamp.1).map_err(fail)?;
    quantize.call(&real, &mut out).map_err(fail)?.run(&mut Workspace::new());
    for (&x, &found) in real.iter().zip(out.iter()) {
        prop_assert_eq!(found.into(), reference::quantize_element(x, &output, clamp), "{} {:?}", x, output);
    }
    let square_root = LookupTable::new(backend, a_type, output, f32::sqrt);
    square_root.call(&a, &mut out).map_err(fail)?.run(&mut Workspace::new());
    for (&x, &found) in a.iter().zip(out.iter()) {
        let real = reference::dequantize_element(x.into(), &a_type).sqrt();
        let expected = reference::quantize_element(real, &output, output.element().integer_range());
        prop_assert_eq!(found.into(), expected);
    }
    Ok(())
}

#[test]
fn elementwise() {
    property_suite("elementwise", 1.0, cases(), |backend, case| match case.signed {
        [false, false, false] => check::<u8, u8, u8>(backend, case),
        [false, false, true] => check::<u8, u8, i8>(backend, case),
        [false, true, false] => check::<u8, i8, u8>(backend, case),
        [false, true, true] => check::<u8, i8, i8>(backend, case),
        [true, false, false] => check::<i8, u8, u8>(backend, case),
        [true, false, true] => check::<i8, u8, i8>(backend, case),
        [true, true, false] => check::<i8, i8, u8>(backend, case),
        [true, true, true] => check::<i8, i8, i8>(backend, case),
    });
}

/// A tensor long enough for several tasks, and their number.
#[derive(Clone, Debug)]
struct Split {
    signed: bool,
    len: usize,
    columns: usize,
    gap: usize,
    tasks: usize,
    fill: Fill,
    guard: Guard,
    seed: u64,
}

fn splits() -> impl Strategy<Value = Split> {
    let columns = prop_oneof![Just(1usize), 2usize..70, 70usize..600, Just(20_000)];
    (any::<bool>(), 0usize..30_000, columns, 0usize..20, 1usize..9, fill(), guard(), any::<u64>()).prop_map(
        |(signed, len, columns, gap, tasks, fill, guard, seed)| Split {
            signed,
            len,
            columns,
            gap,
            tasks,
            fill,
            guard,
            seed,
        },
    )
}

/// Runs a call in tasks, last first.
fn in_tasks<'a, T: OutputElement, F: eightbit::Fill<T>>(
    call: Result<Call<'a, T, F>, Error>,
    count: usize,
) -> Result<(), TestCaseError> {
    let call = call.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let tasks: Vec<_> = call.tasks(count).collect();
    tasks.into_iter().rev().for_each(|task| task.run(&mut Workspace::new()));
    Ok(())
}

fn check_split<T: Element>(backend: Backend, case: &Split) -> Result<(), TestCaseError> {
    let mut random = Random(case.seed);
    let fail = |error: Error| TestCaseError::fail(error.to_string());
    let halves = QuantizedType::new(T::TYPE, 0.5, 7).map_err(fail)?;
    let output = QuantizedType::new(T::TYPE, 0.7, 3).map_err(fail)?;
    let len = case.len / case.columns * case.columns;
    let a = Guarded::new(&random.elements::<T>(case.fill, len), case.guard);
    let b = Guarded::new(&random.elements::<T>(case.fill, case.columns), case.guard);
    let mut whole = vec![T::default(); len];
    let mut split = Guarded::new(&whole, case.guard);

    let add = Add::new(backend, halves, halves, output).map_err(fail)?;
    add.call(&a, &b, &mut whole).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(add.call(&a, &b, &mut split), case.tasks)?;
    prop_assert!(whole == split[..], "add");
    let mul = Mul::new(backend, halves, halves, output).map_err(fail)?;
    mul.call(&a, &b, &mut whole).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(mul.call(&a, &b, &mut split), case.tasks)?;
    prop_assert!(whole == split[..], "mul");
    let requantize = Requantize::new(backend, halves, output).map_err(fail)?;
    requantize.call(&a, &mut whole).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(requantize.call(&a, &mut split), case.tasks)?;
    prop_assert!(whole == split[..], "requantize");
    let (rows, stride) = (len / case.columns, case.columns + case.gap);
    let mut gaps =
        Guarded::new(&vec![T::from_low_bits(77); (rows * stride).saturating_sub(case.gap)], case.guard);
    let matrix = MatMut::with_row_stride(&mut gaps, rows, case.columns, stride).map_err(fail)?;
    in_tasks(requantize.call_rows(&a, matrix), case.tasks)?;
    for (found, expected) in gaps.chunks(stride).zip(whole.chunks(case.columns)) {
        prop_assert!(found[..case.columns] == *expected, "rows");
        prop_assert!(found[case.columns..].iter().all(|&x| x == T::from_low_bits(77)), "between rows");
    }
    let table = LookupTable::new(backend, halves, output, f32::abs);
    table.call(&a, &mut whole).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(table.call(&a, &mut split), case.tasks)?;
    prop_assert!(whole == split[..], "table");
    let mut real = vec![0f32; len];
    let mut real_split = Guarded::new(&real, case.guard);
    let dequantize = Dequantize::new(backend, halves);
    dequantize.call(&a, &mut real).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(dequantize.call(&a, &mut real_split), case.tasks)?;
    prop_assert!(real == real_split[..], "dequantize");
    let quantize = Quantize::new(backend, output);
    quantize.call(&real, &mut whole).map_err(fail)?.run(&mut Workspace::new());
    in_tasks(quantize.call(&real_split, &mut split), case.tasks)?;
    prop_assert!(whole == split[..], "quantize");
    Ok(())
}

#[test]
fn tasks() {
    property_suite("elementwise_tasks", 0.05, splits(), |backend, case| {
        if case.signed { check_split::<i8>(backend, case) } else { check_split::<u8>(backend, case) }
    });
}

#[test]
fn tables_can_be_made_from_bytes() {
    let backend = Backend::detected();
    let halves: [u8; 256] = std::array::from_fn(|x| x as u8 / 2);
    let table = LookupTable::from_bytes(backend, ElementType::I8, ElementType::U8, halves).unwrap();
    let mut out = [0u8; 2];
    table.call(&[-2i8, 6], &mut out).unwrap().run(&mut Workspace::new());
    assert_eq!(out, [127, 3]);
    let wrong = LookupTable::from_bytes(backend, ElementType::F32, ElementType::U8, halves);
    assert!(matches!(wrong, Err(Error::ElementType { .. })));
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let backend = Backend::detected();
    let (u, i) = (QuantizedType::u8(0.5, 0).unwrap(), QuantizedType::i8(0.5, 0).unwrap());
    let add = Add::new(backend, u, i, u).unwrap();
    let mut out = [0u8; 6];
    assert!(matches!(add.call(&[0i8; 6], &[0i8; 6], &mut out), Err(Error::ElementType { .. })));
    assert!(matches!(add.call(&[0u8; 6], &[0i8; 4], &mut out), Err(Error::Mismatch { .. })));
    assert!(matches!(add.call(&[0u8; 6], &[0i8; 0], &mut out), Err(Error::Mismatch { .. })));
    assert!(matches!(add.call(&[0u8; 7], &[0i8; 7], &mut out), Err(Error::Mismatch { .. })));
    assert!(matches!(add.clamped(9, 8), Err(Error::OutOfRange { .. })));
    assert!(matches!(add.clamped(-1, 8), Err(Error::OutOfRange { .. })));
    let (tiny, huge) = (QuantizedType::u8(1e-30, 0).unwrap(), QuantizedType::u8(1e30, 0).unwrap());
    assert!(matches!(Add::new(backend, huge, u, tiny), Err(Error::Factor { .. })));
    assert!(matches!(Mul::new(backend, huge, huge, u), Err(Error::Factor { .. })));
    assert!(matches!(Requantize::new(backend, huge, tiny), Err(Error::Factor { .. })));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(QuantizedType::u8(scale, 0), Err(Error::Scale { .. })));
    }
    assert!(matches!(QuantizedType::u8(1.0, 256), Err(Error::OutOfRange { .. })));
    assert!(matches!(QuantizedType::i8(1.0, 128), Err(Error::OutOfRange { .. })));
    assert!(matches!(QuantizedType::new(ElementType::F32, 1.0, 0), Err(Error::ElementType { .. })));
}
