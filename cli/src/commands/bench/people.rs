//! Made-up pupils, brought in as a roster's rows are.

use anyhow::{Context as _, Result};
use keybell_backends::ledger::SqlLedger;
use keybell_shared::eligibility::rank;
use keybell_shared::ports::ledger::{District, KeyLedger as _, Membership, Person, RosterLedger as _, RowFate, School};

/// Rows in one batch.
const BATCH: u32 = 1_000;
/// A school for so many pupils.
const SCHOOL: u32 = 500;

/// Makes a district with this many pupils, each with an e-mail address that leads nowhere but to the sink.
pub(super) async fn bring_in(ledger: &SqlLedger, pupils: u32) -> Result<District> {
    let district = ledger.ensure_district("bench", "Bench District").await?;
    let schools: Vec<School> = (0..=pupils / SCHOOL)
        .map(|number| School { source_id: format!("s{number}"), name: format!("School {number}"), active: true })
        .collect();
    ledger.put_schools(district.id, &schools).await.context("the bench's schools")?;
    let mut first = 0;
    while first < pupils {
        let next = pupils.min(first + BATCH);
        let rows: Vec<Person> = (first..next).map(pupil).collect();
        let fates = ledger.put_people(district.id, &rows).await.context("the bench's pupils")?;
        anyhow::ensure!(
            fates.iter().all(|fate| *fate == RowFate::Created),
            "the ledger did not take every made-up pupil; this is a defect, please report it"
        );
        first = next;
    }
    Ok(district)
}

fn pupil(number: u32) -> Person {
    Person {
        source_id: format!("p{number}"),
        username: format!("pupil-{number}"),
        given_name: "Pupil".to_owned(),
        family_name: format!("Number {number}"),
        role: "student".to_owned(),
        rank: rank("student"),
        grade: Some("05".to_owned()),
        role_assumed: false,
        graduation_year: None,
        groups: Vec::new(),
        email: Some(format!("pupil-{number}@bench.invalid")),
        sms: None,
        managed_by: None,
        active: true,
        memberships: vec![Membership { school: format!("s{}", number / SCHOOL), role: "student".to_owned() }],
        guardians: Vec::new(),
        relatives: None,
    }
}

/// The number of the pupil whom an address belongs to.
pub(super) fn number_in(address: &[u8]) -> Option<u32> {
    let address = std::str::from_utf8(address).ok()?;
    address.strip_prefix("pupil-")?.strip_suffix("@bench.invalid")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_pupil() {
        let address = pupil(1_234_567).email.expect("an address");
        assert_eq!(number_in(address.as_bytes()), Some(1_234_567));
        for other in [&b"pupil-1@example.org"[..], b"somebody@bench.invalid", b"", b"\xff"] {
            assert_eq!(number_in(other), None);
        }
    }
}
