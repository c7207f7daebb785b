//! What a filter's fields mean to a search: a condition, and a source of candidates, for each of them.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::fold::{after_prefix, fold, username_key};
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::AccountFilter;
use keybell_shared::request::Where;

use super::SqlLedger;
use super::candidates::{Sieve, Source};
use super::conditions::{
    AT_SCHOOLS, Conditions, Field, IN_CLASSES, IN_GROUPS, NAME_BEGINS, OF_FAMILIES, OF_FAMILY, OF_GRADES, OF_ROLES,
    OF_YEARS, USERNAME_BEGINS, WITHIN_RANK,
};
use super::meeting::LISTS;
use super::ways::{
    CLASS, DISTRICT, FAMILIES, FAMILY, GRADE, GROUP, MEMBERS_ROLE, Probe, ROLE, SCHOOL, USERNAME, Way, YEAR,
};
use crate::ledger::selection::ranges;
use crate::ledger::sql::{Sql, Value, args, json as json_arg};

/// A list with more probes than this is not read in order: each of them is a statement of its own.
const VALUES: usize = 8;

const SCHOOLS: &str = "SELECT s.id FROM schools s WHERE s.district_id = $1 AND s.source_id {in $2 text}
     UNION SELECT s.id FROM schools s WHERE s.district_id = $1 AND s.name {in $2 text}";
const CLASSES: &str = "SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.source_id {in $2 text}
     UNION SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.title {in $2 text}";
const OWN_SCHOOLS: &str = "SELECT DISTINCT m.school_id AS id FROM memberships m
     WHERE m.account_id = $1 AND m.role NOT IN ('student', 'guardian', 'parent', 'relative')";
const OWN_CLASSES: &str = "SELECT e.class_id AS id FROM enrolments e
     WHERE e.account_id = $1 AND e.active AND e.role = 'teacher'";

impl Sieve {
    /// The sources of a search, and its conditions.
    pub(super) async fn of(ledger: &SqlLedger, actor: &Actor, filter: &AccountFilter) -> Sql<Self> {
        let district = actor.district;
        let mut sieve = Self {
            conditions: Conditions::new(district),
            only: filter.only,
            district: Source {
                field: Field::District,
                probes: vec![Probe::one(&DISTRICT, args![district])],
                apart: Vec::new(),
            },
            ordered: Vec::new(),
            unordered: Vec::new(),
        };
        if sieve.only.is_some() {
            return Ok(sieve);
        }
        let narrowed = &filter.narrowed;
        for (names, lookup, place) in [
            (&narrowed.schools, SCHOOLS, Place(Field::Schools, AT_SCHOOLS, &SCHOOL)),
            (&narrowed.classes, CLASSES, Place(Field::Classes, IN_CLASSES, &CLASS)),
        ] {
            if !names.is_empty() {
                sieve.at(place, &numbers(ledger, lookup, args![district, json_arg(names)]).await?);
            }
        }
        sieve.own(ledger, actor).await?;
        sieve.facts(district, narrowed);
        sieve.family(district, &narrowed.family_name_prefix);
        if let Some(begins) = &filter.begins {
            sieve.begins(district, begins);
        }
        Ok(sieve)
    }

    /// The schools of a principal, or the classes of a teacher: nobody else is shown to them, and nobody above them.
    async fn own(&mut self, ledger: &SqlLedger, actor: &Actor) -> Sql<()> {
        let (lookup, place) = match actor.role {
            Role::Principal => (OWN_SCHOOLS, Place(Field::Own, AT_SCHOOLS, &SCHOOL)),
            Role::Teacher => (OWN_CLASSES, Place(Field::Own, IN_CLASSES, &CLASS)),
            Role::DistrictAdmin => return Ok(()),
            Role::Operator | Role::Application => {
                self.conditions.push(Field::Rank, WITHIN_RANK, args![actor.role.reach()]);
                return Ok(());
            }
        };
        self.conditions.push(Field::Rank, WITHIN_RANK, args![actor.role.reach()]);
        self.at(place, &numbers(ledger, lookup, args![actor.person]).await?);
        Ok(())
    }

    /// Schools or classes, by their numbers; none means nobody.
    fn at(&mut self, Place(field, condition, way): Place, numbers: &[i64]) {
        let each = numbers.iter().map(|number| Probe::one(way, args![*number])).collect();
        let all = vec![Probe::many(way, vec![json_arg(numbers)])];
        self.add(field, each, all, (condition, vec![json_arg(numbers)]));
    }

    /// What an account itself says, and its groups.
    fn facts(&mut self, district: DistrictId, narrowed: &Where) {
        let texts = |names: &[String]| names.iter().map(Value::from).collect::<Vec<_>>();
        let years: Vec<Value> = narrowed.graduation_years.iter().map(|year| (*year).into()).collect();
        let grades = narrowed.normal_grades();
        let roles: Vec<Value> = narrowed.user_types.iter().map(|role| role.as_str().into()).collect();
        for (field, condition, way, values, list) in [
            (Field::Grades, OF_GRADES, &GRADE, texts(&grades), json_arg(&grades)),
            (Field::Years, OF_YEARS, &YEAR, years, json_arg(&narrowed.graduation_years)),
            (Field::Groups, IN_GROUPS, &GROUP, texts(&narrowed.groups), json_arg(&narrowed.groups)),
            (Field::Roles, OF_ROLES, &ROLE, roles, json_arg(&narrowed.user_types)),
        ] {
            if values.is_empty() {
                continue;
            }
            let besides = field == Field::Roles;
            let mut each: Vec<Probe> = Vec::new();
            let mut all = vec![Probe::many(way, vec![district.into(), list.clone()])];
            for value in values {
                each.push(Probe::one(way, vec![district.into(), value.clone()]));
                each.extend(besides.then(|| Probe::one(&MEMBERS_ROLE, vec![value])));
            }
            all.extend(besides.then(|| Probe::many(&MEMBERS_ROLE, vec![list.clone()])));
            let arguments = if besides { vec![list.clone(), list] } else { vec![list] };
            self.add(field, each, all, (condition, arguments));
        }
    }

    /// A field's source and its condition: in order and by index, while its values are few.
    fn add(&mut self, field: Field, each: Vec<Probe>, all: Vec<Probe>, (text, arguments): (&'static str, Vec<Value>)) {
        if each.len() <= VALUES {
            self.conditions.probe(field, each.clone());
            self.ordered.push(Source { field, probes: each, apart: Vec::new() });
        } else {
            self.conditions.push(field, text, arguments);
            self.unordered.push(Source { field, probes: all, apart: few(each) });
        }
    }

    /// Beginnings of family names.
    fn family(&mut self, district: DistrictId, prefixes: &[String]) {
        if prefixes.is_empty() {
            return;
        }
        let folded: Vec<String> = prefixes.iter().map(|name| fold(name)).filter(|name| !name.is_empty()).collect();
        let range = |name: &String| Probe::one(&FAMILY, args![district, name, after_prefix(name)]);
        let apart = few(folded.iter().map(range).collect());
        let probe = if let [name] = folded.as_slice() {
            let range = args![name, after_prefix(name)];
            self.conditions.push(Field::Family, OF_FAMILY, range.clone());
            Probe::one(&FAMILY, [args![district], range].concat())
        } else {
            self.conditions.push(Field::Family, OF_FAMILIES, vec![json_arg(&folded)]);
            Probe::many(&FAMILIES, args![json_arg(&ranges(prefixes)), district])
        };
        self.unordered.push(Source { field: Field::Family, probes: vec![probe], apart });
    }

    /// How a username or a family name begins. Of a beginning that folds to nothing, only usernames are left.
    fn begins(&mut self, district: DistrictId, begins: &str) {
        let (name, family) = (username_key(begins), fold(begins));
        let username = args![&name, after_prefix(&name)];
        let mut probes = vec![Probe::one(&USERNAME, [args![district], username.clone()].concat())];
        if family.is_empty() {
            self.conditions.push(Field::Begins, USERNAME_BEGINS, username);
        } else {
            let family = args![&family, after_prefix(&family)];
            probes.push(Probe::one(&FAMILY, [args![district], family.clone()].concat()));
            self.conditions.push(Field::Begins, NAME_BEGINS, [username, family].concat());
        }
        self.unordered.push(Source { field: Field::Begins, apart: probes.clone(), probes });
    }
}

/// A field about schools or classes: its condition, and where its people are read.
struct Place(Field, &'static str, &'static Way);

/// As many as may be read side by side, or none.
fn few(mut apart: Vec<Probe>) -> Vec<Probe> {
    if apart.len() > LISTS {
        apart.clear();
    }
    apart
}

async fn numbers(ledger: &SqlLedger, lookup: &'static str, arguments: Vec<Value>) -> Sql<Vec<i64>> {
    ledger.db.read(lookup, arguments).await?.iter().map(|row| row.get("id")).collect()
}
