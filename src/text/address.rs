//! `HOST:PORT`, as URLs have it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use thiserror::Error;

/// Of a name (RFC 1035).
const LONGEST_HOST: usize = 253;

/// Where a server or a receiver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address in numbers; of IPv6 without its brackets.
    pub host: String,
    pub port: u16,
}

/// A text is no address.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    #[error("expected HOST:PORT")]
    Form,
    #[error("an IPv6 address stands in brackets, a port behind them: [::1]:5000")]
    Brackets,
    #[error("a port is a number of 1 to 65535")]
    Port,
}

impl Address {
    /// Without a usual port, the text has to have one.
    pub fn read(text: &str, usual_port: Option<u16>) -> Result<Address, AddressError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').filter(|(host, _)| is_v6(host)).ok_or(AddressError::Brackets)?,
            None if is_v6(text) || text.contains("::") => return Err(AddressError::Brackets),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let is_of_a_host = |c: char| !c.is_control() && !c.is_whitespace() && !"/@?#[]".contains(c);
        if !(1..=LONGEST_HOST).contains(&host.len()) || !host.chars().all(is_of_a_host) {
            return Err(AddressError::Form);
        }
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?,
            None => usual_port.filter(|_| port.is_empty()).ok_or(AddressError::Form)?,
        };
        Ok(Address { host: host.into(), port })
    }

    /// As it is written where the port may be left out if it is this one.
    pub fn without_port(&self, usual: u16) -> String {
        let text = self.to_string();
        if self.port == usual { text[..text.rfind(':').unwrap_or(text.len())].into() } else { text }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Whether it is an address of IPv6. Behind % stands which of the machine's links it is at.
pub fn is_v6(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether it is an address in numbers, or this machine's usual name.
pub fn is_numeric_or_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (text, shown) in [
            ("cam", "cam:80"),
            ("10.0.0.7:8080", "10.0.0.7:8080"),
            ("[::1]", "[::1]:80"),
            ("[fe80::1%eth0]:5000", "[fe80::1%eth0]:5000"),
        ] {
            assert_eq!(Address::read(text, Some(80)).unwrap().to_string(), shown);
        }
        for (text, shown) in [("cam", "cam"), ("[::1]", "[::1]"), ("cam:81", "cam:81")] {
            assert_eq!(Address::read(text, Some(80)).unwrap().without_port(80), shown);
        }
        assert_eq!(Address::read("cam", None), Err(AddressError::Form));
    }

    #[test]
    fn what_is_none_is_told_what_it_lacks() {
        use AddressError::{Brackets, Form, Port};
        for (text, expected) in [
            ("", Form),
            (":80", Form),
            ("h]", Form),
            ("a@h", Form),
            ("ho\tst", Form),
            (&*"a".repeat(LONGEST_HOST + 1), Form),
            ("[::1]80", Form),
            ("::1", Brackets),
            ("::1:80", Brackets),
            ("fe80::1%eth0", Brackets),
            ("1:2:3:4:5:6:7:8", Brackets),
            ("[::1", Brackets),
            ("[host]:80", Brackets),
            ("h:", Port),
            ("h:0", Port),
            ("h:x", Port),
            ("h:1:2", Port),
            ("h:65536", Port),
            ("127.0.0.1:+80x", Port),
        ] {
            assert_eq!(Address::read(text, Some(80)), Err(expected), "{text}");
        }
    }
}
