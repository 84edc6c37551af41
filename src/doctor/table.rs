//! The report as a table for people.

use std::fmt::{self, Display, Formatter};

use super::{CameraReport, Diagnosis, OfferedFormat};
use crate::machine::Frequency;
use crate::text::message::counted;

/// Width of the names on the left.
const NAMES: usize = 10;

/// Writes a row; its name may be empty.
fn row(f: &mut Formatter<'_>, name: &str, text: impl Display) -> fmt::Result {
    writeln!(f, "{name:<NAMES$}{text}")
}

impl Display for Diagnosis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.machine_rows(f)?;
        self.state_rows(f)?;
        self.part_rows(f)?;
        self.finding_rows(f)
    }
}

impl Diagnosis {
    /// What the machine is.
    fn machine_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        row(f, "board", format_args!("{} ({})", self.board.name, self.board.slug))?;
        if let Some(model) = &machine.model {
            row(f, "", model)?;
        }
        let cpu = machine.cpu.name.as_deref().unwrap_or("unknown CPU");
        let usable = machine.cpu.usable();
        let limit = if usable < machine.cpu.cores as f64 { format!("; {usable} may be used") } else { String::new() };
        row(f, "cpu", format_args!("{} x {cpu}, {}{limit}", machine.cpu.cores, machine.architecture))?;
        row(f, "", machine.cpu.features.join(" "))?;
        let state = if self.kernel_fault.is_some() { "not to be used" } else { "self-test passed" };
        row(
            f,
            "kernels",
            format_args!("{}, {state}; {}", machine.kernels, counted(self.board.threads, "thread", "threads")),
        )
    }

    /// How the machine does.
    fn state_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for policy in &self.state.frequencies {
            row(f, "clock", clock(policy))?;
        }
        for zone in &self.state.temperatures {
            row(f, "heat", format_args!("{} {:.0} °C", zone.zone, zone.celsius))?;
        }
        if let Some(bits) = self.state.throttling {
            let list = |meanings: Vec<&str>| if meanings.is_empty() { "nothing".into() } else { meanings.join(", ") };
            row(
                f,
                "firmware",
                format_args!("now: {}; since the start: {}", list(bits.now()), list(bits.since_start())),
            )?;
        }
        if let Some(mode) = &self.state.power_mode {
            row(f, "power", format_args!("mode {} {}", mode.id, mode.name.as_deref().unwrap_or_default()))?;
        }
        if let (Some(free), Some(all)) = (self.state.available_memory_mib, self.machine.memory_mib) {
            let limit = self.memory_limit_mib.map_or(String::new(), |limit| format!("; {limit} MiB may be used"));
            row(f, "memory", format_args!("{free} of {all} MiB free{limit}"))?;
        }
        if let Some(free) = self.free_disk_mib {
            row(f, "disk", format_args!("{free} MiB free {}", self.disk_place()))?;
        }
        if let Some(release) = &self.machine.kernel_release {
            row(f, "system", format_args!("Linux {release}"))?;
        }
        let untold = self.untold();
        if !untold.is_empty() {
            row(f, "not told", untold.join(", "))?;
        }
        Ok(())
    }

    /// Models, cameras and screens.
    fn part_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for model in &self.models {
            let state = if model.fault.is_some() { "faulty" } else { "sound" };
            row(f, "model", format_args!("{} is {state}", model.name))?;
        }
        for camera in &self.cameras {
            row(f, "camera", title(camera))?;
            camera.formats.iter().try_for_each(|format| row(f, "", sizes(format)))?;
        }
        for screen in &self.screens {
            row(f, "screen", format_args!("{} {}: {}", screen.device.display(), screen.name, screen.shows))?;
        }
        self.board.notes.iter().try_for_each(|note| row(f, "note", note))
    }

    /// What was found, and what can be done.
    fn finding_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (title, blocks) in [("In the way:", true), ("Good to know:", false)] {
            let mut findings = self.findings.iter().filter(|finding| finding.blocks == blocks).peekable();
            if findings.peek().is_some() {
                writeln!(f, "\n{title}")?;
            }
            for finding in findings {
                writeln!(f, "- {}", finding.found)?;
                finding.remedy.iter().try_for_each(|remedy| writeln!(f, "  {remedy}"))?;
            }
        }
        if self.is_clear() {
            writeln!(f, "\nNothing is in the way.")?;
        }
        Ok(())
    }

    /// Where the disk is that is spoken of.
    pub(super) fn disk_place(&self) -> String {
        match &self.disk_folder {
            Some(folder) if folder.as_os_str() != "." => format!("in {}", folder.display()),
            _ => "here".into(),
        }
    }

    /// What this machine does not tell.
    fn untold(&self) -> Vec<&'static str> {
        let told = [
            ("clock", !self.state.frequencies.is_empty()),
            ("heat", !self.state.temperatures.is_empty()),
            ("memory", self.state.available_memory_mib.is_some()),
            ("disk", self.free_disk_mib.is_some()),
        ];
        told.into_iter().filter(|(_, is_told)| !is_told).map(|(what, _)| what).collect()
    }
}

fn clock(policy: &Frequency) -> String {
    let mhz = |value: Option<u32>| value.map_or("?".into(), |mhz| mhz.to_string());
    let governor = policy.governor.as_deref().unwrap_or("no governor");
    format!("{}: {governor}, {} of {} MHz", policy.policy, mhz(policy.current_mhz), mhz(policy.highest_mhz))
}

fn title(camera: &CameraReport) -> String {
    let name = camera.name.as_deref().unwrap_or("without a name");
    let fault = camera.fault.as_ref().map_or(String::new(), |fault| format!(": {fault}"));
    format!("{} {name}{fault}", camera.device.display())
}

/// `YUYV 640x480@30 320x240@30`.
fn sizes(format: &OfferedFormat) -> String {
    let mut text = format.format.clone();
    for size in &format.sizes {
        text += &format!(" {}", size.size);
        if let Some(rate) = size.rate {
            text += &format!("@{rate:.0}");
        }
    }
    text
}
