//! A small OneRoster roster with the people that a test needs.

use std::path::Path;

/// One row of `users.csv`. The roster id is the username, too.
#[derive(Clone, Debug)]
pub struct Person {
    id: String,
    role: &'static str,
    email: String,
    sms: String,
    guardian: String,
    provider: &'static str,
    active: bool,
}

impl Person {
    /// The pupil `p<n>` of grade 5 with the e-mail address `p<n>@example.org`.
    #[must_use]
    pub fn pupil(n: usize) -> Self {
        Self::named(&format!("p{n}"), "student")
    }

    /// The guardian `g<n>` with the e-mail address `g<n>@example.org`.
    #[must_use]
    pub fn guardian(n: usize) -> Self {
        Self::named(&format!("g{n}"), "guardian")
    }

    /// The pupils `p1` to `p<n>`.
    #[must_use]
    pub fn pupils(n: usize) -> Vec<Self> {
        (1..=n).map(Self::pupil).collect()
    }

    fn named(id: &str, role: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            role,
            email: format!("{id}@example.org"),
            sms: String::new(),
            guardian: String::new(),
            provider: "",
            active: true,
        }
    }

    /// Without an e-mail address.
    #[must_use]
    pub fn without_email(self) -> Self {
        Self { email: String::new(), ..self }
    }

    /// With a mobile number.
    #[must_use]
    pub fn with_sms(self, number: &str) -> Self {
        Self { sms: number.to_owned(), ..self }
    }

    /// With this guardian.
    #[must_use]
    pub fn guarded_by(self, id: &str) -> Self {
        Self { guardian: id.to_owned(), ..self }
    }

    /// Signs in through an outside identity provider.
    #[must_use]
    pub fn managed(self) -> Self {
        Self { provider: "google", ..self }
    }

    /// Not active.
    #[must_use]
    pub fn inactive(self) -> Self {
        Self { active: false, ..self }
    }

    fn row(&self) -> String {
        let Self { id, role, email, sms, guardian, provider, active } = self;
        let grade = if *role == "student" { "05" } else { "" };
        format!("{id},{active},org-school,{role},{id},Given,Name-{id},{email},{sms},{guardian},{grade},{provider}\n")
    }
}

/// Writes the files.
pub(super) fn write(folder: &Path, people: &[Person]) {
    let users: String = people.iter().map(Person::row).collect();
    let head = "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,sms,agentSourcedIds,grades,\
                metadata.identityProvider\n";
    let orgs = "sourcedId,name,type,identifier,parentSourcedId\n\
                org-district,Riverside District,district,,\norg-school,North School,school,,org-district\n";
    let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n\
                    file.academicSessions,absent\nfile.classes,absent\nfile.courses,absent\nfile.enrollments,absent\n";
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (name, text) in [("manifest.csv", manifest), ("orgs.csv", orgs), ("users.csv", &format!("{head}{users}"))] {
        std::fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
