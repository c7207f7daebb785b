//! How rows of each kind go into the ledger.

use std::convert::Infallible;
use std::pin::Pin;

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, LedgerResult, Person, PersonChange, RosterLedger, RowFate, School,
};

use super::BATCH;

/// A put under way.
pub(crate) type Putting<'a> = Pin<Box<dyn Future<Output = LedgerResult<Vec<Answer>>> + Send + 'a>>;

/// What the ledger says of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// What became of it.
    pub(crate) fate: RowFate,
    /// Whether a person is somebody's guardian, where only the ledger knows all roles.
    pub(crate) kin: bool,
    /// Whether a person's last role is gone.
    pub(crate) roleless: bool,
}

impl From<RowFate> for Answer {
    fn from(fate: RowFate) -> Self {
        Self { fate, kin: false, roleless: false }
    }
}

impl From<Changed> for Answer {
    fn from(Changed { fate, kin, roleless }: Changed) -> Self {
        Self { fate, kin, roleless }
    }
}

/// Answers of any kind, as answers.
async fn answers<T: Into<Answer>>(put: impl Future<Output = LedgerResult<Vec<T>>> + Send) -> LedgerResult<Vec<Answer>> {
    Ok(put.await?.into_iter().map(Into::into).collect())
}

/// Rows of one kind, and how the ledger takes them.
pub(crate) trait Storable: Send + Sync + Sized + 'static {
    /// How many rows go to the ledger at once. Each batch ends on the disk.
    const BATCH: usize = BATCH;

    /// How many batches the reader may be ahead of the ledger.
    const AHEAD: usize = 2;

    /// The roster's id, where rows of this kind are asked for by it later.
    fn id(&self) -> Option<&str> {
        None
    }

    /// The schools that must be in the ledger before.
    fn schools(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Puts a batch into the ledger.
    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, ranks: &'a Ranks, rows: &'a [Self]) -> Putting<'a>;
}

impl Storable for School {
    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, _: &'a Ranks, rows: &'a [Self]) -> Putting<'a> {
        Box::pin(answers(ledger.put_schools(district, rows)))
    }
}

impl Storable for Class {
    fn schools(&self) -> Vec<&str> {
        vec![&self.school]
    }

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, _: &'a Ranks, rows: &'a [Self]) -> Putting<'a> {
        Box::pin(answers(ledger.put_classes(district, rows)))
    }
}

impl Storable for Person {
    fn id(&self) -> Option<&str> {
        Some(&self.source_id)
    }

    fn schools(&self) -> Vec<&str> {
        self.memberships.iter().map(|membership| membership.school.as_str()).collect()
    }

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, _: &'a Ranks, rows: &'a [Self]) -> Putting<'a> {
        Box::pin(answers(ledger.put_people(district, rows)))
    }
}

impl Storable for PersonChange {
    fn id(&self) -> Option<&str> {
        Some(&self.source_id)
    }

    fn schools(&self) -> Vec<&str> {
        self.roles.schools().collect()
    }

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, ranks: &'a Ranks, rows: &'a [Self]) -> Putting<'a> {
        Box::pin(answers(ledger.change_people(district, ranks, rows)))
    }
}

impl Storable for Enrolment {
    /// They are small, and there are many.
    const BATCH: usize = 2 * BATCH;

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, _: &'a Ranks, rows: &'a [Self]) -> Putting<'a> {
        Box::pin(answers(ledger.put_enrolments(district, rows)))
    }
}

/// The rows of a file of which the ledger stores none by itself.
pub(crate) type Nothing = Infallible;

impl Storable for Nothing {
    /// There is nothing in them but counts and problems.
    const AHEAD: usize = 16;

    fn put<'a>(_: &'a dyn RosterLedger, _: DistrictId, _: &'a Ranks, _: &'a [Self]) -> Putting<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
