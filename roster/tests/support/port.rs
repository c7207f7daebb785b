//! The port's asynchronous methods over plain ones, for ledgers in memory.

use std::future::ready;
use std::pin::Pin;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Class, Enrolment, LedgerResult, Person, RosterLedger, RowFate, School};

/// What a ledger in memory does.
pub(crate) trait Plain: Send + Sync {
    fn schools(&self, rows: &[School]) -> Vec<RowFate>;
    fn classes(&self, rows: &[Class]) -> Vec<RowFate>;
    fn people(&self, rows: &[Person]) -> Vec<RowFate>;
    fn guardians(&self, links: &[(String, Vec<String>)]) -> Vec<(String, String)>;
    fn enrolments(&self, rows: &[Enrolment]) -> Vec<RowFate>;
}

/// A plain ledger as a port.
#[derive(Debug, Default)]
pub(crate) struct Port<T>(pub(crate) T);

macro_rules! forward {
    ($($method:ident => $plain:ident: $row:ty => $answer:ty),+ $(,)?) => {
        $(fn $method<'s, 'r, 'a>(
            &'s self,
            _: DistrictId,
            rows: &'r [$row],
        ) -> Pin<Box<dyn Future<Output = LedgerResult<Vec<$answer>>> + Send + 'a>>
        where
            's: 'a,
            'r: 'a,
            Self: 'a,
        {
            Box::pin(ready(Ok(self.0.$plain(rows))))
        })+
    };
}

impl<T: Plain> RosterLedger for Port<T> {
    forward! {
        put_schools => schools: School => RowFate,
        put_classes => classes: Class => RowFate,
        put_people => people: Person => RowFate,
        link_guardians => guardians: (String, Vec<String>) => (String, String),
        put_enrolments => enrolments: Enrolment => RowFate,
    }
}
