//! The password of an MQTT user, from a file or from the environment.

use std::env::VarError;

use anyhow::Context;

use crate::cli::PasswordArgs;
use crate::publish::{LONGEST_LOGIN, Target};
use crate::text::files;

const VARIABLE: &str = "WINGMARK_MQTT_PASSWORD";

impl PasswordArgs {
    /// The password, if there is one. `option` names the targets.
    pub fn read_for(&self, option: &str, targets: &[Target]) -> anyhow::Result<Option<String>> {
        let password = self.read()?;
        if password.is_some() && !targets.iter().any(Target::wants_password) {
            log::warn!("the password is sent to nobody: no URL of {option} names a user without one, mqtt://USER@HOST");
        }
        Ok(password)
    }

    pub(crate) fn read(&self) -> anyhow::Result<Option<String>> {
        let (place, text) = match &self.publish_password_file {
            Some(path) => {
                let place = path.display().to_string();
                let text = files::read_text(path).with_context(|| format!("cannot read the password from {place}"))?;
                (place, text)
            }
            None => match std::env::var(VARIABLE) {
                Ok(text) => (VARIABLE.into(), text),
                Err(VarError::NotPresent) => return Ok(None),
                Err(VarError::NotUnicode(_)) => anyhow::bail!("{VARIABLE} is no UTF-8"),
            },
        };
        match text.lines().next() {
            Some(line) if line.len() > LONGEST_LOGIN => {
                anyhow::bail!("{place}: the password has {} bytes; expected at most {LONGEST_LOGIN}", line.len())
            }
            Some(line) if !line.is_empty() => {
                self.publish_password_file.iter().for_each(|path| files::warn_of_readers(path));
                Ok(Some(line.into()))
            }
            _ => anyhow::bail!("{place}: the first line is empty; expected a password"),
        }
    }
}
