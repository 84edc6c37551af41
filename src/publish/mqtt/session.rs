//! One connection to a broker by MQTT 3.1.1. `mqttbytes` has the packets. All messages have QoS 0:
//! the next state replaces a lost one.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqttbytes::v4::{self, Connect, ConnectReturnCode, Login, Packet, Publish, Subscribe, SubscribeFilter};
use mqttbytes::{Protocol, QoS};

use super::Broker;
use super::error::SessionError;
use super::transport::Transport;
use crate::machine::Tree;

/// A broker greets within this time.
const GREETS_WITHIN: Duration = Duration::from_secs(5);
/// A broker has dealt with all that was sent within this time.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
/// The broker counts this client as gone when it hears nothing for one and a half times this.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The first byte of the answer to a greeting.
const CONNACK: u8 = 0x20;
/// Of what a broker sends: `homeassistant/status` has a word, `faces` of a crowd has most.
const MOST_BYTES: usize = 256 << 10;

/// What a broker passes on.
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// Whether the broker kept it, and it is not of this moment.
    pub was_kept: bool,
}

impl From<Publish> for Message {
    fn from(message: Publish) -> Self {
        Message { topic: message.topic, payload: message.payload.to_vec(), was_kept: message.retain }
    }
}

pub struct BrokerSession {
    transport: Transport,
    received: BytesMut,
    pinged_at: Instant,
    /// Whether the broker has answered since.
    answered: bool,
}

impl BrokerSession {
    /// `will` is a topic that says "offline", retained, when this connection breaks. That is a
    /// run's; who has none is another client, and the run's connection stays.
    pub fn open(broker: &Broker, will: Option<&str>) -> Result<Self, SessionError> {
        let transport = Transport::open(&broker.host, broker.port, broker.tls)?;
        let mut session =
            BrokerSession { transport, received: BytesMut::new(), pinged_at: Instant::now(), answered: true };
        let greeted = session.greet(broker, will);
        greeted.map_err(|error| match error {
            SessionError::Ended => SessionError::EndedAtGreeting { has_will: will.is_some() },
            other => other,
        })?;
        Ok(session)
    }

    fn greet(&mut self, broker: &Broker, will: Option<&str>) -> Result<(), SessionError> {
        let login = broker.user.clone().map(|username| Login {
            username,
            password: broker.password.as_ref().map(|secret| secret.0.clone()).unwrap_or_default(),
        });
        let connect = Connect {
            protocol: Protocol::V4,
            keep_alive: KEEP_ALIVE.as_secs() as u16,
            client_id: broker.client_id(&host_name(), will.is_some()),
            clean_session: true,
            last_will: will.map(|topic| v4::LastWill::new(topic, "offline", QoS::AtLeastOnce, true)),
            login,
        };
        self.send(|out| connect.write(out))?;
        let deadline = Instant::now() + GREETS_WITHIN;
        loop {
            // Whoever speaks otherwise may never complete what looks like a packet.
            if self.received.first().is_some_and(|byte| *byte != CONNACK) {
                return Err(SessionError::NoBroker);
            }
            if let Some(packet) = self.parse()? {
                let Packet::ConnAck(answer) = packet else { return Err(SessionError::NoBroker) };
                return refusal(answer.code).map_or(Ok(()), |words| Err(SessionError::Refused(words)));
            }
            if Instant::now() >= deadline {
                return Err(SessionError::Silent);
            }
            self.receive()?;
        }
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> Result<(), SessionError> {
        let mut message = Publish::new(topic, QoS::AtMostOnce, payload);
        message.retain = retain;
        self.send(|out| message.write(out))
    }

    pub fn subscribe(&mut self, topics: &[String]) -> Result<(), SessionError> {
        let filter = |topic: &String| SubscribeFilter::new(topic.clone(), QoS::AtMostOnce);
        let mut wish = Subscribe::new_many(topics.iter().map(filter));
        wish.pkid = 1;
        self.send(|out| wish.write(out))
    }

    /// Reads what came, without waiting, and keeps the connection alive. Returns the messages.
    pub fn attend(&mut self) -> Result<Vec<Message>, SessionError> {
        let mut messages = Vec::new();
        while self.transport.is_readable()? {
            self.receive()?;
        }
        while let Some(packet) = self.parse()? {
            self.answered = true;
            if let Packet::Publish(message) = packet {
                messages.push(message.into());
            }
        }
        let since = self.pinged_at.elapsed();
        if since >= KEEP_ALIVE / 2 {
            if !self.answered {
                return Err(SessionError::Silent);
            }
            self.ping()?;
        }
        Ok(messages)
    }

    /// Returns when the broker has dealt with all that was sent, with the messages that came.
    pub fn settle(&mut self) -> Result<Vec<Message>, SessionError> {
        self.ping()?;
        let mut messages = Vec::new();
        let deadline = Instant::now() + SETTLES_WITHIN;
        loop {
            if Instant::now() >= deadline {
                return Err(SessionError::Silent);
            }
            match self.parse()? {
                Some(Packet::PingResp) => return Ok(messages),
                Some(Packet::Publish(message)) => messages.push(message.into()),
                Some(_) => {}
                None => self.receive()?,
            }
        }
    }

    /// Takes leave, so that the last will does not come.
    pub fn close(mut self) -> Result<(), SessionError> {
        self.send(|out| v4::Disconnect.write(out))
    }

    fn ping(&mut self) -> Result<(), SessionError> {
        (self.pinged_at, self.answered) = (Instant::now(), false);
        self.send(|out| v4::PingReq.write(out))
    }

    fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>,
    ) -> Result<(), SessionError> {
        let mut out = BytesMut::new();
        write(&mut out).map_err(SessionError::Protocol)?;
        Ok(self.transport.write_all(&out)?)
    }

    /// Waits for some bytes.
    fn receive(&mut self) -> Result<(), SessionError> {
        if self.received.len() > MOST_BYTES {
            return Err(SessionError::Protocol(mqttbytes::Error::PayloadSizeLimitExceeded(self.received.len())));
        }
        if self.transport.receive(&mut self.received)? { Ok(()) } else { Err(SessionError::Ended) }
    }

    /// The next packet of what was received.
    fn parse(&mut self) -> Result<Option<Packet>, SessionError> {
        match v4::read(&mut self.received, MOST_BYTES) {
            Ok(packet) => Ok(Some(packet)),
            Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(SessionError::Protocol(error)),
        }
    }
}

/// What the machine calls itself; empty where it does not say.
fn host_name() -> String {
    Tree::here().text("proc/sys/kernel/hostname").unwrap_or_default()
}

fn refusal(code: ConnectReturnCode) -> Option<&'static str> {
    match code {
        ConnectReturnCode::Success => None,
        ConnectReturnCode::RefusedProtocolVersion => Some("it does not speak MQTT 3.1.1"),
        ConnectReturnCode::BadClientId => Some("it does not like this client's name"),
        ConnectReturnCode::ServiceUnavailable => Some("it is not available"),
        ConnectReturnCode::BadUserNamePassword => Some("the user or the password is wrong"),
        ConnectReturnCode::NotAuthorized => Some("this user may not connect; a user or a password is missing or wrong"),
    }
}
