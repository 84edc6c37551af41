//! A mosquitto, and one client that listens to what the run publishes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use bytes::BytesMut;
use mqttbytes::QoS;
use mqttbytes::v4::{self, Connect, Packet, Subscribe};

use crate::viewer::{self, Got};

const MOST_BYTES: usize = 1 << 20;

/// A program that does not outlive who holds it.
pub struct Tied(pub Child);

impl Drop for Tied {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Broker {
    mosquitto: Tied,
    port: u16,
    listener: JoinHandle<Heard>,
}

/// What the listener heard.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Heard {
    pub state: Got,
    pub events: u64,
    /// The last word of `available`.
    pub available: String,
}

impl Broker {
    /// None where mosquitto is not installed.
    pub fn start(folder: &Path) -> Option<Broker> {
        let port = viewer::free_port();
        let settings = folder.join("mosquitto.conf");
        std::fs::write(&settings, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
        // Debian puts it where the paths of users do not lead.
        let start = |program| Command::new(program).arg("-c").arg(&settings).stderr(Stdio::null()).spawn().ok();
        let mosquitto = Tied(start("mosquitto").or_else(|| start("/usr/sbin/mosquitto"))?);
        let stream = viewer::connect(port);
        Some(Broker { mosquitto, port, listener: std::thread::spawn(move || listen(stream)) })
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}/soak", self.port)
    }

    /// When the run has ended.
    pub fn finish(self) -> Heard {
        // What was published is on its way.
        std::thread::sleep(std::time::Duration::from_secs(1));
        drop(self.mosquitto);
        self.listener.join().expect("each message is as it should be")
    }
}

/// Until the broker ends.
fn listen(mut stream: TcpStream) -> Heard {
    let mut hello = BytesMut::new();
    let mut connect = Connect::new("soak");
    connect.keep_alive = 0;
    connect.write(&mut hello).unwrap();
    let mut wish = Subscribe::new("soak/#", QoS::AtMostOnce);
    wish.pkid = 1;
    wish.write(&mut hello).unwrap();
    stream.write_all(&hello).unwrap();
    let (mut heard, mut received, mut part) = (Heard::default(), BytesMut::new(), [0; 65536]);
    while let Ok(count) = stream.read(&mut part)
        && count > 0
    {
        received.extend_from_slice(&part[..count]);
        while let Some(packet) = parse(&mut received) {
            if let Packet::Publish(message) = packet {
                heard.take(&message.topic, &message.payload);
            }
        }
    }
    heard
}

fn parse(received: &mut BytesMut) -> Option<Packet> {
    match v4::read(received, MOST_BYTES) {
        Ok(packet) => Some(packet),
        Err(mqttbytes::Error::InsufficientBytes(_)) => None,
        Err(error) => panic!("what the broker sends: {error:?}"),
    }
}

impl Heard {
    fn take(&mut self, topic: &str, payload: &[u8]) {
        match topic {
            "soak/state" => self.state.take(payload),
            "soak/events" => self.events += 1,
            "soak/available" => self.available = String::from_utf8_lossy(payload).into_owned(),
            _ => {}
        }
    }
}
