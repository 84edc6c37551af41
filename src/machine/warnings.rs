//! Why a figure is not to be trusted.

use super::{Frequency, Machine, State, Temperature};

/// Other work than ours, in tasks a core.
const LOAD_A_CORE: f64 = 0.5;
/// A clock that lost more than a tenth.
const FELL_BELOW: f64 = 0.9;
/// Where the kernel does not say at what temperature it slows down.
const HOT_CELSIUS: f64 = 80.0;
/// This near to where the kernel slows down.
const NEAR_LIMIT_CELSIUS: f64 = 3.0;

/// What stood in the way of a measurement that `before` and `after` enclose; one clear line each.
pub fn warnings(machine: &Machine, before: &State, after: &State) -> Vec<String> {
    let mut found = Vec::new();
    if machine.cpu.virtual_machine {
        found.push("this is a virtual machine: other guests may share its cores".to_owned());
    }
    if let Some(load) = before.load_average
        && load > LOAD_A_CORE * machine.cpu.cores as f64
    {
        found.push(format!(
            "other work was going on: load {load:.2} on {} cores; stop it, or wait a minute",
            machine.cpu.cores
        ));
    }
    found.extend(before.frequencies.iter().filter(|policy| saves_power(policy)).map(|policy| {
        format!("{} has the governor powersave; `cpupower frequency-set -g performance` changes it", policy.policy)
    }));
    for policy in &after.frequencies {
        let earlier = before.frequencies.iter().find(|earlier| earlier.policy == policy.policy);
        if let (Some(earlier), Some(now)) = (earlier.and_then(|earlier| earlier.current_mhz), policy.current_mhz)
            && f64::from(now) < FELL_BELOW * f64::from(earlier)
        {
            found.push(format!("the clock of {} fell from {earlier} to {now} MHz", policy.policy));
        }
    }
    found.extend(throttling(before, after));
    found.extend(after.temperatures.iter().filter(|zone| is_hot(zone)).map(|zone| match zone.limit_celsius {
        Some(limit) => format!("{} has {:.0} °C and slows down at {limit:.0} °C; cool it", zone.zone, zone.celsius),
        None => format!("{} has {:.0} °C; cool it", zone.zone, zone.celsius),
    }));
    found
}

/// Whether the governor holds the clock at its lowest.
pub fn saves_power(policy: &Frequency) -> bool {
    let means_lowest = !matches!(policy.driver.as_deref(), Some("intel_pstate" | "amd-pstate-epp"));
    policy.governor.as_deref() == Some("powersave") && means_lowest
}

/// Whether a zone is where it slows the cores down, or nearly.
pub fn is_hot(zone: &Temperature) -> bool {
    zone.celsius >= zone.limit_celsius.map_or(HOT_CELSIUS, |limit| limit - NEAR_LIMIT_CELSIUS)
}

fn throttling(before: &State, after: &State) -> Option<String> {
    let (before, after) = (before.throttling?, after.throttling?);
    let mut causes = before.now();
    causes.extend(after.now());
    causes.extend(after.added_to(before).since_start());
    causes.sort_unstable();
    causes.dedup();
    (!causes.is_empty()).then(|| {
        format!("the firmware held the clock back ({}); use a stronger power supply or cool it", causes.join(", "))
    })
}
