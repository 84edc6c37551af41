//! What the Raspberry Pi's firmware says of its power supply and heat.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::said::first_line;
use super::tree::Tree;

/// Bits 0 to 3: what holds now. Bits 16 to 19: the same, at some time since the start.
///
/// Source: the documentation of `vcgencmd get_throttled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Throttling(pub u32);

const SINCE_START: u32 = 16;
/// `vcgencmd` answers within this time, which it takes a hundredth of.
const SAYS_WITHIN: Duration = Duration::from_secs(1);
/// What the hwmon driver `rpi_volt` reports: this bit.
const UNDER_VOLTAGE_SINCE_START: u32 = 1 << SINCE_START;

impl Throttling {
    /// What each bit is called, the lowest first.
    pub const CAUSES: [&str; 4] = ["under-voltage", "frequency capped", "throttled", "soft temperature limit"];

    /// From the first of: the firmware driver's file, `vcgencmd`, the hwmon driver `rpi_volt`,
    /// which knows of under-voltage only. `None` on other machines.
    pub fn read(tree: &Tree) -> Option<Throttling> {
        let from_sysfs = || {
            let firmware = tree.entries("sys/devices/platform", "soc").into_iter().flat_map(|soc| {
                let name = soc.file_name().unwrap_or_default().to_string_lossy().into_owned();
                [soc.join(format!("{name}:firmware")), soc.join("soc:firmware")]
            });
            firmware.filter_map(|folder| tree.text(folder.join("get_throttled"))).find_map(|text| hexadecimal(&text))
        };
        let from_command = || {
            let mut command = Command::new(tree.path("usr/bin/vcgencmd"));
            hexadecimal(said(command.arg("get_throttled"))?.trim().strip_prefix("throttled=")?)
        };
        let from_hwmon = || {
            let chips = tree.entries("sys/class/hwmon", "hwmon");
            let chip = chips.iter().find(|chip| tree.text(chip.join("name")).as_deref() == Some("rpi_volt"))?;
            let alarm: u32 = tree.number(chip.join("in0_lcrit_alarm"))?;
            Some(if alarm == 0 { 0 } else { UNDER_VOLTAGE_SINCE_START })
        };
        from_sysfs().or_else(from_command).or_else(from_hwmon).map(Throttling)
    }

    pub fn now(self) -> Vec<&'static str> {
        self.meanings(0)
    }

    pub fn since_start(self) -> Vec<&'static str> {
        self.meanings(SINCE_START)
    }

    /// What of it was not there in `earlier`.
    pub fn added_to(self, earlier: Throttling) -> Throttling {
        Throttling(self.0 & !earlier.0)
    }

    fn meanings(self, shift: u32) -> Vec<&'static str> {
        Throttling::CAUSES
            .iter()
            .enumerate()
            .filter(|(i, _)| self.0 >> shift & 1 << i != 0)
            .map(|(_, meaning)| *meaning)
            .collect()
    }
}

/// The one line that a program says. Firmware that hangs keeps those that ask it: such a one is
/// left.
fn said(command: &mut Command) -> Option<String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    first_line(child, SAYS_WITHIN).ok()?
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_hangs_is_left() {
        let start = Instant::now();
        assert_eq!(said(Command::new("sleep").arg("60")), None);
        assert!(start.elapsed() < Duration::from_secs(30));
        assert_eq!(said(Command::new("echo").arg("throttled=0x0")).as_deref(), Some("throttled=0x0\n"));
    }

    #[test]
    fn bits_have_the_meanings_of_the_firmware() {
        let bits = Throttling(hexadecimal("0x50005").unwrap());
        assert_eq!(bits.now(), ["under-voltage", "throttled"]);
        assert_eq!(bits.since_start(), ["under-voltage", "throttled"]);
        assert_eq!(Throttling(0x8_0008).added_to(Throttling(0x8_0000)).since_start(), [""; 0]);
        assert_eq!(Throttling(0x8_0008).added_to(Throttling(0x8_0000)).now(), ["soft temperature limit"]);
    }
}
