//! What we publish comes back where it is taken: MQTT 3.1.1 does not say that it is not.

use std::collections::{BTreeMap, BTreeSet};

use super::error::SessionError;

#[derive(Debug, Default)]
pub struct Echoes {
    /// Topics that did not come back yet, with the bytes of their messages.
    awaited: BTreeMap<String, usize>,
    /// Those that came back, or of which it was said that they do not.
    settled: BTreeSet<String>,
    longest: usize,
}

impl Echoes {
    pub fn sent(&mut self, topic: &str, bytes: usize) {
        self.longest = self.longest.max(bytes);
        if !self.settled.contains(topic) {
            self.awaited.insert(topic.into(), bytes);
        }
    }

    pub fn heard(&mut self, topic: &str) {
        if self.awaited.remove(topic).is_some() {
            self.settled.insert(topic.into());
        }
    }

    /// What did not come back in time, once.
    pub fn missed(&mut self) -> Option<SessionError> {
        let missed = std::mem::take(&mut self.awaited);
        let longest = *missed.values().max()?;
        let topics: Vec<String> = missed.into_keys().collect();
        let (is_one, names) = (topics.len() == 1, topics.join(", "));
        self.settled.extend(topics);
        Some(SessionError::Unheard { topics: names, is_one, longest })
    }

    /// What it means that connections end soon.
    pub fn ended_soon(&self) -> SessionError {
        SessionError::EndedSoon { longest: self.longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_back_is_said_once() {
        let mut echoes = Echoes::default();
        let send_all = |echoes: &mut Echoes| {
            for (topic, bytes) in [("config", 4000), ("available", 6), ("about", 300)] {
                echoes.sent(topic, bytes);
            }
        };
        send_all(&mut echoes);
        echoes.heard("available");
        echoes.heard("other");
        let said = echoes.missed().unwrap().to_string();
        assert!(said.starts_with("about, config do not come back from the broker; ") && said.contains("4000 bytes"));
        // At the next connection, too.
        send_all(&mut echoes);
        assert!(echoes.missed().is_none());
    }
}
