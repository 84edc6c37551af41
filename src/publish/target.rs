//! Which receiver, and where, a URL names.

use std::str::FromStr;

use thiserror::Error;

use super::openseeface::OpenSeeFace;
use super::udp::Udp;
use super::{Receiver, json, opentrack};
use crate::face::head::HeadModel;

/// A receiver that is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    kind: Kind,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenTrack,
    OpenSeeFace,
    Json,
}

/// The text names no receiver.
#[derive(Debug, Error)]
#[error("expected opentrack://HOST[:4242], openseeface://HOST[:11573] or udp://HOST:PORT")]
pub struct TargetError;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (scheme, place) = text.split_once("://").ok_or(TargetError)?;
        let (kind, usual_port) = match scheme {
            "opentrack" => (Kind::OpenTrack, Some(4242)),
            "openseeface" => (Kind::OpenSeeFace, Some(11573)),
            "udp" => (Kind::Json, None),
            _ => return Err(TargetError),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        // An IPv6 address stands in brackets.
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(TargetError)?,
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| TargetError)?),
            None if port.is_empty() => usual_port,
            None => return Err(TargetError),
        };
        let is_host = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#']);
        let port = port.filter(|port| *port > 0 && is_host).ok_or(TargetError)?;
        Ok(Target { kind, host: host.into(), port })
    }
}

/// As it is written on the command line.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.kind {
            Kind::OpenTrack => "opentrack",
            Kind::OpenSeeFace => "openseeface",
            Kind::Json => "udp",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl Target {
    /// The receiver; `head` is the mean head of the landmark net.
    pub fn receiver(&self, head: Option<&HeadModel>) -> Box<dyn Receiver> {
        let udp = Udp::new(self.to_string(), self.host.clone(), self.port);
        match self.kind {
            Kind::OpenTrack => Box::new(opentrack::OpenTrack::new(udp)),
            Kind::OpenSeeFace => Box::new(OpenSeeFace::new(udp, head)),
            Kind::Json => Box::new(json::Datagrams::new(udp)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_with_their_usual_ports() {
        let read = |text: &str| text.parse::<Target>().unwrap().to_string();
        assert_eq!(read("opentrack://127.0.0.1"), "opentrack://127.0.0.1:4242");
        assert_eq!(read("openseeface://desk.local/"), "openseeface://desk.local:11573");
        assert_eq!(read("udp://[::1]:5000"), "udp://[::1]:5000");
    }

    #[test]
    fn what_names_no_receiver_is_refused() {
        for text in [
            "",
            "udp://host",
            "udp://host:0",
            "udp://:5000",
            "udp://host:70000",
            "ftp://host:21",
            "udp:host:1",
            "udp://a@host:1",
            "udp://[::1",
            "udp://[::1]5000",
            "opentrack://",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
