//! Datagrams to one place, whose name may get an address only later, or have several.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use super::PublishError;
use super::backoff::Backoff;

/// Where nobody takes what is sent, the name is looked up again after so long: it may have moved.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

pub struct Udp {
    name: String,
    host: String,
    port: u16,
    /// Those of the host; the first one is in use.
    addresses: VecDeque<SocketAddr>,
    looked_up: Instant,
    socket: Option<UdpSocket>,
    backoff: Backoff,
    /// Why it was not reached.
    failure: String,
}

impl Udp {
    /// `name` is said in messages.
    pub fn new(name: String, host: String, port: u16) -> Self {
        let (addresses, looked_up) = (VecDeque::new(), Instant::now());
        Udp {
            name,
            host,
            port,
            addresses,
            looked_up,
            socket: None,
            backoff: Backoff::default(),
            failure: String::new(),
        }
    }

    pub fn send(&mut self, datagram: &[u8]) -> Result<(), PublishError> {
        if self.socket.is_none() && !self.backoff.is_over() {
            return Err(PublishError::Waiting { target: self.name.clone(), cause: self.failure.clone() });
        }
        let sent = self.connected().and_then(|socket| socket.send(datagram));
        match sent {
            Ok(_) => {
                self.backoff.worked();
                Ok(())
            }
            // An earlier datagram met nobody there. This one goes out, to the next address.
            Err(source) if source.kind() == ErrorKind::ConnectionRefused => {
                self.try_next();
                let _ = self.connected().and_then(|socket| socket.send(datagram));
                Err(self.failed(source))
            }
            Err(source) => {
                self.socket = None;
                self.addresses.clear();
                self.backoff.failed();
                self.failure = source.to_string();
                Err(self.failed(source))
            }
        }
    }

    fn failed(&self, source: io::Error) -> PublishError {
        PublishError::Send { target: self.name.clone(), source }
    }

    fn try_next(&mut self) {
        if self.looked_up.elapsed() > LOOK_UP_EVERY {
            self.addresses.clear();
        } else if self.addresses.len() > 1 {
            self.addresses.rotate_left(1);
        } else {
            // The socket stays good.
            return;
        }
        self.socket = None;
    }

    fn connected(&mut self) -> io::Result<&UdpSocket> {
        if self.socket.is_none() {
            self.look_up()?;
            let nowhere = || io::Error::new(ErrorKind::NotFound, "the host has no address");
            let address = self.addresses.front().ok_or_else(nowhere)?;
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
            socket.set_broadcast(true)?;
            socket.connect(address)?;
            self.socket = Some(socket);
        }
        Ok(self.socket.as_ref().expect("just made"))
    }

    /// Programs that listen to datagrams mostly do so on IPv4; `localhost` is both.
    fn look_up(&mut self) -> io::Result<()> {
        if self.addresses.is_empty() {
            self.looked_up = Instant::now();
            let mut found = Vec::from_iter((self.host.as_str(), self.port).to_socket_addrs()?);
            found.sort_by_key(SocketAddr::is_ipv6);
            found.dedup();
            self.addresses = found.into();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener at this address, and at a port of its own or the given one.
    fn listener(at: &str, port: u16) -> (UdpSocket, u16) {
        let socket = UdpSocket::bind((at, port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, port)
    }

    /// Sends until this listener has one.
    fn reach(udp: &mut Udp, listener: &UdpSocket) {
        listener.set_nonblocking(true).unwrap();
        for _ in 0..1000 {
            let _ = udp.send(b"seen");
            if listener.recv(&mut [0; 8]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nothing came to {listener:?}");
    }

    /// A name with two addresses, of which one listens, then the other.
    #[test]
    fn who_listens_at_any_address_of_a_host_is_reached() {
        let (second, port) = listener("127.0.0.2", 0);
        let mut udp = Udp::new("udp://host".into(), "127.0.0.1".into(), port);
        udp.addresses = ["127.0.0.1", "127.0.0.2"].map(|host| SocketAddr::new(host.parse().unwrap(), port)).into();
        reach(&mut udp, &second);
        drop(second);
        let (first, _) = listener("127.0.0.1", port);
        reach(&mut udp, &first);
        drop(first);
        let (second, _) = listener("127.0.0.2", port);
        reach(&mut udp, &second);
    }

    #[test]
    fn why_a_name_is_not_reached_is_said_until_it_is_tried_again() {
        let mut udp = Udp::new("udp://nowhere.invalid:9".into(), "nowhere.invalid".into(), 9);
        let [first, second] = [0, 1].map(|_| udp.send(b"seen").unwrap_err());
        assert!(!udp.backoff.is_over() && second.cause() == first.cause(), "{second}");
        let waiting = format!("udp://nowhere.invalid:9: not reached yet, trying again: {}", first.cause());
        assert_eq!(second.to_string(), waiting);
    }

    #[test]
    fn a_receiver_that_restarts_is_reached_again() {
        let (first, port) = listener("127.0.0.1", 0);
        let mut udp = Udp::new("udp://host".into(), "127.0.0.1".into(), port);
        reach(&mut udp, &first);
        drop(first);
        let mut refused = || udp.send(b"seen").is_err();
        assert!((0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            refused()
        }));
        let (again, _) = listener("127.0.0.1", port);
        reach(&mut udp, &again);
    }
}
