//! The machine that this runs on: what it is, in what state it is, what it uses, and whether a
//! figure that is measured on it can be trusted.
//!
//! All of it is read from files below one folder ([`Tree`]). What is not there or cannot be read is
//! absent, never an error.

mod allowance;
mod build;
mod cpu;
mod energy;
mod groups;
mod memory;
mod process;
mod processes;
mod said;
mod state;
mod throttling;
mod tree;
mod warnings;

use serde::{Deserialize, Serialize};

pub use build::{COMMIT, VERSION};
pub use cpu::Cpu;
pub use energy::{Energy, Meter, Metering};
pub use memory::{MemoryLimit, memory_fault};
pub use process::{Process, status_number};
pub use processes::runs;
pub use said::first_line;
pub use state::{Frequency, PowerMode, State, Temperature};
pub use throttling::Throttling;
pub use tree::Tree;
pub use warnings::{slow_clock, warnings};

/// What does not change while the machine runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The device tree's model: `Raspberry Pi 4 Model B Rev 1.4`. Absent on x86.
    pub model: Option<String>,
    /// The device tree's list, the most specific first.
    pub compatible: Vec<String>,
    /// What this program was built for: `aarch64`.
    pub architecture: String,
    pub cpu: Cpu,
    /// The int8 kernels that are used: `sdot`.
    pub kernels: String,
    pub kernel_release: Option<String>,
    pub memory_mib: Option<u64>,
}

/// What cannot be read from files: a property of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub architecture: String,
    pub kernels: String,
}

impl Program {
    /// This one. A wrong name in `WINGMARK_KERNEL` is reported where kernels are used.
    pub fn this() -> Program {
        let kernel = wingmark_kernels::Kernel::from_environment().unwrap_or(wingmark_kernels::Kernel::portable());
        Program { architecture: std::env::consts::ARCH.into(), kernels: kernel.name().into() }
    }
}

impl Machine {
    pub fn here() -> Machine {
        Machine::read(&Tree::here(), Program::this())
    }

    pub fn read(tree: &Tree, program: Program) -> Machine {
        let compatible = tree.text("proc/device-tree/compatible").unwrap_or_default();
        Machine {
            model: tree.text("proc/device-tree/model"),
            compatible: compatible.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            architecture: program.architecture,
            cpu: Cpu::read(tree),
            kernels: program.kernels,
            kernel_release: tree.text("proc/sys/kernel/osrelease"),
            memory_mib: state::memory_mib(tree, "MemTotal"),
        }
    }
}
