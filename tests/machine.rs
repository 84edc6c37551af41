//! Reading a machine's description and state.

mod machines;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::{fs, thread};

use machines::Recorded;
use wingmark::machine::{
    Frequency, Machine, Meter, Metering, PowerMode, Program, State, Throttling, Tree, runs, slow_clock, warnings,
};

const GOVERNOR: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor";
const CLOCK: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq";
const ALLOWED: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq";
const LOAD: &str = "proc/loadavg";

fn machine(recorded: &Recorded) -> Machine {
    let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
    Machine::read(&Tree::at(recorded.root()), program)
}

fn state(recorded: &Recorded) -> State {
    State::read(&Tree::at(recorded.root()))
}

#[test]
fn a_pi_4_is_described() {
    let pi = Recorded::named("pi-4");
    let machine = machine(&pi);
    assert_eq!(machine.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
    assert_eq!(machine.compatible, ["raspberrypi,4-model-b", "brcm,bcm2711"]);
    assert_eq!((machine.cpu.name.as_deref(), machine.cpu.cores), (Some("Cortex-A72"), 4));
    assert_eq!(machine.cpu.features, ["asimd"]);
    assert_eq!((machine.memory_mib, machine.kernels.as_str()), (Some(3795), "smull"));
    let state = state(&pi);
    let [clock] = &state.frequencies[..] else { panic!("{state:?}") };
    assert_eq!(
        (clock.governor.as_deref(), clock.current_mhz, clock.highest_mhz),
        (Some("ondemand"), Some(600), Some(1800))
    );
    let [heat] = &state.temperatures[..] else { panic!("{state:?}") };
    assert_eq!((heat.zone.as_str(), heat.celsius, heat.limit_celsius), ("cpu-thermal", 51.121, None));
    assert_eq!(state.throttling, Some(Throttling(0x50005)));
    assert_eq!((state.power_mode, state.load_average), (None, Some(0.12)));
}

#[test]
fn a_jetson_has_a_power_mode_and_a_meter() {
    let jetson = Recorded::named("jetson-orin-nano");
    assert_eq!(machine(&jetson).cpu.name.as_deref(), Some("Cortex-A78AE"));
    assert!(machine(&jetson).cpu.features.contains(&"asimddp".to_owned()));
    let state = state(&jetson);
    assert_eq!(state.power_mode, Some(PowerMode { id: 0, name: Some("15W".into()) }));
    // The GPU's zone cannot be read while the GPU sleeps.
    let zones: Vec<&str> = state.temperatures.iter().map(|zone| zone.zone.as_str()).collect();
    assert_eq!(zones, ["cpu-thermal", "soc0-thermal"]);
    assert_eq!(state.temperatures[0].limit_celsius, Some(99.0));
    let meters = Meter::all(&Tree::at(jetson.root()));
    let names: Vec<&str> = meters.iter().map(|meter| meter.name.as_str()).collect();
    assert_eq!(names, ["ina3221 VDD_IN", "ina3221 VDD_CPU_GPU_CV", "ina3221 VDD_SOC"]);
    let metering = Metering::start(meters).unwrap();
    thread::sleep(Duration::from_millis(20));
    let input = &metering.finish()[0];
    assert!((input.joules / input.seconds - 4.968 * 0.920).abs() < 1e-9, "{input:?}");
}

#[test]
fn the_firmware_is_asked_where_the_kernel_has_no_file() {
    let pi = Recorded::named("pi-5");
    assert_eq!(state(&pi).throttling, Some(Throttling(0)));
    pi.write("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n");
    assert_eq!(state(&pi).throttling.unwrap().since_start(), ["under-voltage"]);
    pi.write("usr/bin/vcgencmd", "#!/bin/sh\necho throttled=0x80008\n");
    fs::set_permissions(pi.path("usr/bin/vcgencmd"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(state(&pi).throttling, Some(Throttling(0x80008)));
    pi.write("sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "4\n");
    assert_eq!(state(&pi).throttling.unwrap().now(), ["throttled"]);
}

#[test]
fn nothing_to_read_is_no_error() {
    let empty = tempfile::tempdir().unwrap();
    let tree = Tree::at(empty.path());
    assert_eq!(State::read(&tree), State::default());
    let machine = Machine::read(&tree, Program::this());
    assert_eq!((machine.model, machine.cpu.cores, machine.architecture.as_str()), (None, 1, std::env::consts::ARCH));
    assert!(Meter::all(&tree).is_empty());
}

#[test]
fn a_description_survives_json() {
    for name in ["pi-4", "pi-5", "jetson-orin-nano", "x86"] {
        let recorded = Recorded::named(name);
        let (machine, state) = (machine(&recorded), state(&recorded));
        assert_eq!(serde_json::from_str::<Machine>(&serde_json::to_string(&machine).unwrap()).unwrap(), machine);
        assert_eq!(serde_json::from_str::<State>(&serde_json::to_string(&state).unwrap()).unwrap(), state);
    }
}

#[test]
fn a_quiet_machine_gives_no_warning_and_each_disturbance_gives_one() {
    let pi = Recorded::named("pi-5");
    pi.write(GOVERNOR, "performance\n");
    pi.write(LOAD, "0.10 0.10 0.10 1/1 1\n");
    pi.write("sys/class/thermal/thermal_zone0/temp", "55000\n");
    let before = state(&pi);
    let warned = |before: &State, after: &State| warnings(&machine(&pi), before, after);
    assert_eq!(warned(&before, &before), [""; 0]);

    let one = |warnings: Vec<String>, start: &str| {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(start), "{warnings:?}");
    };
    let changed = |path: &str, text: &str| {
        let kept = fs::read_to_string(pi.path(path)).unwrap();
        pi.write(path, text);
        let changed = state(&pi);
        pi.write(path, &kept);
        changed
    };
    one(warned(&changed(GOVERNOR, "powersave\n"), &before), "policy0 has the governor powersave");
    one(warned(&changed(LOAD, "2.10 1 1 1/1 1\n"), &before), "other work was going on: load 2.10 on 4 cores");
    let capped = changed(ALLOWED, "600000\n");
    let expected = "policy0 may have 600 of its 2400 MHz (scaling_max_freq)";
    one(warned(&capped, &capped), expected);
    one(warned(&capped, &before), expected);
    one(warned(&before, &capped), expected);
    // Cores that are idle are right to be slow.
    assert_eq!(warned(&before, &changed(CLOCK, "600000\n")), [""; 0]);
    one(warned(&before, &changed("sys/class/thermal/thermal_zone0/temp", "80100\n")), "cpu-thermal has 80 °C");
    one(
        warned(&before, &changed("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n")),
        "the firmware held the clock back (under-voltage)",
    );
    // Our own work is no disturbance, and what the firmware did before is past.
    assert_eq!(warned(&before, &changed(LOAD, "4.10 1 1 1/1 1\n")), [""; 0]);
    let alarm = changed("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n");
    assert_eq!(warned(&alarm, &alarm), [""; 0]);
}

#[test]
fn the_clock_of_busy_cores_is_held_against_what_it_was_and_what_it_may_be() {
    let pi = Recorded::named("pi-5");
    let stat = ["0"; 35].join(" ");
    let clock = |core: &str, mhz: u32| {
        pi.write(CLOCK, &format!("{mhz}000\n"));
        pi.write("proc/thread-self/stat", &format!("7 (a) b) R {stat} {core} 0 0\n"));
        Frequency::here(&Tree::at(pi.root()))
    };
    assert_eq!(clock("9", 2400), None);
    pi.write(GOVERNOR, "ondemand\n");
    for (driver, warm, end, expected) in [
        ("cpufreq-dt", 2400, 2400, None),
        ("cpufreq-dt", 2400, 2200, None),
        ("cpufreq-dt", 2400, 1500, Some("the clock of policy0 fell from 2400 to 1500 MHz")),
        ("cpufreq-dt", 1500, 1500, Some("the clock of policy0 was at 1500 MHz, of 2400 that it may have; ")),
        ("intel_pstate", 1500, 1500, None),
        ("intel_pstate", 2400, 1500, Some("the clock of policy0 fell from 2400 to 1500 MHz")),
    ] {
        pi.write("sys/devices/system/cpu/cpufreq/policy0/scaling_driver", driver);
        let warm = clock("2", warm);
        let said = slow_clock(warm.as_ref(), &clock("2", end).unwrap());
        assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        assert!(said.is_none_or(|said| said.starts_with(expected.unwrap())), "{driver} {end}");
    }
}

#[test]
fn a_virtual_machine_and_intels_powersave_are_told_apart_from_real_ones() {
    let x86 = Recorded::named("x86");
    x86.write(GOVERNOR, "powersave\n");
    x86.write("sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "intel_pstate\n");
    let state = state(&x86);
    let warned = warnings(&machine(&x86), &state, &state);
    assert_eq!(warned, ["this is a virtual machine: other guests may share its cores"]);
}

#[test]
fn runs_are_told_from_other_processes_by_what_started_them() {
    let machine = Recorded::named("pi-4");
    assert_eq!(runs(&Tree::at(machine.root())), [0; 0]);
    for (pid, line) in [
        ("700", "/usr/local/bin/wingmark\\0run\\0--screen\\0none\\0"),
        ("99", "wingmark\\0run\\0"),
        ("101", "wingmark\\0reload\\0"),
        ("102", "vi\\0wingmark\\0run\\0"),
        ("103", "/opt/wingmark/other\\0run\\0"),
        ("104", ""),
        ("self", "wingmark\\0run\\0"),
    ] {
        machine.write(&format!("proc/{pid}/cmdline"), line);
    }
    assert_eq!(runs(&Tree::at(machine.root())), [99, 700]);
}
