//! Energy, from the meters that a machine has.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::tree::Tree;

/// A meter of one supply. Several may measure the same energy: a board's input and the rails behind
/// it.
#[derive(Debug, Clone)]
pub struct Meter {
    /// `ina3221 VDD_IN`, `rapl package-0`.
    pub name: String,
    tree: Tree,
    reading: Reading,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
enum Reading {
    /// Power; the product of the files' numbers, in units of `watts`.
    Power { factors: Vec<PathBuf>, watts: f64 },
    /// A counter of microjoules that begins anew after `range`.
    Counter { file: PathBuf, range: u64 },
}

/// What a meter counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    pub meter: String,
    pub joules: f64,
    pub seconds: f64,
}

impl Meter {
    /// All that can be read here: INA219, INA3221 and their kind through hwmon or iio, and RAPL,
    /// which only root may read.
    pub fn all(tree: &Tree) -> Vec<Meter> {
        let found = HWMON.meters(tree).into_iter().chain(IIO.meters(tree)).chain(rapl(tree));
        found
            .map(|(name, reading)| Meter { name, tree: tree.clone(), reading })
            .filter(|meter| match &meter.reading {
                Reading::Power { .. } => meter.watts().is_some(),
                Reading::Counter { .. } => meter.microjoules().is_some(),
            })
            .collect()
    }

    fn watts(&self) -> Option<f64> {
        let Reading::Power { factors, watts } = &self.reading else { return None };
        factors.iter().try_fold(*watts, |product, file| Some(product * self.tree.number::<f64>(file)?))
    }

    fn microjoules(&self) -> Option<u64> {
        let Reading::Counter { file, .. } = &self.reading else { return None };
        self.tree.number(file)
    }
}

type Found = Vec<(String, Reading)>;

/// How the kernel shows chips that measure power.
struct Interface {
    folder: &'static str,
    /// Begin of the name of each chip's folder.
    chip: &'static str,
    /// Begin of the name that a chip has to have.
    name: &'static str,
    channels: RangeInclusive<u32>,
    /// Files of which the product is a channel's power, # standing for its number; the second ones
    /// where the first are not.
    power: [&'static [&'static str]; 2],
    /// What `power` is in.
    watts: f64,
    /// File of the channel's name.
    label: &'static str,
}

/// Microwatts, or millivolts and milliamperes.
const HWMON: Interface = Interface {
    folder: "sys/class/hwmon",
    chip: "hwmon",
    name: "ina",
    channels: 1..=3,
    power: [&["power#_input"], &["in#_input", "curr#_input"]],
    watts: 1e-6,
    label: "in#_label",
};

/// Milliwatts, or a number of them and its scale. JetPack 4 names the rails.
const IIO: Interface = Interface {
    folder: "sys/bus/iio/devices",
    chip: "iio:device",
    name: "",
    channels: 0..=3,
    power: [&["in_power#_input"], &["in_power#_raw", "in_power#_scale"]],
    watts: 1e-3,
    label: "rail_name_#",
};

impl Interface {
    fn meters(&self, tree: &Tree) -> Found {
        let chips = tree.entries(self.folder, self.chip).into_iter();
        let chips = chips.filter_map(|chip| Some((tree.text(chip.join("name"))?, chip)));
        let meters = chips.filter(|(name, _)| name.starts_with(self.name)).flat_map(|(name, chip)| {
            self.channels.clone().filter_map(move |channel| {
                let file = |pattern: &str| chip.join(pattern.replace('#', &channel.to_string()));
                let power = self.power.map(|files| files.iter().map(|pattern| file(pattern)).collect::<Vec<_>>());
                let factors = power.into_iter().find(|files| files.iter().all(|file| tree.path(file).is_file()))?;
                let label = tree.text(file(self.label)).unwrap_or(channel.to_string());
                Some((format!("{name} {label}"), Reading::Power { factors, watts: self.watts }))
            })
        });
        meters.collect()
    }
}

/// The packages: `intel-rapl:0`, without the parts of one, `intel-rapl:0:0`. AMD's cores use the
/// same driver.
fn rapl(tree: &Tree) -> Found {
    let zones = tree.entries("sys/class/powercap", "intel-rapl:").into_iter();
    let zones = zones.filter(|zone| zone.to_string_lossy().matches(':').count() == 1);
    let counters = zones.filter_map(|zone| {
        let name = format!("rapl {}", tree.text(zone.join("name"))?);
        let range = tree.number(zone.join("max_energy_range_uj"))?;
        Some((name, Reading::Counter { file: zone.join("energy_uj"), range }))
    });
    counters.collect()
}

/// What one meter has counted so far.
#[derive(Debug)]
struct Account {
    meter: Meter,
    joules: f64,
    /// When and what was read last: watts or microjoules.
    last: Option<(Duration, Value)>,
    counted: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Watts(f64),
    Microjoules(u64),
}

impl Account {
    fn new(meter: Meter) -> Account {
        Account { meter, joules: 0.0, last: None, counted: Duration::ZERO }
    }

    /// Reads the meter. Between two readings, power is taken to change evenly.
    fn read(&mut self, at: Duration) {
        let value = match &self.meter.reading {
            Reading::Power { .. } => self.meter.watts().map(Value::Watts),
            Reading::Counter { .. } => self.meter.microjoules().map(Value::Microjoules),
        };
        let Some(value) = value else { return };
        if let Some((then, earlier)) = self.last {
            let passed = at.saturating_sub(then);
            self.joules += match (earlier, value, &self.meter.reading) {
                (Value::Watts(a), Value::Watts(b), _) => (a + b) / 2.0 * passed.as_secs_f64(),
                (Value::Microjoules(a), Value::Microjoules(b), Reading::Counter { range, .. }) => {
                    let counted = if b >= a { b - a } else { range.saturating_sub(a) + b };
                    counted as f64 * 1e-6
                }
                _ => 0.0,
            };
            self.counted += passed;
        }
        self.last = Some((at, value));
    }

    fn close(self) -> Energy {
        Energy { meter: self.meter.name, joules: self.joules, seconds: self.counted.as_secs_f64() }
    }
}

/// Meters being read, ten times a second, by a thread of its own.
#[derive(Debug)]
pub struct Metering {
    stop: Sender<()>,
    reader: JoinHandle<Vec<Energy>>,
}

const INTERVAL: Duration = Duration::from_millis(100);

impl Metering {
    /// `None` where there is no meter, or none can be read.
    pub fn start(meters: Vec<Meter>) -> Option<Metering> {
        if meters.is_empty() {
            return None;
        }
        let (stop, stopped) = mpsc::channel();
        let read = move || {
            let begin = Instant::now();
            let mut accounts: Vec<Account> = meters.into_iter().map(Account::new).collect();
            let mut going_on = true;
            while going_on {
                accounts.iter_mut().for_each(|account| account.read(begin.elapsed()));
                going_on = stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout);
            }
            accounts.iter_mut().for_each(|account| account.read(begin.elapsed()));
            accounts.into_iter().map(Account::close).collect()
        };
        match thread::Builder::new().name("meters".into()).spawn(read) {
            Ok(reader) => Some(Metering { stop, reader }),
            Err(e) => {
                log::warn!("no energy is measured: cannot start the thread that reads the meters: {e}");
                None
            }
        }
    }

    /// What was used since [`Metering::start`], of each meter.
    pub fn finish(self) -> Vec<Energy> {
        drop(self.stop);
        self.reader.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A tree with these files.
    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = Tree::at(folder.path());
        (folder, tree)
    }

    fn joules(tree: &Tree, then: impl FnOnce()) -> f64 {
        let [meter] = <[Meter; 1]>::try_from(Meter::all(tree)).unwrap();
        let mut account = Account::new(meter);
        account.read(Duration::from_secs(1));
        then();
        account.read(Duration::from_secs(3));
        let energy = account.close();
        assert_eq!(energy.seconds, 2.0);
        energy.joules
    }

    #[test]
    fn hwmon_gives_microwatts_or_millivolts_and_milliamperes() {
        let (folder, ina219) =
            tree(&[("sys/class/hwmon/hwmon0/name", "ina219\n"), ("sys/class/hwmon/hwmon0/power1_input", "2000000\n")]);
        let grow = || fs::write(folder.path().join("sys/class/hwmon/hwmon0/power1_input"), "4000000\n").unwrap();
        assert!((joules(&ina219, grow) - 6.0).abs() < 1e-9);
        let (_folder, ina3221) = tree(&[
            ("sys/class/hwmon/hwmon1/name", "ina3221\n"),
            ("sys/class/hwmon/hwmon1/in1_input", "5000\n"),
            ("sys/class/hwmon/hwmon1/curr1_input", "800\n"),
        ]);
        assert!((joules(&ina3221, || ()) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn iio_gives_milliwatts() {
        let (_folder, jetson) = tree(&[
            ("sys/bus/iio/devices/iio:device0/name", "ina3221x\n"),
            ("sys/bus/iio/devices/iio:device0/rail_name_0", "POM_5V_IN\n"),
            ("sys/bus/iio/devices/iio:device0/in_power0_input", "2500\n"),
        ]);
        assert_eq!(Meter::all(&jetson)[0].name, "ina3221x POM_5V_IN");
        assert!((joules(&jetson, || ()) - 5.0).abs() < 1e-9);
        let (_folder, raw) = tree(&[
            ("sys/bus/iio/devices/iio:device0/name", "ina219\n"),
            ("sys/bus/iio/devices/iio:device0/in_power2_raw", "100\n"),
            ("sys/bus/iio/devices/iio:device0/in_power2_scale", "20\n"),
        ]);
        assert!((joules(&raw, || ()) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_counter_begins_anew_at_its_range() {
        let (folder, x86) = tree(&[
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "9000000\n"),
            ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n"),
            ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "1\n"),
            ("sys/class/powercap/intel-rapl:0:0/max_energy_range_uj", "10000000\n"),
        ]);
        let wrap = || fs::write(folder.path().join("sys/class/powercap/intel-rapl:0/energy_uj"), "500000\n").unwrap();
        assert!((joules(&x86, wrap) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn a_thread_reads_until_it_is_stopped() {
        let (_folder, ina219) =
            tree(&[("sys/class/hwmon/hwmon0/name", "ina219\n"), ("sys/class/hwmon/hwmon0/power1_input", "3000000\n")]);
        let metering = Metering::start(Meter::all(&ina219)).unwrap();
        thread::sleep(Duration::from_millis(30));
        let energy = metering.finish();
        assert_eq!(energy[0].meter, "ina219 1");
        assert!(energy[0].seconds > 0.0 && (energy[0].joules / energy[0].seconds - 3.0).abs() < 1e-9, "{energy:?}");
        assert!(Metering::start(Vec::new()).is_none());
    }
}
