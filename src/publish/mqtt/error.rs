//! Why nothing goes to a broker.

use std::io::{self, ErrorKind};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum SessionError {
    #[error("the host has no address")]
    NoAddress,
    #[error("{0}")]
    Io(io::Error),
    #[error("the broker refuses: {0}")]
    Refused(&'static str),
    #[error("the broker ended the connection")]
    Ended,
    #[error("the broker does not answer")]
    Silent,
    #[error("this is no MQTT broker")]
    NoBroker,
    #[error("the broker sends {}; expected MQTT 3.1.1: it may be another program, or something is in between", fault(.0))]
    Protocol(mqttbytes::Error),
    #[error(
        "{topics} {} not come back from the broker; either this user may not publish there, or not read there, or it \
         takes no message as long as {longest} bytes", if *.is_one { "does" } else { "do" }
    )]
    Unheard { topics: String, is_one: bool, longest: usize },
    #[error(
        "the broker ended the connection when it was greeted; it may not take what is asked for: MQTT 3.1.1{}; or \
         another protocol is spoken at this port", if *.has_will { ", and a retained last will of QoS 1" } else { "" }
    )]
    EndedAtGreeting { has_will: bool },
    #[error(
        "the broker ended the connection soon after it began; either this user may not publish or read there, or it \
         takes no packet as large as {longest} bytes, or another client has its name: give each board a prefix of its \
         own"
    )]
    EndedSoon { longest: usize },
    #[error("a run still publishes there, so that the broker keeps {0}; stop it first")]
    StillPublished(String),
    #[error("the broker still keeps {0}; this user may not write there")]
    StillKept(String),
    #[error(
        "the broker does not tell what it keeps of {0}; either this user may not publish there, or not read there; ask \
         as one who may do both"
    )]
    NotTold(String),
    #[cfg(not(feature = "tls"))]
    #[error("this build has no TLS; build it with the feature tls")]
    NoTls,
    #[cfg(feature = "tls")]
    #[error("what answers there does not shake hands by TLS; mqtt:// goes in the clear")]
    SpeaksNoTls,
    #[cfg(feature = "tls")]
    #[error("the broker's certificate is not trusted: {0}; SSL_CERT_FILE may name the file of its authority")]
    Certificate(String),
    #[cfg(feature = "tls")]
    #[error("no authority is trusted here: {0}; install ca-certificates, or name a file with SSL_CERT_FILE")]
    NoAuthorities(String),
    #[cfg(feature = "tls")]
    #[error("TLS failed: {0}")]
    Tls(String),
}

/// What breaks the rules.
fn fault(error: &mqttbytes::Error) -> String {
    use mqttbytes::Error::*;
    match error {
        PayloadSizeLimitExceeded(bytes) => format!("{bytes} bytes at once, more than we ask for"),
        InvalidPacketType(kind) => format!("a packet of the unknown kind {kind}"),
        InvalidQoS(level) => format!("a packet of the unknown quality of service {level}"),
        TopicNotUtf8 => "a topic that is no UTF-8".into(),
        MalformedRemainingLength => "a packet without an end".into(),
        _ => "a packet that is broken".into(),
    }
}

impl SessionError {
    /// What an error of the connection means.
    pub fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => SessionError::Silent,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => SessionError::Ended,
            _ => SessionError::Io(error),
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        SessionError::of(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_does_wrong_is_said_in_words() {
        for (error, expected) in [
            (mqttbytes::Error::PayloadSizeLimitExceeded(9), "sends 9 bytes at once, more than we ask for; expected"),
            (mqttbytes::Error::InvalidPacketType(15), "sends a packet of the unknown kind 15; expected"),
            (mqttbytes::Error::BoundaryCrossed(3), "sends a packet that is broken; expected"),
        ] {
            let said = SessionError::Protocol(error).to_string();
            assert!(said.contains(expected) && !said.contains(&format!("{error:?}")), "{said}");
        }
    }
}
