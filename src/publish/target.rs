//! Which receiver, and where, a URL names.

use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::mqtt::{self, Broker, Mqtt, Secret};
use super::openseeface::OpenSeeFace;
use super::udp::Udp;
use super::{Receiver, json, opentrack};
use crate::face::head::HeadModel;
use crate::record::metrics::Metrics;
use crate::text::percent::decoded;

const USUAL_PREFIX: &str = "wingmark";
/// A packet of MQTT has 65,535 bytes for a topic, a broker less; Home Assistant's description of
/// the device names the prefix many times.
const LONGEST_PREFIX: usize = 1000;
/// Of a name (RFC 1035).
const LONGEST_HOST: usize = 253;

/// A receiver that is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program that takes datagrams.
    Udp(Protocol, Address),
    /// A broker of MQTT.
    Mqtt(Broker),
}

/// What is sent in datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    OpenTrack,
    OpenSeeFace,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// What receivers need beside their address.
pub struct ReceiverSettings<'a> {
    /// The mean head of the landmark net.
    pub head: Option<&'a HeadModel>,
    /// From one message of the state to the next, at least.
    pub every: Duration,
    /// For an MQTT user whose URL has none.
    pub password: Option<&'a str>,
    /// What messages about the state are made of.
    pub metrics: &'a Arc<Metrics>,
}

/// The text names no receiver.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum TargetError {
    #[error(
        "expected mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX], opentrack://HOST[:4242], openseeface://HOST[:11573] or \
         udp://HOST:PORT"
    )]
    Unknown,
    #[error("an IPv6 address stands in brackets: [{0}]")]
    Brackets(String),
    #[error("this build has no TLS; build it with the feature tls, or name mqtt://, which goes in the clear")]
    NoTls,
    #[error(
        "the prefix of MQTT topics has no +, no #, no control characters, no $ at its beginning, nothing empty between \
         two /, and at most {LONGEST_PREFIX} bytes"
    )]
    Prefix,
    #[error("an @ stands behind a /; a user or a password has %2F for / in it, a prefix %40 for @")]
    At,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (scheme, address) = text.split_once("://").ok_or(TargetError::Unknown)?;
        let (protocol, usual_port) = match scheme {
            "mqtt" => return broker(address, false).map(Target::Mqtt),
            "mqtts" if cfg!(feature = "tls") => return broker(address, true).map(Target::Mqtt),
            "mqtts" => return Err(TargetError::NoTls),
            "opentrack" => (Protocol::OpenTrack, Some(4242)),
            "openseeface" => (Protocol::OpenSeeFace, Some(11573)),
            "udp" => (Protocol::Json, None),
            _ => return Err(TargetError::Unknown),
        };
        let address = Address::read(address.strip_suffix('/').unwrap_or(address), usual_port)?;
        Ok(Target::Udp(protocol, address))
    }
}

impl Address {
    fn read(text: &str, usual_port: Option<u16>) -> Result<Address, TargetError> {
        // An IPv6 address stands in brackets.
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(TargetError::Unknown)?;
                // Behind % stands which of the machine's links it is at.
                let address = host.split_once('%').map_or(host, |(address, _)| address);
                address.parse::<Ipv6Addr>().map_err(|_| TargetError::Unknown)?;
                (host, port)
            }
            None if text.parse::<Ipv6Addr>().is_ok() => return Err(TargetError::Brackets(text.into())),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| TargetError::Unknown)?),
            None if port.is_empty() => usual_port,
            None => return Err(TargetError::Unknown),
        };
        let is_of_a_host = |c: char| !c.is_control() && !c.is_whitespace() && !"/@?#[]".contains(c);
        let is_host = (1..=LONGEST_HOST).contains(&host.len()) && host.chars().all(is_of_a_host);
        let port = port.filter(|port| *port > 0 && is_host).ok_or(TargetError::Unknown)?;
        Ok(Address { host: host.into(), port })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What stands behind `mqtt://` or `mqtts://`.
fn broker(text: &str, tls: bool) -> Result<Broker, TargetError> {
    let (authority, prefix) = text.split_once('/').unwrap_or((text, ""));
    // It may end a login with a / in it, or be the prefix's: the host would be another one.
    if prefix.contains('@') {
        return Err(TargetError::At);
    }
    // A password may have any other letter in it; a host has no @.
    let (login, address) = match authority.rsplit_once('@') {
        Some((login, address)) => (Some(login), address),
        None => (None, authority),
    };
    let Address { host, port } = Address::read(address, Some(if tls { 8883 } else { 1883 }))?;
    let prefix = decoded(prefix.strip_suffix('/').unwrap_or(prefix)).ok_or(TargetError::Prefix)?;
    let prefix = if prefix.is_empty() { USUAL_PREFIX.into() } else { prefix };
    // What begins with $ is the broker's own: it drops what others publish there.
    let is_wrong = prefix.contains(['+', '#']) || prefix.contains(char::is_control) || prefix.starts_with('$');
    if is_wrong || prefix.split('/').any(str::is_empty) || prefix.len() > LONGEST_PREFIX {
        return Err(TargetError::Prefix);
    }
    let (user, password) = match login.map(|login| login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)))) {
        Some((user, password)) => (Some(user), password),
        None => (None, None),
    };
    let decode = |text: &str| decoded(text).ok_or(TargetError::Unknown);
    let (user, password) = (user.map(decode).transpose()?, password.map(decode).transpose()?);
    if user.as_ref().is_some_and(String::is_empty) {
        return Err(TargetError::Unknown);
    }
    Ok(Broker { host, port, tls, user, password: password.map(Secret), prefix })
}

/// As it is written on the command line, without a password.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Udp(Protocol::OpenTrack, address) => write!(f, "opentrack://{address}"),
            Target::Udp(Protocol::OpenSeeFace, address) => write!(f, "openseeface://{address}"),
            Target::Udp(Protocol::Json, address) => write!(f, "udp://{address}"),
            Target::Mqtt(Broker { host, port, tls, user, prefix, .. }) => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let address = Address { host: host.clone(), port: *port };
                let scheme = if *tls { "mqtts" } else { "mqtt" };
                write!(f, "{scheme}://{user}{address}/{prefix}")
            }
        }
    }
}

impl Target {
    /// The receiver, not connected yet.
    pub fn receiver(&self, settings: &ReceiverSettings<'_>) -> Box<dyn Receiver> {
        match self {
            Target::Udp(protocol, Address { host, port }) => {
                let udp = Udp::new(self.to_string(), host.clone(), *port);
                match protocol {
                    Protocol::OpenTrack => Box::new(opentrack::OpenTrack::new(udp)),
                    Protocol::OpenSeeFace => Box::new(OpenSeeFace::new(udp, settings.head)),
                    Protocol::Json => Box::new(json::Datagrams::new(udp)),
                }
            }
            Target::Mqtt(broker) => {
                let broker = with_password(broker, settings.password);
                Box::new(Mqtt::new(self.to_string(), broker, settings.every, Arc::clone(settings.metrics)))
            }
        }
    }

    /// Has a broker forget what it retains of us; `password` as in [`ReceiverSettings`].
    pub fn forget(&self, password: Option<&str>) -> Result<(), super::PublishError> {
        let Target::Mqtt(broker) = self else { return Ok(()) };
        let failed = |source| super::PublishError::Mqtt { target: self.to_string(), source };
        mqtt::forget(&with_password(broker, password)).map_err(failed)
    }

    /// Whether the same messages would come there twice, by whatever user's name.
    pub fn is_same_place(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::Mqtt(one), Target::Mqtt(other)) => {
                one.host.eq_ignore_ascii_case(&other.host) && (one.port, &one.prefix) == (other.port, &other.prefix)
            }
            _ => self == other,
        }
    }

    /// Whether it has a user, and no password of its own.
    pub fn wants_password(&self) -> bool {
        matches!(self, Target::Mqtt(Broker { user: Some(_), password: None, .. }))
    }

    /// Whether something of what is sent there stays.
    pub fn is_retained(&self) -> bool {
        matches!(self, Target::Mqtt(_))
    }
}

/// The URL's own goes before.
fn with_password(broker: &Broker, password: Option<&str>) -> Broker {
    let mut broker = broker.clone();
    if broker.user.is_some() && broker.password.is_none() {
        broker.password = password.map(|text| Secret(text.into()));
    }
    broker
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
        assert_eq!(read("udp://[fe80::1%eth0]:5000"), "udp://[fe80::1%eth0]:5000");
        assert_eq!(read("mqtt://[::1]"), "mqtt://[::1]:1883/wingmark");
        #[cfg(feature = "tls")]
        assert_eq!(read("mqtts://me@[::1]/a"), "mqtts://me@[::1]:8883/a");
        #[cfg(not(feature = "tls"))]
        assert!(matches!("mqtts://[::1]".parse::<Target>(), Err(TargetError::NoTls)));
        assert_eq!(read("mqtt://me:p%40ss@broker.local:1884/car/desk/"), "mqtt://me@broker.local:1884/car/desk");
    }

    #[test]
    fn an_mqtt_url_has_all_its_parts() {
        let read = |text: &str| match text.parse::<Target>().unwrap() {
            Target::Mqtt(broker) => broker,
            other => panic!("{other:?}"),
        };
        let broker = read("mqtt://me:p@ss%3Aword@h/a%20b");
        assert_eq!((broker.user.as_deref(), broker.prefix.as_str()), (Some("me"), "a b"));
        assert_eq!(broker.password.as_ref().unwrap().0, "p@ss:word");
        assert_eq!(with_password(&broker, Some("other")).password.unwrap().0, "p@ss:word");
        let broker = read("mqtt://me@h");
        assert_eq!(with_password(&broker, Some("other")).password.unwrap().0, "other");
        assert_eq!(with_password(&read("mqtt://h"), Some("other")).password, None);
        let broker = read("mqtt://me:1%2F2@h/desk%40home");
        assert_eq!((broker.password.unwrap().0.as_str(), broker.prefix.as_str()), ("1/2", "desk@home"));
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
            "udp://[zz]:5000",
            "udp://[host]:5000",
            "udp://ho\nst:5000",
            "udp://ho\tst:5000",
            "udp://host]:5000",
            &format!("udp://{}:5000", "a".repeat(LONGEST_HOST + 1)),
            "opentrack://::1",
            "opentrack://fe80::1%eth0",
            "mqtt://me@::1/desk",
            "opentrack://",
            "mqtt://",
            "mqtt://@host",
            "mqtt://host:0",
            "mqtt://host/a+b",
            "mqtt://host/a/#",
            "mqtt://host/a//b",
            "mqtt://host/$SYS/a",
            &format!("mqtt://host/{}", "a".repeat(LONGEST_PREFIX + 1)),
            "mqtt://host/%zz",
            "mqtt://host/%",
            "mqtt://me:%@host",
            "mqtt://host/desk@home",
            "mqtt://me:12/b@host",
            "mqtt://me:a/b@host/prefix",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        let error = "opentrack://::1".parse::<Target>().unwrap_err().to_string();
        assert_eq!(error, "an IPv6 address stands in brackets: [::1]");
    }
}
