//! How rows of each kind go into the ledger.

use std::convert::Infallible;
use std::pin::Pin;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Class, Enrolment, LedgerResult, Person, RosterLedger, RowFate, School};

use super::BATCH;

/// A put under way.
pub(crate) type Putting<'a> = Pin<Box<dyn Future<Output = LedgerResult<Vec<RowFate>>> + Send + 'a>>;

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
    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, rows: &'a [Self]) -> Putting<'a>;
}

impl Storable for School {
    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, rows: &'a [Self]) -> Putting<'a> {
        ledger.put_schools(district, rows)
    }
}

impl Storable for Class {
    fn schools(&self) -> Vec<&str> {
        vec![&self.school]
    }

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, rows: &'a [Self]) -> Putting<'a> {
        ledger.put_classes(district, rows)
    }
}

impl Storable for Person {
    fn id(&self) -> Option<&str> {
        Some(&self.source_id)
    }

    fn schools(&self) -> Vec<&str> {
        self.memberships.iter().map(|membership| membership.school.as_str()).collect()
    }

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, rows: &'a [Self]) -> Putting<'a> {
        ledger.put_people(district, rows)
    }
}

impl Storable for Enrolment {
    /// They are small, and there are many.
    const BATCH: usize = 2 * BATCH;

    fn put<'a>(ledger: &'a dyn RosterLedger, district: DistrictId, rows: &'a [Self]) -> Putting<'a> {
        ledger.put_enrolments(district, rows)
    }
}

/// The rows of a file of which the ledger stores none by itself.
pub(crate) type Nothing = Infallible;

impl Storable for Nothing {
    /// There is nothing in them but counts and problems.
    const AHEAD: usize = 16;

    fn put<'a>(_: &'a dyn RosterLedger, _: DistrictId, _: &'a [Self]) -> Putting<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
