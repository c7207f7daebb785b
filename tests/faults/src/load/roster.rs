//! A district as OneRoster 1.1 files, with schools, classes and enrolments, which the tests' small roster does not have.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::people::Town;

const USERS: &str = "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,sms,agentSourcedIds,grades,\
                     metadata.identityProvider\n";

const MANIFEST: &str = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n\
                        file.classes,bulk\nfile.enrollments,bulk\nfile.academicSessions,absent\nfile.courses,absent\n";

/// Writes the files.
pub(super) fn write(folder: &Path, town: &Town) -> Result<()> {
    let slug = &town.district.slug;
    let mut orgs = format!("sourcedId,name,type,identifier,parentSourcedId\n{slug}-d,{slug}-schools,district,,\n");
    for school in &town.schools {
        writeln!(orgs, "{school},{school}-school,school,,{slug}-d")?;
    }
    let mut classes = String::from("sourcedId,title,schoolSourcedId\n");
    for class in &town.classes {
        let school = class.rsplit_once("-c").map_or(class.as_str(), |(school, _)| school);
        writeln!(classes, "{class},{class}-title,{school}")?;
    }
    let mut users = String::from(USERS);
    let mut enrolments = String::from("sourcedId,classSourcedId,userSourcedId,role\n");
    for one in &town.inhabitants {
        let person = &one.person;
        let (id, username) = (&person.source_id, &person.username);
        let [email, sms, guardian] = [&person.email, &person.sms, &one.guardian].map(|it| it.as_deref().unwrap_or(""));
        writeln!(
            users,
            "{id},{},{},{},{username},Given,Name-{username},{email},{sms},{guardian},{},{}",
            one.active, one.school, one.role, one.grade, one.provider
        )?;
        if let Some(class) = &one.class {
            writeln!(enrolments, "{class}-{id},{class},{id},{}", one.role)?;
        }
    }
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let files = [
        ("manifest.csv", MANIFEST),
        ("orgs.csv", orgs.as_str()),
        ("classes.csv", classes.as_str()),
        ("users.csv", users.as_str()),
        ("enrollments.csv", enrolments.as_str()),
    ];
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}
