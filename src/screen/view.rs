//! What a screen shows of a run: the frame as large as it fits, and over it what was seen.

use embedded_graphics::Drawable;

use super::fit::Fitter;
use super::{Canvas, Screen, ScreenError, ScreenSettings};
use crate::face::Observation;
use crate::model::scheme::Scheme;
use crate::overlay::{FigureLines, Notice, Overlay};
use crate::picture::frame::{Frame, Size};

/// Of a notice before there is a frame, on a screen that takes any size.
const BLANK: Size = Size { width: 640, height: 480 };

/// A screen with its canvas. Nothing is allocated from one frame to the next of the same size.
pub struct View {
    screen: Box<dyn Screen>,
    scheme: &'static Scheme,
    fitter: Fitter,
    canvas: Canvas,
    /// The canvas without the notice that is on it, where there is one.
    plain: Option<Canvas>,
}

impl View {
    /// Shows on `screen`; `scheme` says which landmarks are joined by lines.
    pub fn new(screen: Box<dyn Screen>, scheme: &'static Scheme, settings: &ScreenSettings) -> Self {
        let fitter = Fitter::new(settings.mirror);
        View { screen, scheme, fitter, canvas: Canvas::default(), plain: None }
    }

    /// Shows a frame with what was seen in it, and a run's figures in words.
    pub fn show(&mut self, frame: &Frame, seen: &Observation, figures: &str) -> Result<(), ScreenError> {
        self.plain = None;
        self.canvas.resize(self.screen.size().unwrap_or(frame.size()));
        self.fitter.fit(frame, &mut self.canvas);
        let canvas_from_frame = self.fitter.canvas_from_frame();
        let Ok(()) = Overlay { scheme: self.scheme, seen, canvas_from_frame }.draw(&mut self.canvas);
        let Ok(()) = FigureLines(figures).draw(&mut self.canvas);
        self.screen.present(&self.canvas)
    }

    /// Shows a sentence over the last frame, until the next one.
    pub fn notify(&mut self, notice: &str) -> Result<(), ScreenError> {
        match &self.plain {
            Some(plain) => self.canvas.clone_from(plain),
            None => self.plain = Some(self.canvas.clone()),
        }
        let last = if self.canvas.rgb().is_empty() { BLANK } else { self.canvas.size() };
        self.canvas.resize(self.screen.size().unwrap_or(last));
        let Ok(()) = Notice(notice).draw(&mut self.canvas);
        self.screen.present_notice(&self.canvas)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use nalgebra::{Matrix2, Point2};

    use super::*;
    use crate::face::{Face, Landmark};
    use crate::model::scheme::IBUG_68;
    use crate::picture::geometry::{Crop, Rect};

    /// Keeps the last canvas.
    struct Memory {
        size: Option<Size>,
        shown: Arc<Mutex<Canvas>>,
    }

    impl Screen for Memory {
        fn size(&self) -> Option<Size> {
            self.size
        }

        fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
            self.shown.lock().unwrap().clone_from(canvas);
            Ok(())
        }
    }

    fn view(size: Option<Size>, mirror: bool) -> (View, Arc<Mutex<Canvas>>) {
        let shown = Arc::new(Mutex::new(Canvas::default()));
        let settings = ScreenSettings { mirror, ..ScreenSettings::default() };
        (View::new(Box::new(Memory { size, shown: shown.clone() }), &IBUG_68, &settings), shown)
    }

    /// A dark frame, in which all points of a face lie on one bright pixel.
    fn frame_and_seen(size: Size, x: u32, y: u32) -> (Frame, Observation) {
        let mut frame = Frame::from_rgb(size, vec![20; (size.width * size.height * 3) as usize]).unwrap();
        frame.stamp(5, std::time::Duration::ZERO);
        frame.bytes_mut()[((y * size.width + x) * 3) as usize..][..3].fill(255);
        let at = Point2::new(x as f32, y as f32);
        let landmark = Landmark { at, confidence: 1.0, covariance: Matrix2::identity() * 0.01 };
        let face = Face {
            id: 1,
            bounds: Rect { min: at, max: at },
            crop: Crop::new(at, 9.0, 0.0, 9),
            landmarks: vec![landmark; 68],
            presence: 1.0,
            guessed: Vec::new(),
            measures: Default::default(),
        };
        (frame, Observation { faces: vec![face], ..Observation::default() })
    }

    fn pixel(canvas: &Canvas, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * canvas.size().width + x) * 3) as usize;
        canvas.rgb()[at..at + 3].try_into().unwrap()
    }

    #[test]
    fn points_are_drawn_where_the_fitted_frame_shows_them() {
        const POINT: [u8; 3] = [255, 240, 80];
        for (size, mirror, expected) in [
            (None, false, (240, 200)),
            (Some(Size { width: 800, height: 800 }), false, (481, 501)),
            (Some(Size { width: 800, height: 800 }), true, (319, 501)),
        ] {
            let (mut view, shown) = view(size, mirror);
            let (frame, seen) = frame_and_seen(Size { width: 400, height: 300 }, 240, 200);
            view.show(&frame, &seen, "30 fps").unwrap();
            let canvas = shown.lock().unwrap();
            assert_eq!((canvas.sequence, canvas.size()), (5, size.unwrap_or(frame.size())));
            let points = (0..canvas.size().height)
                .flat_map(|y| (0..canvas.size().width).map(move |x| (x, y)))
                .filter(|&(x, y)| pixel(&canvas, x, y) == POINT);
            let near = |(x, y): (u32, u32)| x.abs_diff(expected.0) <= 1 && y.abs_diff(expected.1) <= 1;
            let (near, far): (Vec<_>, Vec<_>) = points.partition(|&point| near(point));
            assert!(!near.is_empty() && far.is_empty(), "{size:?} {mirror}: {near:?} {far:?}");
        }
    }

    #[test]
    fn a_notice_stands_over_the_last_frame_until_the_next() {
        let (mut view, shown) = view(None, false);
        view.notify("no camera").unwrap();
        assert_eq!(shown.lock().unwrap().size(), BLANK);
        let (frame, seen) = frame_and_seen(Size { width: 120, height: 90 }, 60, 50);
        view.show(&frame, &seen, "30 fps").unwrap();
        let without = shown.lock().unwrap().clone();
        view.notify("camera gone").unwrap();
        let with = shown.lock().unwrap().clone();
        assert_eq!(with.size(), without.size());
        assert_eq!(with.rgb()[..40 * 360], without.rgb()[..40 * 360]);
        assert_ne!(with.rgb(), without.rgb());
        // A longer one leaves nothing of itself behind.
        view.notify("the camera is gone, and it is looked for until it is there again").unwrap();
        assert_ne!(shown.lock().unwrap().rgb(), with.rgb());
        view.notify("camera gone").unwrap();
        assert_eq!(shown.lock().unwrap().rgb(), with.rgb());
        view.show(&frame, &seen, "30 fps").unwrap();
        assert_eq!(shown.lock().unwrap().rgb(), without.rgb());
    }
}
