//! Looks at a machine: what it is, what it has, and what is in the way of landmarks on it.

mod advice;
mod devices;
mod findings;
mod model;
mod probe;
mod service;
mod table;
mod unit;
mod wanted;

use std::path::PathBuf;

use serde::Serialize;

pub use advice::with_advice;
pub use model::{ModelReport, Sound};
pub use probe::{Probe, ThisMachine};
pub use unit::Unit;
pub use wanted::Wanted;

use crate::capture::v4l2::CameraFormat;
use crate::machine::{Machine, MemoryLimit, Program, State, Tree};

/// The settings file of `run`, where none is named.
pub const SETTINGS: &str = "/etc/wingmark.toml";

/// What a machine is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// `wingmark run` by this user: camera, display, disk.
    #[default]
    Run,
    /// The shipped unit, under a user of its own, without a display.
    Service,
    /// `wingmark bench`: neither camera nor display.
    Bench,
}

/// All that was seen. `Display` gives it as a table, serde as JSON.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    pub board: Profile,
    pub machine: Machine,
    pub state: State,
    /// Why the int8 kernels cannot be trusted here.
    pub kernel_fault: Option<String>,
    /// Why landmarks find too little memory.
    pub memory_fault: Option<String>,
    /// None where kernels or memory keep all of them from being loaded.
    pub models: Vec<ModelCheck>,
    /// Why the one that a run would take is not to be used.
    pub model_fault: Option<String>,
    pub cameras: Vec<CameraReport>,
    pub screens: Vec<ScreenReport>,
    pub locked: Vec<Locked>,
    /// Devices that the kernel has and that are not among this system's files, as in a container.
    pub missing: Vec<PathBuf>,
    /// Of the folder that has least, where several are written to.
    pub free_disk_mib: Option<u64>,
    pub disk_folder: Option<PathBuf>,
    /// What this process may have, where that is limited.
    pub memory_limit_mib: Option<u64>,
    pub purpose: Purpose,
    /// What blocks is in the way of the purpose.
    pub findings: Vec<Finding>,
}

/// What is taken from the board's profile.
#[derive(Debug, Serialize)]
pub struct Profile {
    pub slug: String,
    pub name: String,
    pub target: String,
    pub threads: usize,
    pub notes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ModelCheck {
    pub name: String,
    pub fault: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct CameraReport {
    pub device: PathBuf,
    pub name: Option<String>,
    pub formats: Vec<OfferedFormat>,
    pub may_open: bool,
    /// Why it gives no frame that can be used: it was tried.
    pub fault: Option<String>,
    /// Another program has it, which may be the service.
    #[serde(skip)]
    pub(crate) is_busy: bool,
}

/// A format of a camera, which wingmark may not be able to read.
#[derive(Debug, Clone, Serialize)]
pub struct OfferedFormat {
    /// V4L2's code.
    pub format: String,
    pub sizes: Vec<OfferedSize>,
}

impl OfferedFormat {
    /// Whether wingmark reads it.
    fn is_readable(&self) -> bool {
        self.format.parse::<CameraFormat>().is_ok()
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct OfferedSize {
    /// `640x480`; of a range, the one nearest to what `run` would ask for, and the largest.
    pub size: String,
    /// Frames a second, at most.
    pub rate: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct ScreenReport {
    pub device: PathBuf,
    /// The output, or the driver.
    pub name: String,
    /// Mode or size.
    pub shows: String,
    /// Something would be seen on it.
    pub is_ready: bool,
    pub may_open: bool,
}

/// A device that a run would open, that is there, and that this user may not open.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Locked {
    pub device: PathBuf,
    /// Whose members most likely may; absent where that is root's or has no name.
    pub group: Option<String>,
    /// Its rights would allow it, and the system forbids it, as in a container.
    pub is_forbidden: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Without a remedy, landmarks will not be had.
    pub blocks: bool,
    pub found: String,
    pub remedy: Option<String>,
}

impl Finding {
    /// It is in the way of these purposes alone.
    pub(crate) fn only_for(self, purpose: Purpose, purposes: &[Purpose]) -> Finding {
        Finding { blocks: self.blocks && purposes.contains(&purpose), ..self }
    }

    pub(crate) fn obstacle(found: String, remedy: String) -> Finding {
        Finding { blocks: true, found, remedy: Some(remedy) }
    }

    pub(crate) fn advice(found: String, remedy: String) -> Finding {
        Finding { blocks: false, found, remedy: Some(remedy) }
    }
}

impl Diagnosis {
    pub fn of(tree: &Tree, program: Program, wanted: &Wanted<'_>, probe: &dyn Probe) -> Diagnosis {
        let board = wanted.board;
        let cameras = devices::cameras(tree, probe, wanted);
        let screens = devices::screens(tree, probe);
        let to_open = devices::to_open(&cameras, &screens, wanted, tree);
        let (locked, missing) = devices::locked_and_missing(to_open, &cameras, tree, probe);
        let here = PathBuf::from(".");
        let folders = if wanted.folders.is_empty() { std::slice::from_ref(&here) } else { &wanted.folders };
        let disk = folders.iter().filter_map(|folder| Some((probe.free_disk_mib(folder)?, folder)));
        let (free_disk_mib, disk_folder) =
            disk.min_by_key(|(mib, _)| *mib).map(|(mib, folder)| (mib, folder.clone())).unzip();
        let memory_limit_mib = MemoryLimit::read(tree).map(|limit| limit.mib);
        let (kernel_fault, memory_fault) = (probe.kernel_fault(), probe.memory_fault());
        let mut report = Diagnosis {
            board: Profile {
                slug: board.slug.clone(),
                name: board.name.clone(),
                target: board.target.clone(),
                threads: board.threads,
                notes: board.notes.clone(),
            },
            machine: Machine::read(tree, program),
            state: State::read(tree),
            kernel_fault,
            memory_fault,
            models: Vec::new(),
            model_fault: None,
            cameras,
            screens,
            locked,
            missing,
            free_disk_mib,
            disk_folder,
            memory_limit_mib,
            purpose: wanted.purpose,
            findings: Vec::new(),
        };
        if report.kernel_fault.is_none() && report.memory_fault.is_none() && !report.has_little_memory() {
            report.models = probe.models();
        }
        if report.kernel_fault.is_none() && report.memory_fault.is_none() && wanted.purpose != Purpose::Bench {
            let is_known = |model: &&ModelCheck| model.name == wanted.model.to_string();
            let is_said = report.models.iter().find(is_known).is_some_and(|model| model.fault.is_some());
            report.model_fault = if is_said { None } else { probe.model_fault(&wanted.model) };
        }
        report.findings = findings::findings(&report, wanted, tree, probe);
        report
    }

    /// Whether a limit may be lower than what landmarks take.
    fn has_little_memory(&self) -> bool {
        self.memory_limit_mib.is_some_and(|limit| limit < findings::ENOUGH_MEMORY_MIB)
    }

    pub fn is_clear(&self) -> bool {
        self.findings.iter().all(|finding| !finding.blocks)
    }
}
