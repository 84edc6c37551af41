//! The records of a chunk, packed as a frame of LZ4, which readers of MCAP know.

use std::io::{Read, Write};

use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use mcap::read::parse_record;
use mcap::records::{Record, op};

/// The name of that compression in MCAP.
pub const LZ4: &str = "lz4";

/// A chunk holds 1024 entries at most; those take less.
const MOST_BYTES: u64 = 256 << 20;

/// In blocks of 64 KiB: by default a chunk of more than 256 KiB takes buffers of 9 MB to pack, and
/// what a process once took and gave back, the system does not always get.
pub fn pack(records: &[u8]) -> Vec<u8> {
    let blocks = FrameInfo::new().block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(blocks, Vec::new());
    encoder.write_all(records).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}

const IN_MEMORY: &str = "memory takes every write";

/// The records of the chunk with this body; `None` where they are damaged, or packed otherwise.
pub fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let Ok(Record::Chunk { header, data }) = parse_record(op::CHUNK, body) else { return None };
    let records = match header.compression.as_str() {
        "" => data.into_owned(),
        LZ4 => {
            let mut records = Vec::new();
            let most = header.uncompressed_size.min(MOST_BYTES);
            FrameDecoder::new(&*data).take(most).read_to_end(&mut records).ok()?;
            records
        }
        _ => return None,
    };
    (crc32fast::hash(&records) == header.uncompressed_crc).then_some(records)
}
