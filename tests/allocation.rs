//! Steady-state calls allocate nothing: the allocator counts on the calling thread only, since the test harness's own
//! thread may allocate at any time.

use allocation_counter::measure;

use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GroupwiseLinear, GroupwiseWeights, GrowingColumns, GrowingRows, Linear,
    PackedMatrix, QuantizedBatch, QuantizedRows, Rows, Spread, StagedGemm, UniformBatch, WeightGroups,
};
use eightbit::elementwise::{self, Add};
use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{
    Backend, Conv2d, Conv2dShape, Conv3d, Conv3dShape, Dequantize, ElementType, Gemm, MatMut, MatRef,
    PackedWeights, Padding, Per, QuantizedType, Requantize, Stage, Workspace,
};

#[test]
fn steady_state_calls_allocate_nothing() {
    assert_eq!(
        measure(|| drop(std::hint::black_box(Box::new(1)))).count_total,
        1,
        "the allocator must count"
    );
    let stage = Stage::Requantize(Requantize::new(Per::Tensor(0.001), 3, ElementType::U8));
    for backend in Backend::available() {
        let (m, k, n) = (37, 61, 53);
        let weights = vec![3i8; k * n];
        let packed =
            PackedWeights::pack(backend, &MatRef::new(&weights, k, n).expect("weights"), 1).expect("pack");
        let mut gemm = Gemm::new(packed, ElementType::U8, 5, None, &stage).expect("plan");
        let lhs = vec![200u8; m * k];
        let mut out = vec![0u8; m * n];
        let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());

        let shapes = [
            Conv2dShape::new([9, 9], 24, 40, [3, 3]).with_pad(Padding::same(1)),
            Conv2dShape::new([9, 9], 3, 8, [3, 3]).with_pad(Padding::same(1)).with_stride([2, 2]),
            Conv2dShape::new([7, 7], 32, 32, [1, 1]),
            Conv2dShape::new([9, 9], 40, 40, [3, 3]).with_pad(Padding::same(1)).with_groups(40),
            Conv2dShape::new([9, 9], 40, 20, [3, 3]).with_groups(2),
        ];
        let mut convolutions: Vec<_> = shapes
            .into_iter()
            .map(|shape| {
                let group = shape.in_channels / shape.groups;
                let weights = vec![-7i8; shape.out_channels * shape.kernel[0] * shape.kernel[1] * group];
                let packed = Conv2d::pack(backend, &shape, &weights, 0).expect("pack");
                let conv = Conv2d::new(shape, packed, ElementType::U8, 9, None, &stage).expect("plan");
                let [h, w] = shape.output();
                let input = vec![100u8; shape.input[0] * shape.input[1] * shape.in_channels];
                let out = vec![0u8; h * w * shape.out_channels];
                let workspace = Workspace::with_capacity(conv.workspace_bytes());
                (conv, input, out, workspace)
            })
            .collect();

        // The first call allocates the memory of copied slices.
        let shapes = [
            (Conv3dShape::new([3, 5, 4], 6, 20, [3, 3, 3]).with_pad([[1, 1]; 3]), true),
            (Conv3dShape::new([3, 5, 4], 64, 64, [1, 3, 3]).with_groups(64), false),
        ];
        let mut volumes: Vec<_> = shapes
            .into_iter()
            .map(|(shape, copies)| {
                let size = |sizes: [usize; 3]| sizes.iter().product::<usize>();
                let taps = size(shape.kernel()) * shape.in_channels() / shape.groups();
                let weights = vec![-7i8; shape.out_channels() * taps];
                let packed = Conv3d::pack(backend, &shape, &weights, 0).expect("pack");
                let conv = Conv3d::new(shape, packed, ElementType::U8, 9, None, &stage).expect("plan");
                let input = vec![100u8; size(shape.input()) * shape.in_channels()];
                let mut out = vec![0u8; size(shape.output()) * shape.out_channels()];
                let mut workspace = Workspace::with_capacity(conv.workspace_bytes());
                let before = workspace.capacity();
                conv.call(&input, &mut out).expect("call").run(&mut workspace);
                assert_eq!(workspace.capacity() > before, copies, "the slices count");
                (conv, input, out, workspace)
            })
            .collect();

        let types = (QuantizedType::u8(0.5, 3).expect("a type"), QuantizedType::u8(0.3, 7).expect("a type"));
        let add = Add::new(backend, types.0, types.1, types.1).expect("plan");
        let joined = elementwise::Requantize::new(backend, types.0, types.1).expect("plan");
        let shape = Pool2dShape::new([30, 30], 24, [3, 3]);
        let greatest = MaxPool2d::new(backend, shape).expect("plan");
        let average = AveragePool2d::new(backend, shape, types.0, types.1).expect("plan");
        let image = vec![9u8; 30 * 30 * 24];
        let mut image_out = vec![0u8; image.len()];
        let bytes = greatest.workspace_bytes().max(average.workspace_bytes());
        let mut pool_workspace = Workspace::with_capacity(bytes);

        let linear = Linear::new(gemm.weights().clone(), &Dequantize::new(Per::Tensor(0.01)), Spread::Range)
            .expect("plan");
        let groups = WeightGroups { depths: 32, scales: &vec![0.5; 2 * n], zero_points: &[3] };
        let matrix = MatRef::new(&weights, k, n).expect("weights");
        let packed = GroupwiseWeights::pack(backend, &matrix, &groups).expect("pack");
        let groupwise = GroupwiseLinear::new(packed, Spread::Range);
        let mut groupwise_workspace = Workspace::with_capacity(groupwise.workspace_bytes());
        let x = vec![0.5f32; m * k];
        let mut real = vec![0f32; m * n];
        let mut rows = QuantizedRows::with_capacity(m, k);
        let mut keys = GrowingColumns::new::<u8>(backend, k, m).expect("they fit");
        let mut values = GrowingRows::new::<u8>(backend, k, m).expect("they fit");
        let value = Rows::new(&lhs[..k], 1, k, k, &[0.5], &[7]).expect("a row");
        let mut memory = vec![0; PackedMatrix::bytes(backend, m, k).expect("it fits")];

        // The first batch allocates the memory of its factors.
        let factors = |columns: usize| {
            let codes = BatchRef::with_strides(&lhs, 3, [7, columns], columns, [3 * columns, 1]);
            QuantizedBatch {
                codes: codes.expect("they fit"),
                scales: MatRef::with_strides(&[0.5f32], 3, 7, 0, 0).expect("scales"),
                zero_points: MatRef::with_strides(&[3], 3, 7, 0, 0).expect("zero points"),
            }
        };
        let (batched, a, b) = (BatchedGemm::new(backend), factors(13), factors(13));
        let b = QuantizedBatch { codes: b.codes.transposed(), ..b };
        let mut batch_out = vec![0f32; 3 * 7 * 7];
        let mut batch_workspace = Workspace::new();
        let batch = BatchMut::new(&mut batch_out, 3, [7, 7]).expect("they fit");
        batched.call(a, b, batch).expect("call").run(&mut batch_workspace);
        assert!(batch_workspace.capacity() > 0, "the factors count");

        let staged = StagedGemm::new(backend, [13, 7], &Stage::ACCUMULATORS).expect("plan");
        let uniform = |codes, zero_point| UniformBatch { codes, zero_point };
        let mut staged_out = vec![0i32; 3 * 7 * 7];

        // The first call with a range of its own allocates the terms for it.
        let shape = Conv2dShape::new([8, 8], 16, 16, [3, 3]).with_pad(Padding::same(1));
        let packed = Conv2d::pack(backend, &shape, &[3i8; 16 * 9 * 16], 0).expect("pack");
        let dequantize = Stage::Dequantize(Dequantize::new(Per::Tensor(0.01)));
        let ranged = Conv2d::new(shape, packed, ElementType::U8, 0, None, &dequantize).expect("plan");
        let mut ranged_workspace = Workspace::with_capacity(ranged.workspace_bytes());
        let mut ranged_out = vec![0f32; 8 * 8 * 16];
        let before = ranged_workspace.capacity();
        let call = ranged.call_ranged(&image[..8 * 8 * 16], types.0, &mut ranged_out).expect("call");
        call.run(&mut ranged_workspace);
        assert!(ranged_workspace.capacity() > before, "the terms count");

        let counted = measure(|| {
            let call = ranged.call_ranged(&image[..8 * 8 * 16], types.1, &mut ranged_out).expect("call");
            call.run(&mut ranged_workspace);
            let x = MatRef::new(&x, m, k).expect("rows");
            let y = MatMut::new(&mut real, m, n).expect("out");
            linear.run(x, y, &mut rows, &mut workspace).expect("run");
            let y = MatMut::new(&mut real, m, n).expect("out");
            groupwise.run(x, y, &mut rows, &mut groupwise_workspace).expect("run");
            keys.push(rows.rows()).expect("columns");
            let y = MatMut::new(&mut real[..m * m], m, m).expect("out");
            keys.call(rows.rows(), y).expect("call").run(&mut workspace);
            for _ in 0..m {
                values.push(value).expect("a row");
            }
            let weights = Rows::new(&lhs[..m], 1, m, m, &[0.5], &[9]).expect("weights");
            values.fold_scales(MatMut::new(&mut real[..m], 1, m).expect("weights")).expect("fits");
            let y = MatMut::new(&mut real[..k], 1, k).expect("out");
            values.call(weights, y).expect("call").run(&mut workspace);
            values.truncate(1);
            let codes = MatRef::new(&lhs, m, k).expect("codes");
            let packed = PackedMatrix::pack_into(backend, &codes, &[0.5], &[3], &mut memory).expect("fits");
            let y = MatMut::new(&mut real[..k], 1, k).expect("out");
            packed.call(weights, y).expect("call").run(&mut workspace);
            let batch = BatchMut::new(&mut batch_out, 3, [7, 7]).expect("they fit");
            for task in batched.call(a, b, batch).expect("call").tasks(2) {
                task.run(&mut batch_workspace);
            }
            let batch = BatchMut::new(&mut staged_out, 3, [7, 7]).expect("they fit");
            for task in staged.call(uniform(a.codes, 3), uniform(b.codes, 4), batch).expect("call").tasks(2) {
                task.run(&mut batch_workspace);
            }
            for zero in [5, 6] {
                gemm.set_lhs_zero_point(zero).expect("zero point");
                let lhs = MatRef::new(&lhs, m, k).expect("lhs");
                gemm.call(lhs, MatMut::new(&mut out, m, n).expect("out")).expect("run").run(&mut workspace);
                for task in gemm.call(lhs, MatMut::new(&mut out, m, n).expect("out")).expect("tasks").tasks(3)
                {
                    task.run(&mut workspace);
                }
                add.call(&image, &image[..24], &mut image_out).expect("run").run(&mut Workspace::new());
                for task in add.call(&image, &image, &mut image_out).expect("tasks").tasks(3) {
                    task.run(&mut pool_workspace);
                }
                let rows = MatMut::with_row_stride(&mut image_out, 300, 24, 30).expect("rows");
                joined.call_rows(&image[..300 * 24], rows).expect("run").run(&mut Workspace::new());
                let pooled = &mut image_out[..10 * 10 * 24];
                greatest.call(&image, pooled).expect("run").run(&mut pool_workspace);
                average.call(&image, pooled).expect("run").run(&mut pool_workspace);
                for (conv, input, out, workspace) in &mut convolutions {
                    conv.call(input, out).expect("run").run(workspace);
                }
                for (conv, input, out, workspace) in &mut volumes {
                    for task in conv.call(input, out).expect("tasks").tasks(3) {
                        task.run(workspace);
                    }
                }
            }
        });
        assert_eq!(counted.count_total, 0, "backend {backend}: {counted:?}");
    }
}

#[test]
fn a_copy_takes_the_room_of_the_original() {
    for backend in Backend::available() {
        let (columns, capacity) = (64, 1024);
        let mut values = GrowingRows::new::<u8>(backend, columns, capacity).expect("they fit");
        let value = Rows::new(&[9u8; 64], 1, columns, columns, &[0.5], &[7]).expect("a row");
        for _ in 0..capacity / 2 {
            values.push(value).expect("a row");
        }
        let mut copy = values.clone();
        let counted = measure(|| copy.truncate(1));
        let room = (columns * capacity) as u64;
        assert!((room..room + 1024).contains(&counted.bytes_total), "{backend}: {counted:?}");
        assert_eq!(measure(|| values.push(value).expect("a row")).bytes_total, 0, "it has its own again");
    }
}
