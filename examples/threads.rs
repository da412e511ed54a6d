//! A convolution on your own threads: tasks are independent, and the split never changes a bit.
//!
//! `cargo run --release --example threads`

use eightbit::{Backend, Conv2d, Conv2dShape, ElementType, Padding, Per, Requantize, Stage, Workspace};

fn main() -> Result<(), eightbit::Error> {
    let shape = Conv2dShape::new([56, 56], 64, 64, [3, 3]).with_pad(Padding::same(1));
    let weights: Vec<i8> = (0..64 * 9 * 64).map(|i| (i * 37 % 255) as u8 as i8).collect();
    let input: Vec<u8> = (0..56 * 56 * 64).map(|i| (i * 101 % 256) as u8).collect();
    let packed = Conv2d::pack(Backend::best()?, &shape, &weights, 0)?;
    let stage = Stage::Requantize(Requantize::new(Per::Tensor(0.0005), 128, ElementType::U8));
    let conv = Conv2d::new(shape, packed, ElementType::U8, 0, None, &stage)?;
    println!("{}", conv.explain());

    let mut alone = vec![0u8; 56 * 56 * 64];
    conv.call(&input, &mut alone)?.run(&mut Workspace::new());

    let mut together = vec![0u8; 56 * 56 * 64];
    let tasks = conv.call(&input, &mut together)?.tasks(4);
    std::thread::scope(|scope| {
        for task in tasks {
            scope.spawn(move || task.run(&mut Workspace::new()));
        }
    });
    println!("one thread and four give {} bits", if alone == together { "the same" } else { "different" });
    Ok(())
}
