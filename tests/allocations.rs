//! What a frame allocates once everything is warm: the net and the screen nothing, an observation
//! no more than what it hands out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wingmark::face::{Observation, Observer, Options, zoo};
use wingmark::overlay::Figures;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::screen::{MemoryScreen, ScreenSettings, View};

/// All threads have begun by then.
const WARM_WITHIN: Duration = Duration::from_secs(10);

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

/// Net and screen allocate nothing, and an observation only its points. No test of the harness,
/// whose main thread would be counted too.
fn main() {
    let small = zoo::shipped(zoo::DEFAULT_LANDMARKS).unwrap().load().unwrap();
    let crop = CropImage::new(small.model.input_side_px());
    for threads in [1, 2] {
        let mut session = small.model.session_with_threads(threads);
        let mut three_frames = || {
            allocated(|| {
                for _ in 0..3 {
                    session.infer(&crop).unwrap();
                }
            })
        };
        // On a busy machine, a worker may begin long after its start, and then takes its name.
        let start = Instant::now();
        let mut found = three_frames();
        while found != (0, 0) && start.elapsed() < WARM_WITHIN {
            found = three_frames();
        }
        assert_eq!(found, (0, 0), "three frames of the net on {threads} threads");
    }

    let faces = zoo::shipped(zoo::FACES).unwrap().load().unwrap();
    let mut observer = Observer::new(&faces, &small, &Options::default()).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/eileen-collins.jpg");
    let picture = image::open(picture).unwrap().into_rgb8();
    let size = Size { width: picture.width(), height: picture.height() };
    let mut frame = Frame::from_rgb(size, picture.into_raw()).unwrap();
    let mut view = View::new(Box::new(MemoryScreen::default()), observer.scheme(), &ScreenSettings::default());
    let mut figures = Figures::default();
    let mut take = |sequence: u32| {
        frame.stamp(sequence, Duration::from_millis(33) * sequence);
        let mut seen = Observation::default();
        let observed = allocated(|| seen = observer.observe(&frame).unwrap());
        assert_eq!(seen.faces.len(), 1, "frame {sequence}");
        let shown = allocated(|| view.show(&frame, &seen, figures.count(&seen)).unwrap());
        (seen.timings.detect.is_zero() && observer.looks() == 1, observed, shown)
    };
    // After half a second the figures have all their words.
    for sequence in 0..20 {
        take(sequence);
    }
    let mut followed = 0;
    for sequence in 20..80 {
        let (only_follows, (count, bytes), shown) = take(sequence);
        assert_eq!(shown, (0, 0), "frame {sequence} on the screen");
        // A search takes some more, as do looks at what it found.
        if only_follows {
            assert!(count <= 24 && bytes <= 16 * 1024, "{count} allocations of {bytes} bytes for one face");
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed} frames without a search");
}
