//! What a frame allocates once everything is warm: the net nothing, an observation no more than what it hands out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wingmark::convert::CropImage;
use wingmark::frame::{Frame, Size};
use wingmark::observe::Observer;
use wingmark::zoo;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
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

/// Allocations, and their bytes, while `work` runs.
fn allocated(work: impl FnOnce()) -> (usize, usize) {
    let before = (COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    work();
    (COUNT.load(Ordering::Relaxed) - before.0, BYTES.load(Ordering::Relaxed) - before.1)
}

/// One test, because another one beside it would be counted too.
#[test]
fn the_net_allocates_nothing_and_an_observation_only_its_points() {
    let small = zoo::shipped(zoo::DEFAULT_LANDMARKS).unwrap().load().unwrap();
    let crop = CropImage::new(small.model.input_side_px());
    for threads in [1, 2] {
        let mut session = small.model.session_with_threads(threads);
        session.infer(&crop).unwrap();
        let found = allocated(|| {
            for _ in 0..3 {
                session.infer(&crop).unwrap();
            }
        });
        assert_eq!(found, (0, 0), "three frames of the net on {threads} threads");
    }

    let faces = zoo::shipped(zoo::FACES).unwrap().load().unwrap();
    let mut observer = Observer::new(&faces, &small, true).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/eileen-collins.jpg");
    let picture = image::open(picture).unwrap().into_rgb8();
    let size = Size { width: picture.width(), height: picture.height() };
    let mut frame = Frame::from_rgb(size, picture.into_raw()).unwrap();
    let mut observe = |sequence: u32| {
        frame.sequence = sequence;
        frame.captured_at = Duration::from_millis(33) * sequence;
        let seen = observer.observe(&frame).unwrap();
        assert_eq!(seen.faces.len(), 1, "frame {sequence}");
    };
    (0..5).for_each(&mut observe);
    let found = allocated(|| observe(5));
    assert!(found.0 <= 12 && found.1 <= 16 * 1024, "{} allocations of {} bytes for one face", found.0, found.1);
}
