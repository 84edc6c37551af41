//! How a source stands, told once to whoever takes its frames.

use crate::capture::{Captured, Status};

pub struct Standing {
    status: Status,
    is_told: bool,
}

impl Default for Standing {
    /// That frames come need not be told.
    fn default() -> Self {
        Standing { status: Status::Live, is_told: true }
    }
}

impl Standing {
    pub fn is_unusable(&self) -> bool {
        matches!(self.status, Status::Unusable { .. })
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.status, Status::Gone { .. })
    }

    pub fn change(&mut self, status: Status) {
        if self.status != status {
            *self = Standing { status, is_told: false };
        }
    }

    /// A sound frame came, which tells it.
    pub fn set_live(&mut self) {
        *self = Standing::default();
    }

    /// What was not told so far; it is told now.
    pub fn news(&mut self) -> Option<Status> {
        let was_told = std::mem::replace(&mut self.is_told, true);
        (!was_told).then(|| self.status.clone())
    }

    #[cfg(test)]
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// What a call without a frame gives.
    pub fn told(&mut self) -> Captured {
        self.news().map_or(Captured::Nothing, Captured::Waiting)
    }
}
