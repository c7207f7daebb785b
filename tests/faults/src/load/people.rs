//! Three districts from a seed, brought in by the command line as an administrator would.
//!
//! How a recipient behaves is the sinks' business (`sinks/policy.rs`): some behave always the same, which is told by the
//! first word of an e-mail address or the area code of a number. Every name of a district begins with the district's own, so that
//! a stranger's answer that holds one is seen at once.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use keybell_shared::ids::DistrictId;
use keybell_tests::ledgers::Raw;
use serde_json::Value;

use super::dice::Dice;
use super::roster;
use crate::evidence::{District, Person};

/// The districts; the last one is orderly.
pub(super) const SLUGS: [&str; 3] = ["alder", "birch", "cedar"];

/// The place of the orderly district.
pub(super) const ORDERLY: usize = 2;

/// The place of the district for which requests come by AMQP, too: a broker user speaks for one only.
pub(super) const PRODUCING: usize = 0;

/// A district as the load knows it.
#[derive(Clone, Debug)]
pub(super) struct Town {
    pub(super) district: District,
    pub(super) inhabitants: Vec<Inhabitant>,
    pub(super) schools: Vec<String>,
    pub(super) classes: Vec<String>,
}

/// Somebody in a roster, with what the roster says beyond the evidence.
#[derive(Clone, Debug)]
pub(super) struct Inhabitant {
    pub(super) person: Person,
    pub(super) role: &'static str,
    pub(super) school: String,
    pub(super) class: Option<String>,
    pub(super) grade: &'static str,
    pub(super) guardian: Option<String>,
    pub(super) active: bool,
    pub(super) provider: &'static str,
}

/// How a recipient behaves at the sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    /// As the sinks draw it.
    Ordinary,
    /// Always takes everything.
    Steady,
    /// Never takes anything.
    Never,
    /// Always has no time now.
    Busy,
}

impl Town {
    /// The people and places of a district, without key and id, which the program gives.
    pub(super) fn new(seed: u64, place: usize, people: usize) -> Self {
        let slug = SLUGS.get(place).copied().unwrap_or("district");
        let schools: Vec<String> = (1..=3).map(|school| format!("{slug}-s{school}")).collect();
        let classes: Vec<String> =
            schools.iter().flat_map(|school| (1..=3).map(move |class| format!("{school}-c{class}"))).collect();
        let orderly = place == ORDERLY;
        let draw = Draw { seed, place, slug, orderly };
        // One in six is a guardian, one in ten a teacher, one in fifty an administrator.
        let guardians = people / 6;
        let mut inhabitants = Vec::with_capacity(people);
        for n in 0..people {
            let role = match n {
                n if n < guardians => "guardian",
                n if n < guardians + people / 10 => "teacher",
                n if n < guardians + people / 10 + people.div_ceil(50) => "districtAdministrator",
                _ => "student",
            };
            // Every third pupil has one of the guardians, some of whom have several wards.
            let guardian = (role == "student" && n / 2 % 3 == 0 && guardians > 0).then(|| draw.id(n % guardians));
            inhabitants.push(draw.inhabitant(n, role, &classes, guardian));
        }
        let district = District {
            id: DistrictId(uuid::Uuid::nil()),
            slug: slug.to_owned(),
            key: String::new(),
            people: inhabitants.iter().map(|one| one.person.clone()).collect(),
            orderly,
        };
        Self { district, inhabitants, schools, classes }
    }

    /// Writes the roster below `folder`, imports it, and makes an administrator's key.
    pub(super) async fn bring_in(
        &mut self,
        folder: &Path,
        ledger: &Raw,
        command: &impl AsyncFn(&[&str]) -> Result<String>,
    ) -> Result<()> {
        let slug = self.district.slug.clone();
        let files = folder.join(format!("roster-{slug}"));
        roster::write(&files, self)?;
        let path = files.display().to_string();
        let said = command(&["roster", "import", &path, "--district", &slug, "--output", "json"])
            .await
            .with_context(|| format!("importing the roster of {slug}"))?;
        let report: Value = serde_json::from_str(&said).context("`keybell roster import` said no JSON")?;
        let rejected = report.pointer("/total/rejected").and_then(Value::as_u64);
        ensure!(rejected == Some(0), "the roster of {slug} was not taken whole: {report}");
        let said = command(&[
            "apikey",
            "create",
            "--district",
            &slug,
            "--name",
            "load",
            "--role",
            "district_admin",
            "--output",
            "json",
        ])
        .await
        .with_context(|| format!("making a key for {slug}"))?;
        // Not repeated in an error: it holds the key.
        let made: Value = serde_json::from_str(&said).ok().context("`keybell apikey create` said no JSON")?;
        let key = made.get("key").and_then(Value::as_str).context("`keybell apikey create` named no key")?;
        key.clone_into(&mut self.district.key);
        let ids = ledger.column(&format!("SELECT id FROM districts WHERE slug = '{slug}'")).await;
        let [id] = ids.as_slice() else { bail!("the ledger has {} districts {slug}", ids.len()) };
        self.district.id = id.parse().with_context(|| format!("the id of {slug} in the ledger"))?;
        Ok(())
    }

    /// The names by which requests may mean people of this role: usernames, and roster ids now and then.
    pub(super) fn names(&self, wanted: impl Fn(&Inhabitant) -> bool) -> Vec<String> {
        self.inhabitants
            .iter()
            .enumerate()
            .filter(|(_, one)| wanted(one))
            .map(|(n, one)| if n % 5 == 0 { one.person.source_id.clone() } else { one.person.username.clone() })
            .collect()
    }
}

/// What the people of one district are drawn from.
struct Draw {
    seed: u64,
    place: usize,
    slug: &'static str,
    orderly: bool,
}

impl Draw {
    fn id(&self, n: usize) -> String {
        format!("{}-id-{n:04}", self.slug)
    }

    fn inhabitant(&self, n: usize, role: &'static str, classes: &[String], guardian: Option<String>) -> Inhabitant {
        let mut dice = Dice::new(self.seed, &format!("person {} {n}", self.slug));
        let class = classes.get(n % classes.len().max(1)).cloned().unwrap_or_default();
        let school = class.rsplit_once("-c").map(|(school, _)| school.to_owned()).unwrap_or_default();
        let behaviour = self.behaviour(&mut dice);
        let (email, sms) = match dice.below(100) {
            0..50 => (true, false),
            50..65 => (false, true),
            65..90 => (true, true),
            _ => (false, false),
        };
        // Who has two ways can be reached by one and not by the other.
        let other = self.behaviour(&mut dice);
        let username = format!("{}-p{n:04}", self.slug);
        let enrolled = matches!(role, "student" | "teacher");
        Inhabitant {
            person: Person {
                source_id: self.id(n),
                email: email.then(|| format!("{}{username}@{}.example.org", behaviour.first_word(), self.slug)),
                sms: sms.then(|| self.number(n, other)),
                username,
            },
            role,
            school,
            class: enrolled.then_some(class),
            grade: if role == "student" { dice.word(&["01", "04", "07", "10"]) } else { "" },
            guardian,
            active: !dice.percent(4),
            provider: if dice.percent(4) { "google" } else { "" },
        }
    }

    fn behaviour(&self, dice: &mut Dice) -> Behaviour {
        match (self.orderly, dice.below(100)) {
            (false, 0..65) => Behaviour::Ordinary,
            (false, 65..85) => Behaviour::Steady,
            (false, 85..93) | (true, 0..12) => Behaviour::Never,
            (false, _) | (true, 12..22) => Behaviour::Busy,
            (true, _) => Behaviour::Steady,
        }
    }

    /// A number of one person alone.
    fn number(&self, n: usize, behaviour: Behaviour) -> String {
        format!("+1{}5{}{n:05}", behaviour.area(), self.place + 1)
    }
}

impl Behaviour {
    /// The first word of an e-mail address.
    const fn first_word(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Steady => "steady-",
            Self::Never => "never-",
            Self::Busy => "busy-",
        }
    }

    /// The area code of a number.
    const fn area(self) -> &'static str {
        match self {
            Self::Ordinary => "720",
            Self::Steady => "721",
            Self::Never => "722",
            Self::Busy => "723",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_means_the_same_people_and_no_two_share_a_contact() {
        let mut contacts = HashSet::new();
        for place in 0..SLUGS.len() {
            let (town, again) = (Town::new(7, place, 120), Town::new(7, place, 120));
            assert_eq!(format!("{town:?}"), format!("{again:?}"));
            for one in &town.inhabitants {
                for contact in [&one.person.email, &one.person.sms].into_iter().flatten() {
                    assert!(contacts.insert(contact.clone()), "{contact} twice");
                }
            }
        }
        assert_ne!(format!("{:?}", Town::new(7, 0, 120)), format!("{:?}", Town::new(8, 0, 120)));
    }

    #[test]
    fn the_orderly_district_has_only_recipients_that_behave_always_the_same() {
        let town = Town::new(3, ORDERLY, 400);
        for one in &town.inhabitants {
            if let Some(email) = &one.person.email {
                assert!(["steady-", "never-", "busy-"].iter().any(|word| email.starts_with(word)), "{email}");
            }
            if let Some(sms) = &one.person.sms {
                assert!(!sms.starts_with("+1720"), "{sms}");
            }
        }
        let wards = town.inhabitants.iter().filter(|one| one.guardian.is_some()).count();
        assert!(wards > 50, "{wards} wards");
        let roles = |role| town.inhabitants.iter().filter(|one| one.role == role).count();
        assert_eq!((roles("guardian"), roles("teacher"), roles("districtAdministrator")), (66, 40, 8));
    }
}
