//! Rosters for the tables.

use std::path::Path;

/// The head of `users.csv`.
pub(crate) const USERS: &str =
    "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,sms,agentSourcedIds,grades";

/// The district's organisations.
pub(crate) fn orgs(district: &str) -> String {
    format!("sourcedId,name,type,parentSourcedId\nd,{district},district,\ns,North School,school,d\n")
}

/// The manifest.
pub(crate) const MANIFEST: &str =
    "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n";

/// A row of a pupil with an e-mail address, as text.
pub(crate) fn pupil(username: &str) -> String {
    format!("id-{username},true,s,student,{username},Given,Family,{username}@example.org,,,05")
}

/// Writes a roster with these rows of `users.csv`.
pub(crate) fn write(folder: &Path, district: &str, rows: &[String]) {
    std::fs::create_dir_all(folder).expect("a folder for the roster");
    let users = format!("{USERS}\n{}\n", rows.join("\n"));
    for (name, text) in [("manifest.csv", MANIFEST), ("orgs.csv", &orgs(district)), ("users.csv", &users)] {
        std::fs::write(folder.join(name), text).expect("a file of the roster");
    }
}
