//! A frame allocates nothing once the workspace is there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use wingmark_kernels::{Convolution, Graph, Kernel, Operator, Program, Shape};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_frame_allocates_nothing() {
    let shape = Shape { rows: 32, columns: 32, channels: 16 };
    let mut graph = Graph::new(shape);
    let convolution = Convolution {
        window: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
        weights: (0..64 * 9 * 16).map(|i| (i % 255) as u8 as i8).collect(),
        bias: vec![0; 64],
        multipliers: vec![0.001; 64],
        input_zero_point: 128,
        output_zero_point: 128,
    };
    let x = graph.add(Operator::Convolution(convolution), &[graph.input()]).unwrap();
    let x = graph.add(Operator::MaxPool, &[x]).unwrap();
    let picture = vec![77; shape.elements()];
    for kernel in Kernel::supported() {
        let program = Program::plan(&graph, x, kernel).unwrap();
        for threads in [1, 2] {
            let mut workspace = program.workspace(threads);
            program.run(&mut workspace, &picture);
            // The thread that waits for the test's end may allocate too, now and then: a frame that
            // does would do so each time.
            let fewest = (0..5).map(|_| {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                program.run(&mut workspace, &picture);
                ALLOCATIONS.load(Ordering::Relaxed) - before
            });
            assert_eq!(fewest.min(), Some(0), "{} with {threads} threads", kernel.name());
        }
    }
}
