//! A synthetic OneRoster 1.2 export as a zip, of any number of people: of twenty, thirteen are pupils, six guardians and one
//! a teacher. It is written row by row, so that making it needs no memory that the import could be blamed for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// How large the export is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rows of `users.csv`.
    pub(crate) people: u32,
    /// Classes of each pupil; with none there is no `enrollments.csv`.
    pub(crate) classes: u32,
    /// Whether pupils have guardians.
    pub(crate) guardians: bool,
}

/// What somebody is, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pupil,
    Guardian,
    Teacher,
}

impl Kind {
    fn of(n: u32) -> Self {
        match n % 20 {
            19 => Self::Teacher,
            rest if rest % 3 == 2 => Self::Guardian,
            _ => Self::Pupil,
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Pupil => "student",
            Self::Guardian => "guardian",
            Self::Teacher => "teacher",
        }
    }
}

/// People of a school.
const SCHOOL: u32 = 500;
/// Pupils of a class, about.
const CLASS: u32 = 25;

impl Size {
    fn schools(self) -> u32 {
        self.people.div_ceil(SCHOOL)
    }

    /// Classes of the whole district.
    fn all_classes(self) -> u32 {
        (self.people * self.classes).div_ceil(CLASS).max(1)
    }

    /// Rows of `enrollments.csv`.
    pub(crate) fn enrolments(self) -> u32 {
        let pupils = (0..self.people).filter(|n| Kind::of(*n) == Kind::Pupil).count();
        u32::try_from(pupils).unwrap_or(u32::MAX) * self.classes
    }
}

/// Ids as student information systems give them: long, and in no order.
fn id(kind: &str, n: u32) -> String {
    format!("{kind}-{:08x}-4000-8000-{n:012}", n.wrapping_mul(2_654_435_761))
}

/// Writes the zip.
pub(crate) fn write(file: &Path, size: Size) -> Result<()> {
    let mut zip = BufWriter::with_capacity(1 << 16, File::create(file)?);
    let mut archive = ZipWriter::new(&mut zip);
    let options = SimpleFileOptions::default();
    let kinds = ["orgs", "users", "roles", "classes", "enrollments"];
    archive.start_file("manifest.csv", options)?;
    writeln!(archive, "propertyName,value\noneroster.version,1.2")?;
    for kind in kinds.iter().take(if size.classes == 0 { 3 } else { 5 }) {
        writeln!(archive, "file.{kind},bulk")?;
    }
    archive.start_file("orgs.csv", options)?;
    writeln!(archive, "sourcedId,name,type")?;
    for n in 0..size.schools() {
        writeln!(archive, "{},School {n},school", id("org", n))?;
    }
    users(&mut archive, size, options)?;
    archive.start_file("roles.csv", options)?;
    writeln!(archive, "sourcedId,userSourcedId,roleType,role,orgSourcedId")?;
    for n in 0..size.people {
        let (role, school) = (Kind::of(n).role(), id("org", n % size.schools()));
        writeln!(archive, "{},{},primary,{role},{school}", id("rol", n), id("usr", n))?;
    }
    if size.classes > 0 {
        classes(&mut archive, size, options)?;
    }
    archive.finish()?;
    zip.flush()?;
    Ok(())
}

fn users<W: Write + std::io::Seek>(archive: &mut ZipWriter<W>, size: Size, options: SimpleFileOptions) -> Result<()> {
    archive.start_file("users.csv", options)?;
    writeln!(archive, "sourcedId,enabledUser,username,givenName,familyName,email,sms,agentSourcedIds,grades")?;
    for n in 0..size.people {
        let kind = Kind::of(n);
        let agents = if size.guardians && kind == Kind::Pupil && n + 2 < size.people {
            id("usr", n / 3 * 3 + 2)
        } else {
            String::new()
        };
        let grade = if kind == Kind::Pupil { format!("{:02}", n % 12 + 1) } else { String::new() };
        let (family, phone) = (n % 9_973, n % 10_000_000);
        writeln!(
            archive,
            "{},true,person{n},Given{n},Family{family},person{n}@example.org,+1415{phone:07},{agents},{grade}",
            id("usr", n)
        )?;
    }
    Ok(())
}

fn classes<W: Write + std::io::Seek>(archive: &mut ZipWriter<W>, size: Size, options: SimpleFileOptions) -> Result<()> {
    let all = size.all_classes();
    archive.start_file("classes.csv", options)?;
    writeln!(archive, "sourcedId,title,schoolSourcedId")?;
    for n in 0..all {
        writeln!(archive, "{},Class {n},{}", id("cls", n), id("org", n % size.schools()))?;
    }
    archive.start_file("enrollments.csv", options)?;
    writeln!(archive, "sourcedId,classSourcedId,userSourcedId,role")?;
    for n in (0..size.people).filter(|n| Kind::of(*n) == Kind::Pupil) {
        for course in 0..size.classes {
            let class = (n + course * (all / size.classes).max(1)) % all;
            let row = n * size.classes + course;
            writeln!(archive, "{},{},{},student", id("enr", row), id("cls", class), id("usr", n))?;
        }
    }
    Ok(())
}
