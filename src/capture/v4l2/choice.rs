//! Which of the formats, sizes and rates that a camera offers to take.

use std::fmt;

use super::CameraFormat;
use crate::capture::RATES;
use crate::picture::frame::Size;

/// A format that is not the one aimed at costs as much as twice the area.
const NOT_AIMED_AT: f64 = 1.0;
/// Rates are equal within this share: 30 is 29.97.
const RATE_TOLERANCE: f64 = 0.01;

/// What is asked of a camera: what is `Some` has to be had, the rest is chosen as near as possible
/// to the aim.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CameraWish {
    /// No other format will do.
    pub format: Option<CameraFormat>,
    /// No other size will do.
    pub size: Option<Size>,
    /// Frames a second.
    pub rate: Option<f64>,
    /// What is looked for where nothing is demanded.
    pub aim: Aim,
}

/// What is aimed at where nothing is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// `None` where any format will do.
    pub format: Option<CameraFormat>,
    /// The nearest size is taken.
    pub size: Size,
    /// Frames a second.
    pub rate: f64,
}

/// A face as large as a third of the picture fills the nets' input.
impl Default for Aim {
    fn default() -> Self {
        Aim { format: None, size: Size { width: 640, height: 480 }, rate: 30.0 }
    }
}

impl CameraWish {
    pub(in crate::capture) fn size_near(&self) -> Size {
        self.size.unwrap_or(self.aim.size)
    }

    pub(in crate::capture) fn rate_near(&self) -> f64 {
        self.rate.unwrap_or(self.aim.rate)
    }

    fn format_cost(&self, format: CameraFormat) -> f64 {
        if self.aim.format.is_some_and(|aim| format.is(aim)) { 0.0 } else { format_cost(format) + NOT_AIMED_AT }
    }
}

/// Such as `YUYV 640x480 at 30 fps`, or `30 fps`.
impl fmt::Display for CameraWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = self.format.map(|format| format.to_string());
        let size = self.size.map(|size| size.to_string());
        let rate = self.rate.map(|rate| format!("{rate} fps"));
        let picture = [format, size].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let parts = [Some(picture).filter(|text| !text.is_empty()), rate];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" at "))
    }
}

/// How long a frame takes, in seconds, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Seconds, over `denominator`.
    pub numerator: u32,
    /// Never 0.
    pub denominator: u32,
}

impl Interval {
    /// Frames a second; infinite or not a number where the driver says nonsense.
    pub fn rate(self) -> f64 {
        f64::from(self.denominator) / f64::from(self.numerator)
    }

    /// The one of a rate that can be had.
    pub(super) fn of_rate(rate: f64) -> Interval {
        Interval { numerator: 1000, denominator: (rate * 1000.0).round() as u32 }
    }

    /// Whether a camera can have it.
    pub fn is_sound(self) -> bool {
        RATES.contains(&self.rate())
    }
}

/// A format and size that a camera offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Of the samples.
    pub format: CameraFormat,
    /// In pixels.
    pub size: Size,
    /// Empty where the driver does not say.
    pub intervals: Vec<Interval>,
}

/// What to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenMode {
    /// Of the samples.
    pub format: CameraFormat,
    /// In pixels.
    pub size: Size,
    /// `None` leaves it to the driver.
    pub interval: Option<Interval>,
}

/// A range of sizes, as drivers that scale offer it. Steps of 0 count as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRange {
    pub min: Size,
    pub max: Size,
    pub step: Size,
}

impl SizeRange {
    /// The size of the range that is nearest in each direction.
    pub fn nearest(&self, to: Size) -> Size {
        let side = |min: u32, max: u32, step: u32, to: u32| {
            let (step, to) = (u64::from(step.max(1)), to.clamp(min, max.max(min)));
            let steps = (u64::from(to - min) + step / 2) / step;
            let last = u64::from(max.max(min) - min) / step;
            min + (steps.min(last) * step) as u32
        };
        Size {
            width: side(self.min.width, self.max.width, self.step.width, to.width),
            height: side(self.min.height, self.max.height, self.step.height, to.height),
        }
    }
}

/// The interval nearest to a rate between two of them.
pub fn nearest_interval(shortest: Interval, longest: Interval, rate: f64) -> Interval {
    if shortest.rate() <= rate {
        shortest
    } else if longest.rate() >= rate {
        longest
    } else {
        Interval::of_rate(rate)
    }
}

/// The best mode for a wish; `None` where none is what was asked for.
///
/// The best one costs least: a doubling or halving of the area or the rate costs 1, and 2 where it
/// makes a picture smaller or a quarter where it makes more frames than wanted; a format costs what
/// taking it apart does, and grey its colours.
pub fn choose(modes: &[Mode], wish: &CameraWish) -> Option<ChosenMode> {
    let mut best: Option<(f64, ChosenMode)> = None;
    for mode in modes.iter().filter(|mode| is_asked_for(mode, wish)) {
        let interval = best_interval(&mode.intervals, wish);
        if wish.rate.is_some() && !mode.intervals.is_empty() && interval.is_none() {
            continue;
        }
        let cost = size_cost(mode.size, wish.size_near())
            + rate_cost(interval, wish.rate_near())
            + wish.format_cost(mode.format);
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, ChosenMode { format: mode.format, size: mode.size, interval }));
        }
    }
    best.map(|(_, choice)| choice)
}

fn is_asked_for(mode: &Mode, wish: &CameraWish) -> bool {
    wish.format.is_none_or(|format| mode.format.is(format)) && wish.size.is_none_or(|size| size == mode.size)
}

fn best_interval(intervals: &[Interval], wish: &CameraWish) -> Option<Interval> {
    let cost = |interval: &Interval| rate_cost(Some(*interval), wish.rate_near());
    let sound = intervals.iter().copied().filter(|interval| interval.is_sound());
    let best = sound.min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
    wish.rate.is_none_or(|rate| is_same_rate(best.rate(), rate)).then_some(best)
}

pub fn is_same_rate(rate: f64, asked: f64) -> bool {
    (rate / asked - 1.0).abs() <= RATE_TOLERANCE
}

fn size_cost(size: Size, near: Size) -> f64 {
    let area = |size: Size| f64::from(size.width.max(1)) * f64::from(size.height.max(1));
    let doublings = (area(size) / area(near)).log2();
    if doublings < 0.0 { -2.0 * doublings } else { doublings }
}

fn rate_cost(interval: Option<Interval>, near: f64) -> f64 {
    // A rate that is not known may be any.
    let Some(interval) = interval else { return 0.5 };
    let doublings = (interval.rate() / near).log2();
    if doublings < 0.0 { -doublings } else { doublings / 4.0 }
}

fn format_cost(format: CameraFormat) -> f64 {
    match format {
        CameraFormat::Yuyv | CameraFormat::Nv12 => 0.0,
        // Their samples take another order while they are copied.
        CameraFormat::Uyvy | CameraFormat::Yu12 | CameraFormat::Nv12Apart | CameraFormat::Yu12Apart => 0.05,
        CameraFormat::Rgb24 | CameraFormat::Bgr24 => 0.1,
        CameraFormat::Mjpeg | CameraFormat::Jpeg => 0.4,
        CameraFormat::Grey => 0.6,
    }
}

/// What a camera offers instead of a wish: the rates where format and size are there, the sizes
/// where the format is, and otherwise everything. Such as `YUYV 640x480 320x240, MJPG 1280x720`.
pub fn describe(modes: &[Mode], wish: &CameraWish) -> String {
    let right: Vec<&Mode> = modes.iter().filter(|mode| is_asked_for(mode, wish)).collect();
    if !right.is_empty() {
        let intervals = right.iter().flat_map(|mode| &mode.intervals).filter(|interval| interval.is_sound());
        let mut rates: Vec<f64> = intervals.map(|i| (i.rate() * 100.0).round() / 100.0).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        return format!("{} fps", rates.iter().map(f64::to_string).collect::<Vec<_>>().join(", "));
    }
    let has_format = |format| modes.iter().any(|mode| mode.format.is(format));
    let wanted = wish.format.filter(|format| has_format(*format));
    let mut formats = Vec::new();
    for mode in modes.iter().filter(|mode| wanted.is_none_or(|format| mode.format.is(format))) {
        if !formats.contains(&mode.format) {
            formats.push(mode.format);
        }
    }
    let of = |format: &CameraFormat| {
        let sizes = modes.iter().filter(|mode| mode.format == *format).map(|mode| mode.size.to_string());
        format!("{format} {}", sizes.collect::<Vec<_>>().join(" "))
    };
    formats.iter().map(of).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn mode(format: CameraFormat, width: u32, height: u32, rates: &[u32]) -> Mode {
        let intervals = rates.iter().map(|&rate| Interval { numerator: 1, denominator: rate }).collect();
        Mode { format, size: size(width, height), intervals }
    }

    /// What a common USB camera offers.
    fn usb() -> Vec<Mode> {
        use CameraFormat::{Mjpeg, Yuyv};
        vec![
            mode(Mjpeg, 1920, 1080, &[30, 15]),
            mode(Mjpeg, 1280, 720, &[30, 15]),
            mode(Mjpeg, 640, 480, &[30, 15]),
            mode(Yuyv, 1920, 1080, &[5]),
            mode(Yuyv, 1280, 720, &[10, 5]),
            mode(Yuyv, 640, 480, &[30, 15]),
            mode(Yuyv, 320, 240, &[30, 15]),
        ]
    }

    fn chosen(modes: &[Mode], wish: CameraWish) -> Option<(String, u32)> {
        let choice = choose(modes, &wish)?;
        Some((format!("{} {}", choice.format, choice.size), choice.interval.map_or(0, |i| i.rate().round() as u32)))
    }

    const ANY: CameraWish = CameraWish {
        format: None,
        size: None,
        rate: None,
        aim: Aim { format: None, size: Size { width: 640, height: 480 }, rate: 30.0 },
    };

    #[test]
    fn without_a_wish_it_is_plain_pixels_of_the_size_and_rate_that_are_aimed_at() {
        assert_eq!(chosen(&usb(), ANY), Some(("YUYV 640x480".into(), 30)));
    }

    #[test]
    fn what_is_left_open_follows_what_is_asked_for() {
        let hd = CameraWish { size: Some(size(1280, 720)), ..ANY };
        // Three times the frames are worth taking JPEGs apart.
        assert_eq!(chosen(&usb(), hd), Some(("MJPG 1280x720".into(), 30)));
        let slow = CameraWish { rate: Some(15.0), ..ANY };
        assert_eq!(chosen(&usb(), slow), Some(("YUYV 640x480".into(), 15)));
        let jpegs = CameraWish { format: Some(CameraFormat::Mjpeg), ..ANY };
        assert_eq!(chosen(&usb(), jpegs), Some(("MJPG 640x480".into(), 30)));
        let fast_and_large = CameraWish { size: Some(size(1920, 1080)), rate: Some(5.0), ..ANY };
        assert_eq!(chosen(&usb(), fast_and_large), Some(("YUYV 1920x1080".into(), 5)));
    }

    #[test]
    fn what_is_aimed_at_is_taken_where_it_is_there() {
        let aimed_at = |format, size| CameraWish { aim: Aim { format: Some(format), size, rate: 30.0 }, ..ANY };
        assert_eq!(chosen(&usb(), aimed_at(CameraFormat::Mjpeg, size(640, 480))), Some(("MJPG 640x480".into(), 30)));
        assert_eq!(chosen(&usb(), aimed_at(CameraFormat::Grey, size(640, 400))), Some(("YUYV 640x480".into(), 30)));
    }

    #[test]
    fn what_is_asked_for_is_taken_or_nothing_is() {
        for wish in [
            CameraWish { format: Some(CameraFormat::Grey), ..ANY },
            CameraWish { size: Some(size(800, 600)), ..ANY },
            CameraWish { rate: Some(60.0), ..ANY },
            CameraWish { format: Some(CameraFormat::Yuyv), size: Some(size(1280, 720)), rate: Some(30.0), ..ANY },
        ] {
            assert_eq!(choose(&usb(), &wish), None, "{wish}");
        }
    }

    #[test]
    fn planes_that_lie_apart_are_what_was_asked_for() {
        let modes = [mode(CameraFormat::Nv12Apart, 640, 480, &[30])];
        let wish = CameraWish { format: Some(CameraFormat::Nv12), ..ANY };
        assert_eq!(chosen(&modes, wish), Some(("NM12 640x480".into(), 30)));
        assert_eq!(choose(&modes, &CameraWish { format: Some(CameraFormat::Yu12), ..ANY }), None);
    }

    #[test]
    fn a_rate_may_be_that_of_television() {
        let ntsc = Interval { numerator: 1001, denominator: 30_000 };
        let modes = [Mode { intervals: vec![ntsc], ..mode(CameraFormat::Yuyv, 640, 480, &[]) }];
        assert_eq!(choose(&modes, &CameraWish { rate: Some(30.0), ..ANY }).unwrap().interval, Some(ntsc));
        assert_eq!(choose(&modes, &CameraWish { rate: Some(29.0), ..ANY }), None);
    }

    #[test]
    fn larger_is_better_than_smaller_and_colour_than_grey() {
        use CameraFormat::{Grey, Nv12, Rgb24, Yuyv};
        let sizes = [mode(Yuyv, 320, 240, &[30]), mode(Yuyv, 1024, 768, &[30])];
        assert_eq!(chosen(&sizes, ANY), Some(("YUYV 1024x768".into(), 30)));
        let formats = [mode(Grey, 640, 480, &[30]), mode(Rgb24, 640, 480, &[30]), mode(Nv12, 640, 480, &[30])];
        assert_eq!(chosen(&formats, ANY), Some(("NV12 640x480".into(), 30)));
        assert_eq!(chosen(&formats[..2], ANY), Some(("RGB3 640x480".into(), 30)));
    }

    #[test]
    fn drivers_that_do_not_say_their_rates_are_taken_at_their_word() {
        let modes = [mode(CameraFormat::Yuyv, 640, 480, &[])];
        assert_eq!(chosen(&modes, CameraWish { rate: Some(30.0), ..ANY }), Some(("YUYV 640x480".into(), 0)));
        // Neither is an interval.
        for (numerator, denominator) in [(0, 0), (0, 30), (30, 0), (1, 10_000_000)] {
            let nonsense = Interval { numerator, denominator };
            let modes = [Mode { intervals: vec![nonsense], ..mode(CameraFormat::Yuyv, 640, 480, &[]) }];
            assert_eq!(chosen(&modes, ANY), Some(("YUYV 640x480".into(), 0)));
            assert_eq!(describe(&modes, &CameraWish { rate: Some(60.0), ..ANY }), " fps");
        }
        assert_eq!(choose(&[], &ANY), None);
    }

    #[test]
    fn a_range_gives_its_nearest_size() {
        let range = SizeRange { min: size(32, 16), max: size(1921, 1080), step: size(8, 0) };
        assert_eq!(range.nearest(size(640, 481)), size(640, 481));
        assert_eq!(range.nearest(size(643, 5)), size(640, 16));
        assert_eq!(range.nearest(size(645, 9999)), size(648, 1080));
        assert_eq!(range.nearest(size(9999, 9999)), size(1920, 1080));
        let backwards = SizeRange { min: size(64, 64), max: size(2, 2), step: size(1, 1) };
        assert_eq!(backwards.nearest(size(640, 480)), size(64, 64));
    }

    #[test]
    fn a_range_of_intervals_gives_its_nearest() {
        let interval = |denominator| Interval { numerator: 1, denominator };
        assert_eq!(nearest_interval(interval(60), interval(2), 30.0).rate(), 30.0);
        assert_eq!(nearest_interval(interval(25), interval(2), 30.0), interval(25));
        assert_eq!(nearest_interval(interval(90), interval(50), 30.0), interval(50));
    }

    #[test]
    fn a_refusal_says_what_there_is() {
        let wish = CameraWish { format: Some(CameraFormat::Yuyv), size: Some(size(800, 600)), ..ANY };
        assert_eq!(describe(&usb(), &wish), "YUYV 1920x1080 1280x720 640x480 320x240");
        let wish = CameraWish { size: Some(size(640, 480)), rate: Some(60.0), ..ANY };
        assert_eq!(describe(&usb(), &wish), "15, 30 fps");
        let wish = CameraWish { format: Some(CameraFormat::Grey), ..ANY };
        let all = "MJPG 1920x1080 1280x720 640x480, YUYV 1920x1080 1280x720 640x480 320x240";
        assert_eq!(describe(&usb(), &wish), all);
        assert_eq!(wish.to_string(), "GREY");
        let wish = CameraWish { size: Some(size(640, 480)), rate: Some(60.0), ..ANY };
        assert_eq!(wish.to_string(), "640x480 at 60 fps");
        assert_eq!(CameraWish { rate: Some(12.5), ..ANY }.to_string(), "12.5 fps");
    }
}
