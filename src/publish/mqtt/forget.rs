//! Has a broker forget what it keeps of a run. It says of no message whether it took it, so we
//! listen to what becomes of each topic.

use std::time::{Duration, Instant};

use super::session::{BrokerSession, Message};
use super::{Broker, SessionError, discovery};

/// Within this time a run that still publishes is heard: by its state, and since it says that it is
/// there when it hears that somebody removed that.
const LISTENS_FOR: Duration = Duration::from_secs(3);
const NAP: Duration = Duration::from_millis(20);

/// Removes all that is retained, and with it the device in Home Assistant.
pub fn forget(broker: &Broker) -> Result<(), SessionError> {
    let topics = [
        discovery::topic(&broker.device_id()),
        broker.topic("about"),
        broker.topic("state"),
        broker.topic("faces"),
        broker.topic("available"),
    ];
    let mut session = BrokerSession::open(broker, None)?;
    session.subscribe(&topics)?;
    let mut messages = session.settle()?;
    for topic in &topics {
        session.publish(topic, b"", true)?;
    }
    let deadline = Instant::now() + LISTENS_FOR;
    while Instant::now() < deadline {
        messages.extend(session.attend()?);
        std::thread::sleep(NAP);
    }
    session.close()?;
    verdict(&topics, &messages)
}

/// Whether nothing is kept any more of these topics, by what was heard of them.
fn verdict(topics: &[String], heard: &[Message]) -> Result<(), SessionError> {
    let (mut published, mut kept, mut untold) = (Vec::new(), Vec::new(), Vec::new());
    for topic in topics {
        let of_topic = || heard.iter().filter(|message| message.topic == *topic);
        match of_topic().rfind(|message| !message.was_kept) {
            Some(last) if last.payload.is_empty() => {}
            Some(_) => published.push(topic.as_str()),
            None if of_topic().next().is_some() => kept.push(topic.as_str()),
            None => untold.push(topic.as_str()),
        }
    }
    let failure = [
        (published, SessionError::StillPublished as fn(String) -> SessionError),
        (kept, SessionError::StillKept),
        (untold, SessionError::NotTold),
    ];
    let named = failure.into_iter().find(|(topics, _)| !topics.is_empty());
    named.map_or(Ok(()), |(topics, error)| Err(error(topics.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_kept_is_named_with_the_cause() {
        let topics = ["a".to_string(), "b".to_string()];
        let message = |(topic, payload, was_kept): (&str, &str, bool)| Message {
            topic: topic.into(),
            payload: payload.into(),
            was_kept,
        };
        let said = |heard: &[(&str, &str, bool)]| {
            let heard: Vec<Message> = heard.iter().copied().map(message).collect();
            verdict(&topics, &heard).map_err(|error| error.to_string())
        };
        let (kept, live, gone) = (|topic| (topic, "1", true), |topic| (topic, "1", false), |topic| (topic, "", false));
        assert_eq!(said(&[gone("a"), gone("b")]), Ok(()));
        assert_eq!(said(&[kept("a"), live("a"), gone("a"), gone("b")]), Ok(()));
        for (heard, named, cause) in [
            (vec![kept("a"), gone("b")], "keeps a;", "may not write there"),
            (vec![kept("a"), kept("b")], "keeps a, b;", "may not write there"),
            (vec![gone("a"), gone("b"), live("b")], "b;", "stop it first"),
            (vec![kept("a"), live("b")], "b;", "stop it first"),
            (vec![gone("a")], "b;", "may not publish there, or not read there"),
        ] {
            let said = said(&heard).unwrap_err();
            assert!(said.contains(named) && said.contains(cause), "{said}");
        }
    }
}
