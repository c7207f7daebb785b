//! The ledger's notifications with their attempts.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use keybell_tests::ledgers::Raw;

use crate::evidence::{Channel, Ms};

/// A notification.
pub(super) struct Notice {
    pub(super) id: i64,
    pub(super) item: i64,
    pub(super) round: i64,
    pub(super) channel: Channel,
    pub(super) address: String,
    pub(super) message_id: String,
    /// Which password of its account it tells.
    pub(super) version: i64,
    /// How many attempts the ledger believes to have counted.
    pub(super) counted: usize,
    /// In the order of their fences.
    pub(super) attempts: Vec<Attempt>,
}

/// An attempt that ended, and what became of it.
pub(super) struct Attempt {
    pub(super) number: usize,
    pub(super) started: Ms,
    pub(super) ended: Option<Ms>,
    pub(super) outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Temporary,
    Permanent,
    ChannelDown,
    /// The worker never said.
    Unknown,
}

impl Outcome {
    /// Whether it is one of the four.
    pub(super) const fn counts(self) -> bool {
        match self {
            Self::Accepted | Self::Temporary | Self::Permanent | Self::Unknown => true,
            Self::ChannelDown => false,
        }
    }

    fn read(word: &str) -> Result<Self> {
        Ok(match word {
            "accepted" => Self::Accepted,
            "temporary" => Self::Temporary,
            "permanent" => Self::Permanent,
            "channel_down" => Self::ChannelDown,
            "unknown" => Self::Unknown,
            other => anyhow::bail!("`{other}` is no outcome of an attempt"),
        })
    }
}

/// All of them, by id.
pub(super) async fn read(ledger: &Raw) -> Result<Vec<Notice>> {
    let mut attempts: HashMap<i64, Vec<Attempt>> = HashMap::new();
    let rows = ledger
        .rows(
            "SELECT notification_id, number, started_at, ended_at, outcome FROM attempts
             ORDER BY notification_id, fence",
        )
        .await;
    for row in rows {
        let [notice, number, started, ended, outcome] = columns(row)?;
        let ended = if ended == "NULL" { None } else { Some(ended.parse()?) };
        let attempt =
            Attempt { number: number.parse()?, started: started.parse()?, ended, outcome: Outcome::read(&outcome)? };
        attempts.entry(notice.parse()?).or_default().push(attempt);
    }
    let rows = ledger
        .rows(
            "SELECT n.id, n.item_id, n.round, n.channel, n.address, n.message_id, n.credential_version, n.attempts
             FROM notifications n ORDER BY n.id",
        )
        .await;
    rows.into_iter()
        .map(|row| {
            let [id, item, round, channel, address, message_id, version, counted] = columns(row)?;
            let id: i64 = id.parse()?;
            let channel = match channel.as_str() {
                "email" => Channel::Email,
                "sms" => Channel::Sms,
                other => anyhow::bail!("`{other}` is no channel"),
            };
            let attempts = attempts.remove(&id).unwrap_or_default();
            let (item, round, version) = (item.parse()?, round.parse()?, version.parse()?);
            let counted = counted.parse()?;
            Ok(Notice { id, item, round, channel, address, message_id, version, counted, attempts })
        })
        .collect()
}

fn columns<const N: usize>(row: Vec<String>) -> Result<[String; N]> {
    let found = row.len();
    row.try_into().ok().with_context(|| format!("a row of {found} columns, not {N}"))
}
