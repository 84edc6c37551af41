//! Sizes and times as people write them on the command line.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum LimitError {
    #[error("{0:?} is no size; expected a whole number with K, M, G or T behind it, such as 64M, or \"none\"")]
    Size(String),
    #[error("{0:?} is too large; expected 16777215T at most")]
    TooLarge(String),
    #[error("{0:?} is no time; expected a number with ms, s, m, h or d behind it, such as 90s or 1h, or \"none\"")]
    Time(String),
    #[error("{0:?} is no time; expected a number with ms, s, m, h or d behind it, such as 90s or 1h")]
    Interval(String),
    #[error("{0:?} is too long; expected 3650d at most")]
    TooLong(String),
}

/// Ten years: later times, and multiples of them, are times, too.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// A number of bytes, or none. Reads what [`size`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteLimit(pub Option<u64>);

/// A time, or none. Reads what [`time`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeLimit(pub Option<Duration>);

impl FromStr for ByteLimit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        size(text).map(ByteLimit)
    }
}

impl FromStr for AgeLimit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        time(text).map(AgeLimit)
    }
}

/// Reads `64M`, `2G`, `500K` (of 1024 bytes each); `none` is [`None`]. A number without a unit is
/// refused: who writes `--keep 10` means no ten bytes.
pub fn size(text: &str) -> Result<Option<u64>, LimitError> {
    if text == "none" {
        return Ok(None);
    }
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let found = units.iter().find_map(|(unit, shift)| {
        let number = text.strip_suffix([*unit, unit.to_ascii_lowercase()])?;
        Some((number.parse::<u64>().ok().filter(|number| *number > 0)?, shift))
    });
    let (number, shift) = found.ok_or_else(|| LimitError::Size(text.into()))?;
    number.checked_mul(1 << shift).map(Some).ok_or_else(|| LimitError::TooLarge(text.into()))
}

/// Reads `500ms`, `90s`, `15m`, `1h`, `7d`; `none` is [`None`].
pub fn time(text: &str) -> Result<Option<Duration>, LimitError> {
    if text == "none" {
        return Ok(None);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(LimitError::Time(text.into())),
    };
    let seconds = number.parse::<f64>().ok().map(|n| n * seconds).filter(|seconds| seconds.is_finite());
    if seconds.is_some_and(|seconds| seconds > LONGEST.as_secs_f64()) {
        return Err(LimitError::TooLong(text.into()));
    }
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|d| !d.is_zero()).map(Some).ok_or_else(|| LimitError::Time(text.into()))
}

/// Reads a time that is not `none`.
pub fn interval(text: &str) -> Result<Duration, LimitError> {
    match time(text) {
        Ok(Some(duration)) => Ok(duration),
        Err(LimitError::TooLong(text)) => Err(LimitError::TooLong(text)),
        _ => Err(LimitError::Interval(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("64M"), Ok(Some(64 << 20)));
        assert_eq!(size("1t"), Ok(Some(1 << 40)));
        assert_eq!(size("none"), Ok(None));
        for wrong in ["", "M", "0", "10", "0K", "-1M", "1.5G", "64MB", "1µ"] {
            assert_eq!(size(wrong), Err(LimitError::Size(wrong.into())));
        }
        assert_eq!(size("16777216T"), Err(LimitError::TooLarge("16777216T".into())));
        assert_eq!(size("16777215T"), Ok(Some(16_777_215 << 40)));
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(
            size("10").unwrap_err().to_string(),
            "\"10\" is no size; expected a whole number with K, M, G or T behind it, such as 64M, or \"none\""
        );
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("1.5h"), Ok(Some(Duration::from_secs(5400))));
        assert_eq!(time("500ms"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(time("none"), Ok(None));
        for wrong in ["", "s", "10", "0s", "-1s", "1 week", "nans", "1e99d"] {
            assert!(time(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            time("10").unwrap_err().to_string(),
            "\"10\" is no time; expected a number with ms, s, m, h or d behind it, such as 90s or 1h, or \"none\""
        );
        for long in ["3651d", "99999999999999999999999d", "100000000000000d"] {
            let expected = LimitError::TooLong(long.into());
            assert_eq!((time(long), interval(long)), (Err(expected), Err(LimitError::TooLong(long.into()))));
        }
        for wrong in ["10", "none"] {
            let said = interval(wrong).unwrap_err().to_string();
            assert!(said.ends_with("such as 90s or 1h"), "{said}");
        }
    }
}
