//! One viewer of the page, who looks at everything that comes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a listener got.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Got {
    pub messages: u64,
    /// The number of the last frame.
    pub last: u64,
    /// Frames that came twice, or after a newer one.
    pub stale: u64,
}

impl Got {
    /// Counts an object of a frame; one that is of none says that no frame comes.
    pub fn take(&mut self, object: &[u8]) {
        let object: serde_json::Value = serde_json::from_slice(object).expect("an object of JSON");
        let Some(sequence) = object["sequence"].as_u64() else { return };
        self.stale += u64::from(self.messages > 0 && sequence <= self.last);
        (self.messages, self.last) = (self.messages + 1, sequence.max(self.last));
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Tries until somebody listens there.
pub fn connect(port: u16) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "nobody listens on port {port}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub struct Viewer(JoinHandle<Got>);

impl Viewer {
    pub fn start(port: u16) -> Viewer {
        Viewer(std::thread::spawn(move || {
            let mut stream = connect(port);
            stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut got = Got::default();
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                if let Some(object) = line.strip_prefix(b"data: ") {
                    got.take(object);
                }
            }
            got
        }))
    }

    /// When the run has ended.
    pub fn finish(self) -> Got {
        self.0.join().expect("each message is an object")
    }
}

#[test]
fn what_comes_twice_or_late_is_stale() {
    let mut got = Got::default();
    [3, 5, 5, 4, 6].iter().for_each(|number| got.take(format!("{{\"sequence\":{number}}}").as_bytes()));
    assert_eq!(got, Got { messages: 5, last: 6, stale: 2 });
}
