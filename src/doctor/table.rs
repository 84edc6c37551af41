//! The report as a table for people.

use std::fmt::{self, Display, Formatter};

use super::{CameraReport, OfferedFormat, Report};
use crate::machine::Frequency;

/// Width of the names on the left.
const NAMES: usize = 10;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, text: String| writeln!(f, "{name:<NAMES$}{text}");
        let machine = &self.machine;
        row("board", format!("{} ({})", self.board.name, self.board.slug))?;
        if let Some(model) = &machine.model {
            row("", model.clone())?;
        }
        let cpu = machine.cpu.name.as_deref().unwrap_or("unknown CPU");
        let usable = machine.cpu.usable();
        let limit = if usable < machine.cpu.cores as f64 { format!("; {usable} may be used") } else { String::new() };
        row("cpu", format!("{} x {cpu}, {}{limit}", machine.cpu.cores, machine.architecture))?;
        row("", machine.cpu.features.join(" "))?;
        let state = if self.kernel_fault.is_some() { "not to be used" } else { "self-test passed" };
        row("kernels", format!("{}, {state}; {}", machine.kernels, threads(self.board.threads)))?;
        for policy in &self.state.frequencies {
            row("clock", clock(policy))?;
        }
        for zone in &self.state.temperatures {
            row("heat", format!("{} {:.0} °C", zone.zone, zone.celsius))?;
        }
        if let Some(bits) = self.state.throttling {
            let list = |meanings: Vec<&str>| if meanings.is_empty() { "nothing".into() } else { meanings.join(", ") };
            row("firmware", format!("now: {}; since the start: {}", list(bits.now()), list(bits.since_start())))?;
        }
        if let Some(mode) = &self.state.power_mode {
            row("power", format!("mode {} {}", mode.id, mode.name.as_deref().unwrap_or_default()))?;
        }
        if let (Some(free), Some(all)) = (self.state.available_memory_mib, machine.memory_mib) {
            let limit = self.memory_limit_mib.map_or(String::new(), |limit| format!("; {limit} MiB may be used"));
            row("memory", format!("{free} of {all} MiB free{limit}"))?;
        }
        if let Some(free) = self.free_disk_mib {
            row("disk", format!("{free} MiB free here"))?;
        }
        if let Some(release) = &machine.kernel_release {
            row("system", format!("Linux {release}"))?;
        }
        let untold = self.untold();
        if !untold.is_empty() {
            row("not told", untold.join(", "))?;
        }
        for model in &self.models {
            let state = if model.fault.is_some() { "faulty" } else { "sound" };
            row("model", format!("{} is {state}", model.name))?;
        }
        for camera in &self.cameras {
            row("camera", title(camera))?;
            camera.formats.iter().try_for_each(|format| row("", sizes(format)))?;
        }
        for screen in &self.screens {
            row("screen", format!("{} {}: {}", screen.device.display(), screen.name, screen.shows))?;
        }
        for note in &self.board.notes {
            row("note", note.clone())?;
        }
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
        if self.findings.iter().all(|finding| !finding.blocks) {
            writeln!(f, "\nNothing is in the way.")?;
        }
        Ok(())
    }
}

impl Report {
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

fn threads(number: usize) -> String {
    if number == 1 { "1 thread".into() } else { format!("{number} threads") }
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
