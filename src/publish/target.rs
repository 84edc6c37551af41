//! Which receiver, and where, a URL names.

use std::net::IpAddr;
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
use crate::text::address::{Address, AddressError, is_numeric_or_local, is_v6};
use crate::text::percent::decoded;

const USUAL_PREFIX: &str = "wingmark";
/// A packet of MQTT has 65,535 bytes for a topic, a broker less; Home Assistant's description of
/// the device names the prefix many times.
const LONGEST_PREFIX: usize = 1000;
/// Bytes of a user or a password that a packet of MQTT has room for.
pub const LONGEST_LOGIN: usize = 65_535;
/// mosquitto takes no more.
const MOST_LEVELS: usize = 200;

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
    #[error(transparent)]
    Address(AddressError),
    #[error("this build has no TLS; build it with the feature tls, or name mqtt://, which goes in the clear")]
    NoTls,
    #[error("the prefix of MQTT topics {0}")]
    Prefix(PartFault),
    #[error("the user of MQTT {0}")]
    User(PartFault),
    #[error("the password of MQTT {0}")]
    Password(PartFault),
    #[error("an @ stands behind a /; a user or a password has %2F for / in it, a prefix %40 for @")]
    At,
}

/// What is wrong with a part of a URL.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum PartFault {
    #[error("is empty")]
    Empty,
    #[error(
        "has a % that stands for no text; expected two hexadecimal digits behind it, as in %2F for /, or %25 for a %"
    )]
    Percent,
    #[error("has a control character, or a code of Unicode that is no character; expected text")]
    NoText,
    #[error("has {bytes} bytes; expected at most {most}")]
    Long { bytes: usize, most: usize },
    #[error("has {0} levels; expected at most {MOST_LEVELS}")]
    Deep(usize),
    #[error("has nothing between two /")]
    EmptyLevel,
    #[error("has a {0}, by which brokers mean many topics")]
    Wildcard(char),
    #[error("begins with $, as topics of the broker's own do")]
    BrokersOwn,
    #[error("has a ?, behind which nothing is expected; %3F stands for a ? of its own")]
    Query,
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

impl From<AddressError> for TargetError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Form => TargetError::Unknown,
            error => TargetError::Address(error),
        }
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
    let prefix = topics_prefix(prefix.strip_suffix('/').unwrap_or(prefix)).map_err(TargetError::Prefix)?;
    let (user, password) = match login.map(|login| login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)))) {
        Some((user, password)) => (Some(user), password),
        None => (None, None),
    };
    let user = user.map(|user| text_of(user, LONGEST_LOGIN)).transpose().map_err(TargetError::User)?;
    let password = password.map(|word| text_of(word, LONGEST_LOGIN)).transpose().map_err(TargetError::Password)?;
    if user.as_ref().is_some_and(String::is_empty) {
        return Err(TargetError::User(PartFault::Empty));
    }
    Ok(Broker { host, port, tls, user, password: password.map(Secret), prefix })
}

/// What all topics begin with, of what stands in a URL.
fn topics_prefix(encoded: &str) -> Result<String, PartFault> {
    if encoded.contains('?') {
        return Err(PartFault::Query);
    }
    let prefix = text_of(encoded, LONGEST_PREFIX)?;
    let levels = prefix.split('/').count();
    match prefix.chars().find(|c| "+#".contains(*c)) {
        _ if prefix.is_empty() => Ok(USUAL_PREFIX.into()),
        Some(wildcard) => Err(PartFault::Wildcard(wildcard)),
        // It drops what others publish there.
        None if prefix.starts_with('$') => Err(PartFault::BrokersOwn),
        None if prefix.split('/').any(str::is_empty) => Err(PartFault::EmptyLevel),
        None if levels > MOST_LEVELS => Err(PartFault::Deep(levels)),
        None => Ok(prefix),
    }
}

/// The text of a part of a URL, which brokers take.
fn text_of(encoded: &str, most: usize) -> Result<String, PartFault> {
    let text = decoded(encoded).ok_or(PartFault::Percent)?;
    match text.len() {
        _ if !is_plain(&text) => Err(PartFault::NoText),
        bytes if bytes > most => Err(PartFault::Long { bytes, most }),
        _ => Ok(text),
    }
}

/// Whether brokers take it for a text (MQTT 3.1.1, section 1.5.3): neither control characters nor
/// what Unicode says is no character.
fn is_plain(text: &str) -> bool {
    let is_none = |c: char| matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe;
    !text.chars().any(|c| c.is_control() || is_none(c))
}

/// What was written for a target, without what may be a password in it.
pub fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_at(text.find(':').map_or(0, |colon| colon + 1));
    let (slashes, rest) = rest.split_at(rest.len() - rest.trim_start_matches('/').len());
    let is_port = |text: &str| text.split('/').next().is_some_and(|port| port.parse::<u32>().is_ok());
    // One of IPv6 without its brackets.
    let is_address = |text: &str| text.split('/').next().is_some_and(is_v6);
    let clean = match (rest.rsplit_once('@'), rest.split_once(':')) {
        (Some(_), Some((user, _))) if slashes == "//" && !user.contains('@') => {
            format!("{user}:***@{}", &rest[rest.rfind('@').map_or(0, |at| at + 1)..])
        }
        (Some(_), None) if slashes == "//" => rest.into(),
        (Some((_, host)), _) => format!("***@{host}"),
        (None, Some((host, _))) if is_numeric_or_local(host) => rest.into(),
        (None, Some((user, password))) if scheme.starts_with("mqtt") && !is_port(password) && !is_address(rest) => {
            format!("{user}:***")
        }
        (None, _) => rest.into(),
    };
    format!("{scheme}{slashes}{clean}")
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

    /// Whether both are one place, by whatever user's name and in whatever format, as far as it can
    /// be told without asking for addresses.
    pub fn is_same_place(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::Udp(_, one), Target::Udp(_, other)) => {
                is_same_host(&one.host, &other.host) && one.port == other.port
            }
            (Target::Mqtt(one), Target::Mqtt(other)) => {
                is_same_host(&one.host, &other.host) && (one.port, &one.prefix) == (other.port, &other.prefix)
            }
            _ => false,
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

fn is_same_host(one: &str, other: &str) -> bool {
    let is_of_localhost =
        |name: &str, address: &str| name.eq_ignore_ascii_case("localhost") && ["127.0.0.1", "::1"].contains(&address);
    let address = |host: &str| host.parse::<IpAddr>().ok();
    let is_same_address = address(one).is_some() && address(one) == address(other);
    one.eq_ignore_ascii_case(other) || is_same_address || is_of_localhost(one, other) || is_of_localhost(other, one)
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
            "opentrack://::1",
            "opentrack://fe80::1%eth0",
            "mqtt://me@::1/desk",
            "opentrack://",
            "mqtt://",
            "mqtt://host:0",
            "mqtt://host?x=1",
            "mqtt://host/desk@home",
            "mqtt://me:12/b@host",
            "mqtt://me:a/b@host/prefix",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        for (text, expected) in [
            ("mqtt://h/a%zz", "the prefix of MQTT topics has a % that"),
            ("mqtt://h/%", "the prefix of MQTT topics has a % that"),
            ("mqtt://m%@h", "the user of MQTT has a % that"),
            ("mqtt://me:%@h", "the password of MQTT has a % that"),
            ("mqtt://@h", "the user of MQTT is empty"),
            ("mqtt://h/a+b", "has a +, "),
            ("mqtt://h/a/%23", "has a #, "),
            ("mqtt://h/a//b", "has nothing between two /"),
            ("mqtt://h//a", "has nothing between two /"),
            ("mqtt://h/$SYS/a", "begins with $, "),
            ("mqtt://h/a?x=1", "has a ?, "),
            (&format!("mqtt://h/{}", "a".repeat(LONGEST_PREFIX + 1)), "has 1001 bytes; expected at most 1000"),
            (&format!("mqtt://h/{}", ["a"; MOST_LEVELS + 1].join("/")), "has 201 levels; expected at most 200"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let brackets = "an IPv6 address stands in brackets, a port behind them: [::1]:5000";
        let port = "a port is a number of 1 to 65535";
        for (text, expected) in [
            ("opentrack://::1", brackets),
            ("udp://::1:99", brackets),
            ("mqtt://127.0.0.1:x", port),
            ("udp://h:0", port),
        ] {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_text_does_not_get_to_a_broker() {
        for code in ["%00", "%0a", "%1b", "%7f", "%c2%85", "%ef%bf%bf", "%ef%b7%90", "%f0%9f%bf%be"] {
            let read = |url: String| url.parse::<Target>().unwrap_err();
            assert!(matches!(read(format!("mqtt://h/a{code}")), TargetError::Prefix(PartFault::NoText)), "{code}");
            assert!(matches!(read(format!("mqtt://a{code}@h")), TargetError::User(PartFault::NoText)), "{code}");
            assert!(matches!(read(format!("mqtt://a:b{code}@h")), TargetError::Password(PartFault::NoText)), "{code}");
        }
        assert!("mqtt://ä:€%20@h/%f0%9f%98%80".parse::<Target>().is_ok());
        let login = |user: usize, password: usize| {
            format!("mqtt://{}:{}@h", "a".repeat(user), "b".repeat(password)).parse::<Target>()
        };
        assert!(login(LONGEST_LOGIN, LONGEST_LOGIN).is_ok());
        assert!(matches!(login(LONGEST_LOGIN + 1, 1), Err(TargetError::User(PartFault::Long { .. }))));
        assert!(matches!(login(1, LONGEST_LOGIN + 1), Err(TargetError::Password(PartFault::Long { .. }))));
        assert!(format!("mqtt://h/{}", ["a"; MOST_LEVELS].join("/")).parse::<Target>().is_ok());
    }

    #[test]
    fn a_place_is_one_however_it_is_written() {
        let read = |text: &str| text.parse::<Target>().unwrap();
        for (one, other, is_same) in [
            ("mqtt://127.0.0.1/a", "mqtt://LocalHost/a", true),
            ("mqtt://[::1]/a", "mqtt://me@localhost:1883/a", true),
            ("mqtt://h/a", "mqtt://H/a", true),
            ("mqtt://h/a", "mqtt://h/A", false),
            ("mqtt://h/a", "mqtt://h:1884/a", false),
            ("udp://127.0.0.1:99", "udp://LOCALHOST:99", true),
            ("udp://[::1]:99", "udp://[0:0::1]:99", true),
            ("udp://127.0.0.1:99", "udp://127.0.0.2:99", false),
            ("udp://localhost:99", "udp://127.0.0.2:99", false),
            ("opentrack://h", "udp://h:4242", true),
            ("opentrack://h", "openseeface://h", false),
            ("udp://h:1883", "mqtt://h", false),
        ] {
            assert_eq!(read(one).is_same_place(&read(other)), is_same, "{one} {other}");
            assert_eq!(read(other).is_same_place(&read(one)), is_same, "{one} {other}");
        }
    }

    #[test]
    fn what_is_refused_is_quoted_without_a_password() {
        for (text, shown) in [
            ("mqtt:u:hunter2@h", "mqtt:***@h"),
            ("mqtt:/u:hunter2@h/x", "mqtt:/***@h/x"),
            ("mqtt:///u:hunter2@h", "mqtt:///***@h"),
            ("mqtt://u:hunter2", "mqtt://u:***"),
            ("mqtt://u:hunter2/x", "mqtt://u:***"),
            ("mqtt://u:hunt/er@2@h/x", "mqtt://u:***@h/x"),
            ("mqtt://hun@ter:2@h", "mqtt://***@h"),
            ("u:hunter2@h", "u:***@h"),
            ("hunter2@h", "***@h"),
            ("mqtt://u@h/#", "mqtt://u@h/#"),
            ("mqtt://h:70000/x", "mqtt://h:70000/x"),
            ("udp://host", "udp://host"),
            ("udp://[::1", "udp://[::1"),
            ("mqtt://fe80::1:9/x", "mqtt://fe80::1:9/x"),
            ("mqtt://127.0.0.1:x", "mqtt://127.0.0.1:x"),
            ("mqtt://localhost:188e/x", "mqtt://localhost:188e/x"),
            ("", ""),
        ] {
            assert_eq!(without_password(text), shown, "{text}");
        }
    }
}
