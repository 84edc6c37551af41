//! Pictures for the binary to read, and what it wrote read back.

use std::path::Path;

const PORTRAIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/eileen-collins.jpg");

/// More pictures of a face than are seen while a test lasts.
const PICTURES: usize = 5_000;

/// One picture of a face.
pub fn jpeg() -> Vec<u8> {
    std::fs::read(PORTRAIT).unwrap()
}

/// A folder of pictures of one face.
pub fn faces(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let face = image::open(PORTRAIT).unwrap().crop_imm(130, 40, 200, 200);
    let first = folder.join("00000.png");
    face.save(&first).unwrap();
    for i in 1..PICTURES {
        std::os::unix::fs::symlink("00000.png", folder.join(format!("{i:05}.png"))).unwrap();
    }
}

/// A folder of pictures that are none.
pub fn broken_pictures(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for name in ["a.jpg", "b.jpg"] {
        std::fs::write(folder.join(name), b"\xff\xd8\xffbroken").unwrap();
    }
}

/// The rows of a CSV file, each checked by its CRC.
pub struct Csv {
    /// Each once, in order.
    pub frames: Vec<u32>,
    /// Rows with a face.
    pub faces: u64,
}

impl Csv {
    pub fn read(path: &Path) -> Csv {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'), "{} is cut short", path.display());
        let (mut frames, mut faces) = (Vec::new(), 0);
        for row in text.lines().skip(1) {
            let (fields, crc) = row.split_at(row.len() - 8);
            assert_eq!(format!("{:08x}", crc32fast::hash(fields.as_bytes())), crc, "{row}");
            let mut fields = fields.split(',');
            frames.push(fields.next().unwrap().parse().unwrap());
            faces += u64::from(fields.nth(3) == Some("1"));
        }
        frames.dedup();
        Csv { frames, faces }
    }
}

/// Lines of a JSONL file, each checked to be an object.
pub fn jsonl_rows(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{} is cut short", path.display());
    text.lines().inspect(|line| assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object())).count()
        as u64
}

/// The number of messages that the summary at the end of a complete MCAP file tells.
pub fn mcap_messages(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.ends_with(mcap::MAGIC), "{} is cut short", path.display());
    let summary = mcap::Summary::read(&bytes).unwrap().expect("a summary");
    summary.stats.expect("statistics").message_count
}

/// The value of a series in Prometheus' text format.
pub fn metric(text: &str, series: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}
