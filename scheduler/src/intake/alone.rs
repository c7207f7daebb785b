//! What nobody does alone: above a configured size a second person approves, and that takes two who are known.

use keybell_shared::actor::Actor;
use keybell_shared::problem::{Problem, ProblemKind};

use super::Intake;

impl Intake {
    /// Refuses an administrator's key that names no person where a second person must approve: nobody could ever be known to
    /// be another one. The approval itself looks once more.
    pub(super) fn is_somebody(&self, actor: &Actor, eligible: u64) -> Result<(), Problem> {
        let Some(above) = self.approval_above.filter(|above| eligible > u64::from(*above)) else { return Ok(()) };
        if !actor.is_nameless() {
            return Ok(());
        }
        let detail = format!(
            "{eligible} accounts are more than the {above} that need no second person, and this key does not say whose it \
             is; ask with a key that names its person (`keybell apikey create --person`)"
        );
        Err(Problem::new(ProblemKind::Forbidden, "approval.person_missing", detail))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keybell_shared::actor::Role;
    use keybell_shared::ids::{AccountId, DistrictId};
    use keybell_shared::ports::ledger::Preview;

    use super::*;
    use crate::intake::{Reissuing, json};
    use crate::testing::{FakeLedger, actor};

    const REQUEST: &str = r#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#;

    /// An intake over three accounts, of which so many may be reset by anybody alone.
    fn room(above: Option<u32>) -> (Intake, DistrictId) {
        let ledger = Arc::new(FakeLedger::new(3));
        ledger.state().again = Preview { eligible: 3, skipped: Vec::new() };
        let district = ledger.state().district;
        (Intake::new(ledger, None).approving_above(above), district)
    }

    #[tokio::test]
    async fn whoever_needs_a_second_person_is_somebody() {
        let request = || json::parse(REQUEST.as_bytes()).expect("a request");
        let again = || Reissuing::parse(br#"{"items":["failed"],"acknowledgement":"2026-11"}"#).expect("a re-issue");
        let (intake, district) = room(Some(2));
        let nameless = actor(district, Role::DistrictAdmin);
        let refused = intake.submit(&nameless, request(), "k").await.expect_err("nobody");
        assert_eq!((refused.kind, refused.code), (ProblemKind::Forbidden, "approval.person_missing"));
        assert!(refused.detail.contains("3 accounts") && refused.detail.contains("--person"), "{refused}");
        assert!(intake.preview(&nameless, &request()).await.is_ok(), "to look is free");
        for (key, somebody) in [
            ("a person", Actor { person: Some(AccountId::fresh()), ..nameless.clone() }),
            ("a program", actor(district, Role::Application)),
            ("the console", Actor { key: None, ..nameless.clone() }),
        ] {
            let task = intake.submit(&somebody, request(), key).await.expect(key).task;
            let refused = intake.reissue(&nameless, task, again(), "again").await.expect_err("nobody");
            assert_eq!(refused.code, "approval.person_missing");
            assert!(intake.reissue(&somebody, task, again(), &format!("{key} again")).await.is_ok(), "{key}");
        }
        for above in [None, Some(3)] {
            let (intake, district) = room(above);
            let nameless = actor(district, Role::DistrictAdmin);
            assert!(intake.submit(&nameless, request(), "k").await.is_ok(), "{above:?}: nobody need approve it");
        }
    }
}
