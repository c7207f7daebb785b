//! How often each recipient was tried, for servers that behave by it.

use std::collections::HashMap;

use tokio::sync::watch;

/// One try to hand over a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try<'a> {
    /// The recipient.
    pub to: &'a str,
    /// How many tries there were at this recipient before.
    pub number: usize,
    /// How many tries there were at this server before.
    pub running: usize,
}

/// Counts tries.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    recipients: HashMap<String, usize>,
    running: usize,
}

impl Tries {
    /// One more.
    pub(crate) fn count<'a>(&mut self, to: &'a str) -> Try<'a> {
        let running = self.running;
        self.running += 1;
        let number = match self.recipients.get_mut(to) {
            Some(tries) => {
                *tries += 1;
                *tries
            }
            None => *self.recipients.entry(to.to_owned()).or_default(),
        };
        Try { to, number, running }
    }
}

/// An answer that is on its way, until it has left or never will.
pub(crate) struct Owed(watch::Sender<usize>);

impl Owed {
    pub(crate) fn one(owed: &watch::Sender<usize>) -> Self {
        owed.send_modify(|owed| *owed += 1);
        Self(owed.clone())
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.send_modify(|owed| *owed = owed.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_by_recipient_and_in_all() {
        let mut tries = Tries::default();
        let counted = ["anna", "ben", "anna", "anna"].map(|to| {
            let one = tries.count(to);
            (one.number, one.running)
        });
        assert_eq!(counted, [(0, 0), (0, 1), (1, 2), (2, 3)]);
    }
}
