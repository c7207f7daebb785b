//! Who is at which schools, and as what, gathered over all rows before anybody goes in. About forty bytes a row: a hash for
//! the person, numbers for the school and the role.

use std::collections::HashMap;
use std::io;

use keybell_shared::notice::Contact;

use super::guardians::Guardians;
use super::relatives::Relatives;
use super::{PeopleFile, id_in};
use crate::role::UNKNOWN;
use crate::run::is_active;
use crate::seen::{JoinKey, Seen};
use crate::source::Source;
use crate::text::{Lines, Next, Row, Table};

/// All places of all people.
#[derive(Debug, Default)]
pub(super) struct Places {
    key: JoinKey,
    all: Vec<Place>,
    numbers: HashMap<String, u32>,
    schools: Vec<String>,
    relatives: Relatives,
}

#[derive(Debug)]
struct Place {
    person: u128,
    /// A place in `schools`.
    school: u32,
    role: &'static str,
}

impl Places {
    /// Adds the rows of a file. What is wrong with it is told when its rows are judged.
    pub(super) fn gather(&mut self, source: &Source, file: &'static PeopleFile, schools: Option<&Seen>) {
        let read = source.lines(file.layout.file, |lines| self.rows(lines, file, schools));
        if let Err(error) = read.and_then(|read| read) {
            tracing::debug!(%error, "the first pass over a file of people ended early");
        }
    }

    /// Adds the contacts that have files of their own.
    pub(super) fn gather_guardians(&mut self, source: &Source, guardians: &Guardians) {
        let Self { key, relatives, .. } = self;
        if guardians.gather(source, |person, contact| relatives.add(key.of(person), contact)) {
            relatives.told();
        }
    }

    fn rows(&mut self, lines: Box<dyn Lines + '_>, file: &PeopleFile, schools: Option<&Seen>) -> io::Result<()> {
        let Ok(mut table) = Table::open(lines, file.layout.file.into(), file.layout, &[])? else { return Ok(()) };
        loop {
            match table.next()? {
                Next::Row(row) => self.row(row, file, schools),
                Next::Bad(_) => {}
                Next::End => return Ok(()),
            }
            table.warnings.clear();
        }
    }

    fn row(&mut self, row: &Row, file: &PeopleFile, schools: Option<&Seen>) {
        let (id, school) = (row.get("id"), row.get("school"));
        if !id.is_empty() {
            self.relatives.gather(self.key.of(&id_in(file.space, id)), row);
        }
        let known = schools.is_none_or(|schools| schools.contains(school));
        if id.is_empty() || school.is_empty() || !known || !is_active(row).unwrap_or(false) {
            return;
        }
        let person = self.key.of(&id_in(file.space, id));
        let school = self.number(school);
        let role = (file.role)(row.find("role")).unwrap_or(UNKNOWN);
        self.all.push(Place { person, school, role });
    }

    fn number(&mut self, school: &str) -> u32 {
        if let Some(number) = self.numbers.get(school) {
            return *number;
        }
        let number = u32::try_from(self.schools.len()).unwrap_or(u32::MAX);
        self.schools.push(school.to_owned());
        self.numbers.insert(school.to_owned(), number);
        number
    }

    /// Makes it ready to be asked. Stable, so that the places of a person stay in the order of the files.
    pub(super) fn sort(&mut self) {
        self.all.sort_by_key(|place| place.person);
    }

    /// The relatives of a person, by the id with its space; `None` if no file says anything of such.
    pub(super) fn relatives(&self, id: &str) -> Option<Vec<Contact>> {
        self.relatives.of(self.key.of(id))
    }

    /// The schools and roles of a person, by the id with its space.
    pub(super) fn of(&self, id: &str) -> impl Iterator<Item = (&str, &'static str)> {
        let person = self.key.of(id);
        let start = self.all.partition_point(|place| place.person < person);
        let places = self.all.iter().skip(start).take_while(move |place| place.person == person);
        places.filter_map(|place| {
            let school = self.schools.get(usize::try_from(place.school).ok()?)?;
            Some((school.as_str(), place.role))
        })
    }
}
