//! Cameras in a folder, and runs of the program on them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::Size;

/// What a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where this is set, tests with a camera are left out: there is no C compiler.
const LEAVE_OUT: &str = "WINGMARK_NO_FAKE_CAMERA";

/// The library, built once; `None` where it is to be left out.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    if std::env::var_os(LEAVE_OUT).is_some() {
        return None;
    }
    let build = || {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fakecam.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/camera/fakecam.c");
        let mut compile = Command::new("cc");
        compile.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&built).args([source, "-ldl", "-lpthread"]);
        let done = compile.output().unwrap_or_else(|e| {
            panic!("no C compiler builds tests/camera/fakecam.c ({e}); {LEAVE_OUT}=1 leaves out what needs it")
        });
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        built
    };
    Some(LIBRARY.get_or_init(build))
}

/// A folder that stands for /dev.
pub struct Fake {
    folder: tempfile::TempDir,
    /// Set for the program.
    pub environment: RefCell<Vec<(&'static str, String)>>,
}

/// What a run came to.
pub struct Outcome {
    pub code: i32,
    pub rows: Vec<Row>,
    /// Messages and the summary.
    pub said: String,
}

/// A row of a record.
#[derive(Debug)]
pub struct Row(Vec<(String, String)>);

impl Row {
    fn value(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(column, _)| column == name).expect("a column of that name");
        found.1.parse().expect("a number")
    }

    pub fn number(&self) -> u32 {
        self.value("frame") as u32
    }

    pub fn time(&self) -> f64 {
        self.value("timestamp")
    }

    pub fn has_face(&self) -> bool {
        self.value("success") == 1.0
    }

    pub fn points(&self) -> Vec<f64> {
        (0..68).flat_map(|i| [self.value(&format!("x_{i}")), self.value(&format!("y_{i}"))]).collect()
    }
}

impl Fake {
    /// `None` where tests with a camera are left out.
    pub fn new() -> Option<Fake> {
        let preload = library()?.display().to_string();
        let fake = Fake::without_camera();
        let folder = fake.path("dev");
        fake.environment.borrow_mut().extend([("FAKECAM", folder), ("LD_PRELOAD", preload)]);
        Some(fake)
    }

    /// For sources that are no camera of V4L2's.
    pub fn without_camera() -> Fake {
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")).canonicalize().unwrap()).unwrap();
        fs::create_dir_all(folder.path().join("dev/v4l/by-id")).unwrap();
        Fake { folder, environment: RefCell::default() }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn node(&self, number: u32) -> String {
        self.path(&format!("dev/video{number}"))
    }

    pub fn plug(&self, number: u32, description: &str) {
        // At once, for programs that look meanwhile.
        let new = self.path("new");
        fs::write(&new, description).unwrap();
        fs::rename(new, self.node(number)).unwrap();
        let name = description.lines().find_map(|line| line.strip_prefix("card ")).unwrap_or("Fake");
        fs::create_dir_all(self.path(&format!("dev/class/video{number}"))).unwrap();
        self.file(&format!("dev/class/video{number}/name"), name.as_bytes());
    }

    pub fn unplug(&self, number: u32) {
        fs::remove_file(self.node(number)).unwrap();
        fs::remove_dir_all(self.path(&format!("dev/class/video{number}"))).unwrap();
    }

    /// A link as udev makes it.
    pub fn link(&self, name: &str, number: u32) -> PathBuf {
        let link = self.folder.path().join("dev/v4l/by-id").join(name);
        std::os::unix::fs::symlink(format!("../../video{number}"), &link).unwrap();
        link
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn folder(&self, name: &str, frames: &[&[u8]]) -> String {
        fs::create_dir_all(self.path(name)).unwrap();
        for (i, frame) in frames.iter().enumerate() {
            self.file(&format!("{name}/{i}"), frame);
        }
        self.path(name)
    }

    /// A file that holds a face in this format, planes one after the other.
    pub fn face(&self, format: &str, width: u32, height: u32) -> String {
        let rgb = face(width, height);
        let (width, height) = (width as usize, height as usize);
        let yuv: Vec<[u8; 3]> = rgb.chunks(3).map(|p| yuv([p[0], p[1], p[2]])).collect();
        let luma: Vec<u8> = yuv.iter().map(|p| p[0]).collect();
        let quarter = |i: usize| {
            let rows = (0..height).step_by(2).flat_map(|y| (0..width).step_by(2).map(move |x| (x, y)));
            rows.map(|(x, y)| yuv[y * width + x][i]).collect::<Vec<u8>>()
        };
        let (cb, cr) = (quarter(1), quarter(2));
        let pairs: Vec<u8> = cb.iter().zip(&cr).flat_map(|(cb, cr)| [*cb, *cr]).collect();
        // Chroma of 4:2:0 in each format, so that all of them hold the same picture.
        let chroma = |x: usize, y: usize| (y / 2) * (width / 2) + x / 2;
        let packed = |swap: bool| {
            let samples = (0..height).flat_map(|y| (0..width).step_by(2).map(move |x| (x, y)));
            let quads = samples.flat_map(|(x, y)| {
                let (at, c) = (y * width + x, chroma(x, y));
                let quad = [luma[at], cb[c], luma[at + 1], cr[c]];
                if swap { [quad[1], quad[0], quad[3], quad[2]] } else { quad }
            });
            quads.collect::<Vec<u8>>()
        };
        let bytes = match format {
            "YUYV" => packed(false),
            "UYVY" => packed(true),
            "NV12" | "NM12" => [luma, pairs].concat(),
            "YU12" | "YM12" => [luma, cb, cr].concat(),
            other => panic!("no face in {other}"),
        };
        self.file(&format!("face.{format}"), &bytes)
    }

    /// Exit code and words of `wingmark doctor`.
    pub fn doctor(&self, arguments: &str) -> (i32, String) {
        let done = Command::new(env!("CARGO_BIN_EXE_wingmark"))
            .arg("doctor")
            .args(arguments.split_whitespace())
            .envs(self.environment.borrow().iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .unwrap();
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (done.status.code().unwrap_or(-1), said)
    }

    pub fn run(&self, arguments: &str) -> Outcome {
        self.start(arguments).finish()
    }

    /// Stops the run by SIGTERM after so many seconds.
    pub fn run_for(&self, seconds: u64, arguments: &str) -> Outcome {
        let run = self.start(arguments);
        std::thread::sleep(Duration::from_secs(seconds));
        run.stop()
    }

    pub fn start(&self, arguments: &str) -> Run {
        let record = self.folder.path().join("record.csv");
        let _ = fs::remove_file(&record);
        let (out, err) = (self.path("out"), self.path("err"));
        let child = Command::new(env!("CARGO_BIN_EXE_wingmark"))
            .args(["run", "--screen", "none", "--flush-every", "50ms", "--record"])
            .arg(&record)
            .args(arguments.split_whitespace())
            .envs(self.environment.borrow().iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Run { child, record, said: [err, out] }
    }
}

/// A run that goes on.
pub struct Run {
    child: Child,
    record: PathBuf,
    said: [String; 2],
}

impl Run {
    pub fn rows(&self) -> usize {
        fs::read_to_string(&self.record).unwrap_or_default().lines().count().saturating_sub(1)
    }

    pub fn wait_for_rows(&self, rows: usize) {
        let start = Instant::now();
        while self.rows() < rows {
            assert!(start.elapsed() < PATIENCE, "{} rows of {rows}: {}", self.rows(), self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn wait_for_words(&self, words: &str, times: usize) {
        let start = Instant::now();
        while self.said().matches(words).count() < times {
            assert!(start.elapsed() < PATIENCE, "not said {times} times: {words}: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn said(&self) -> String {
        self.said.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Ends it by SIGKILL, which it cannot catch.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn stop(self) -> Outcome {
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        self.finish()
    }

    pub fn finish(mut self) -> Outcome {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            if start.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let rows = csv::Reader::from_path(&self.record).map_or_else(
            |_| Vec::new(),
            |mut reader| {
                let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
                let row =
                    |record: csv::StringRecord| names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
                reader.records().map(|record| Row(row(record.unwrap()))).collect()
            },
        );
        Outcome { code, rows, said: self.said() }
    }
}

/// The built-in picture in the middle of a frame, row by row, RGB.
fn face(width: u32, height: u32) -> Vec<u8> {
    let picture = built_in_picture();
    let Size { width: from_width, height: from_height } = picture.size();
    let rgb = picture.to_rgb();
    let side = width.min(height);
    let left = (width - side) / 2;
    let sample = |x: u32, y: u32| {
        let x = x.saturating_sub(left).min(side - 1) * from_width / side;
        let y = y.min(side - 1) * from_height / side;
        let at = 3 * (y * from_width + x) as usize;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| sample(x, y)).collect()
}

/// BT.601, limited range.
fn yuv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(f32::from);
    let y = 16.0 + (65.738 * r + 129.057 * g + 25.064 * b) / 256.0;
    let cb = 128.0 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256.0;
    let cr = 128.0 + (112.439 * r - 94.154 * g - 18.285 * b) / 256.0;
    [y, cb, cr].map(|value| value.round() as u8)
}

/// A face of 320x240 pixels as JPEG.
pub fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85)
        .encode(&face(320, 240), 320, 240, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}
