//! What `/proc/cpuinfo` tells of the cores.

use serde::{Deserialize, Serialize};

use super::allowance::usable_cores;
use super::tree::Tree;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// `AMD EPYC`, `Cortex-A76`, or `Cortex-A55 + Cortex-A76`.
    pub name: Option<String>,
    /// Cores that are switched on; a core with two threads counts twice.
    pub cores: usize,
    /// Those that this process may use, by its affinity and the quotas of its control groups; a
    /// quota gives fractions. Absent where that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usable_cores: Option<f64>,
    /// Those in `FEATURES` that every core has, under the kernel's names.
    pub features: Vec<String>,
    /// It runs under a hypervisor that says so. Only x86 tells.
    pub virtual_machine: bool,
}

/// Instruction sets that decide how fast a net runs.
const FEATURES: [&str; 11] =
    ["neon", "asimd", "asimdhp", "asimddp", "i8mm", "sve", "ssse3", "avx2", "avx_vnni", "avx512bw", "avx512_vnni"];

/// Implementer and part, from the kernel's arch/arm64/include/asm/cputype.h and Arm's manuals.
const PARTS: [(&str, &str, &str); 25] = [
    ("0x41", "0xc07", "Cortex-A7"),
    ("0x41", "0xc08", "Cortex-A8"),
    ("0x41", "0xc09", "Cortex-A9"),
    ("0x41", "0xc0f", "Cortex-A15"),
    ("0x41", "0xd03", "Cortex-A53"),
    ("0x41", "0xd04", "Cortex-A35"),
    ("0x41", "0xd05", "Cortex-A55"),
    ("0x41", "0xd07", "Cortex-A57"),
    ("0x41", "0xd08", "Cortex-A72"),
    ("0x41", "0xd09", "Cortex-A73"),
    ("0x41", "0xd0a", "Cortex-A75"),
    ("0x41", "0xd0b", "Cortex-A76"),
    ("0x41", "0xd0c", "Neoverse-N1"),
    ("0x41", "0xd0d", "Cortex-A77"),
    ("0x41", "0xd40", "Neoverse-V1"),
    ("0x41", "0xd41", "Cortex-A78"),
    ("0x41", "0xd42", "Cortex-A78AE"),
    ("0x41", "0xd46", "Cortex-A510"),
    ("0x41", "0xd47", "Cortex-A710"),
    ("0x41", "0xd49", "Neoverse-N2"),
    ("0x41", "0xd4b", "Cortex-A78C"),
    ("0x41", "0xd80", "Cortex-A520"),
    ("0x41", "0xd81", "Cortex-A720"),
    ("0x4e", "0x003", "Denver 2"),
    ("0x4e", "0x004", "Carmel"),
];

impl Cpu {
    /// Without the file, one core of which nothing is known.
    pub fn read(tree: &Tree) -> Cpu {
        let cpu = Cpu::parse(&tree.text("proc/cpuinfo").unwrap_or_default());
        Cpu { usable_cores: usable_cores(tree), ..cpu }
    }

    /// How many cores this process may use; all where that is not known.
    pub fn usable(&self) -> f64 {
        let all = self.cores as f64;
        self.usable_cores.map_or(all, |usable| usable.min(all))
    }

    fn parse(text: &str) -> Cpu {
        let values = |key: &'static str| lines(text).filter(move |(found, _)| *found == key).map(|(_, value)| value);
        let flags: Vec<Vec<&str>> =
            values("flags").chain(values("Features")).map(|line| line.split_whitespace().collect()).collect();
        let everywhere = |name: &str| !flags.is_empty() && flags.iter().all(|core| core.contains(&name));
        let mut names: Vec<String> = values("CPU implementer")
            .zip(values("CPU part"))
            .map(|(implementer, part)| core_name(implementer, part))
            .chain(values("model name").map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        // 32-bit kernels write "model name: ARMv7 Processor rev 4 (v7l)" beside the part.
        if names.len() > 1 {
            names.retain(|name| !name.starts_with("ARMv"));
        }
        Cpu {
            name: (!names.is_empty()).then(|| names.join(" + ")),
            cores: values("processor").count().max(1),
            usable_cores: None,
            features: FEATURES.iter().filter(|name| everywhere(name)).map(|name| (*name).to_owned()).collect(),
            virtual_machine: everywhere("hypervisor"),
        }
    }
}

/// Key and value of each line.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value.trim()))
}

fn core_name(implementer: &str, part: &str) -> String {
    match PARTS.iter().find(|(i, p, _)| (*i, *p) == (implementer, part)) {
        Some((_, _, name)) => (*name).to_owned(),
        None => format!("part {part} of implementer {implementer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_of_two_kinds_are_both_named_and_only_common_features_count() {
        let core = |part, features| {
            format!("processor\t: 0\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n")
        };
        let cpu = Cpu::parse(&[core("0xd05", "fp asimd"), core("0xd0b", "fp asimd asimddp")].concat());
        assert_eq!(cpu.name.as_deref(), Some("Cortex-A55 + Cortex-A76"));
        assert_eq!((cpu.cores, cpu.features), (2, vec!["asimd".to_owned()]));
    }

    #[test]
    fn a_part_that_is_not_known_is_given_by_number() {
        let cpu = Cpu::parse(
            "processor : 0\nmodel name : ARMv7 Processor rev 5 (v7l)\nFeatures : half neon\nCPU implementer : 0x41\nCPU part : 0xfff\n",
        );
        assert_eq!(cpu.name.as_deref(), Some("part 0xfff of implementer 0x41"));
        assert_eq!(cpu.features, ["neon"]);
    }

    #[test]
    fn nothing_known_is_one_core_without_a_name() {
        let unknown = Cpu { name: None, cores: 1, usable_cores: None, features: Vec::new(), virtual_machine: false };
        assert_eq!(Cpu::parse(""), unknown);
    }
}
