//! Why a figure is not to be trusted.

use super::{Frequency, Machine, State, Temperature};
use crate::text::message::counted;

/// Other work than ours, in tasks a core.
const LOAD_A_CORE: f64 = 0.5;
/// A clock that lacks more than a tenth of what it had, or may have, is held back.
const HELD_BELOW: f64 = 0.9;
/// Drivers whose highest clock is for a moment, or for one core alone.
const WITH_BOOST: [&str; 5] = ["acpi-cpufreq", "amd-pstate", "amd-pstate-epp", "intel_cpufreq", "intel_pstate"];
/// Where the kernel does not say at what temperature it slows down.
const HOT_CELSIUS: f64 = 80.0;
/// No zone is so hot: it measures nothing.
const IMPOSSIBLE_CELSIUS: f64 = 150.0;
/// A limit below this is no limit: drivers give 0 or less for trip points that are switched off.
const LOWEST_LIMIT_CELSIUS: f64 = 40.0;
/// Parts of the names of zones that no core is in. Some measure nothing: NVIDIA's `PMIC-Die` has
/// 100 degrees for ever.
const ELSEWHERE: [&str; 8] = ["pmic", "batt", "charg", "wifi", "wlan", "nvme", "modem", "ambient"];
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
            "other work was going on: load {load:.2} on {}; stop it, or wait a minute",
            counted(machine.cpu.cores, "core", "cores")
        ));
    }
    if machine.cpu.usable() < machine.cpu.cores as f64 {
        found.push(format!(
            "this process may use {} of {}: by its affinity, or by the quota of its control group or container",
            machine.cpu.usable(),
            counted(machine.cpu.cores, "core", "cores"),
        ));
    }
    found.extend(before.frequencies.iter().filter(|policy| saves_power(policy)).map(|policy| {
        format!("{} has the governor powersave; `cpupower frequency-set -g performance` changes it", policy.policy)
    }));
    for policy in &before.frequencies {
        let later = after.frequencies.iter().find(|later| later.policy == policy.policy);
        found.extend(later.and_then(capped).or_else(|| capped(policy)));
    }
    found.extend(throttling(before, after));
    found.extend(after.temperatures.iter().filter(|zone| is_hot(zone)).map(|zone| match zone.limit_celsius {
        Some(limit) => format!("{} has {:.0} °C and slows down at {limit:.0} °C; cool it", zone.zone, zone.celsius),
        None => format!("{} has {:.0} °C; cool it", zone.zone, zone.celsius),
    }));
    found
}

/// What holds back the clock of cores that were busy from `warm` to `end`: it fell, or is lower
/// than it may be. Idle cores are right to be slow.
pub fn slow_clock(warm: Option<&Frequency>, end: &Frequency) -> Option<String> {
    let now = end.current_mhz?;
    let earlier = warm.filter(|warm| warm.policy == end.policy).and_then(|warm| warm.current_mhz);
    if let Some(earlier) = earlier.filter(|earlier| is_held(now, *earlier)) {
        return Some(format!("the clock of {} fell from {earlier} to {now} MHz", end.policy));
    }
    let has_boost = end.driver.as_deref().is_some_and(|driver| WITH_BOOST.contains(&driver));
    let allowed = end.allowed_mhz.filter(|allowed| is_held(now, *allowed) && !has_boost && !saves_power(end))?;
    Some(format!(
        "the clock of {} was at {now} MHz, of {allowed} that it may have; cool it, or look at its governor",
        end.policy
    ))
}

fn is_held(mhz: u32, of: u32) -> bool {
    f64::from(mhz) < HELD_BELOW * f64::from(of)
}

/// Cores that may not have their highest clock.
fn capped(policy: &Frequency) -> Option<String> {
    let (allowed, highest) = (policy.allowed_mhz?, policy.highest_mhz?);
    is_held(allowed, highest).then(|| {
        format!(
            "{} may have {allowed} of its {highest} MHz (scaling_max_freq): a setting, the power mode or heat holds it",
            policy.policy
        )
    })
}

/// Whether the governor holds the clock at its lowest.
pub fn saves_power(policy: &Frequency) -> bool {
    let means_lowest = !matches!(policy.driver.as_deref(), Some("intel_pstate" | "amd-pstate-epp"));
    policy.governor.as_deref() == Some("powersave") && means_lowest
}

/// Whether cores are in a zone, and it measures something.
pub fn is_of_cores(zone: &Temperature) -> bool {
    let name = zone.zone.to_lowercase();
    zone.celsius < IMPOSSIBLE_CELSIUS && !ELSEWHERE.iter().any(|part| name.contains(part))
}

/// Whether a zone is where it slows the cores down, or nearly.
pub fn is_hot(zone: &Temperature) -> bool {
    let limit = zone.limit_celsius.filter(|limit| *limit >= LOWEST_LIMIT_CELSIUS);
    let hot = limit.map_or(HOT_CELSIUS, |limit| limit - NEAR_LIMIT_CELSIUS);
    is_of_cores(zone) && zone.celsius >= hot
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cores_get_hot() {
        let is_hot =
            |zone: &str, celsius, limit_celsius| is_hot(&Temperature { zone: zone.into(), celsius, limit_celsius });
        for (zone, celsius, limit, expected) in [
            ("cpu-thermal", 80.0, None, true),
            ("cpu-thermal", 79.0, None, false),
            ("CPU-therm", 95.0, Some(97.0), true),
            ("CPU-therm", 90.0, Some(97.0), false),
            // Of a trip point that is switched off.
            ("cpu-thermal", 50.0, Some(0.0), false),
            ("cpu-thermal", 50.0, Some(-274.0), false),
            ("PMIC-Die", 100.0, None, false),
            ("iwlwifi_1", 90.0, None, false),
            ("soc-thermal", 255.0, None, false),
        ] {
            assert_eq!(is_hot(zone, celsius, limit), expected, "{zone} {celsius} {limit:?}");
        }
    }
}
