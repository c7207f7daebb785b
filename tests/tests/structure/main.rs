//! The structure of the workspace: which room may know which, and what may never be built in.

#![expect(clippy::expect_used, reason = "what fails here fails the test, with its reason")]

mod promises;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What each room may know, besides itself. Tests may know everything.
const ARROWS: [(&str, &[&str]); 8] = [
    ("keybell-shared", &[]),
    ("keybell-hashing", &["keybell-shared"]),
    ("keybell-scheduler", &["keybell-shared"]),
    ("keybell-worker", &["keybell-shared", "keybell-hashing"]),
    ("keybell-roster", &["keybell-shared"]),
    ("keybell-backends", &["keybell-shared"]),
    ("keybell-api", &["keybell-shared", "keybell-scheduler", "keybell-roster"]),
    (
        "keybell",
        &[
            "keybell-shared",
            "keybell-hashing",
            "keybell-scheduler",
            "keybell-worker",
            "keybell-roster",
            "keybell-backends",
            "keybell-api",
        ],
    ),
];

/// Drivers and I/O that the words and contracts must not see.
const DRIVERS: [&str; 7] = ["sqlx", "lapin", "redis", "lettre", "reqwest", "axum", "csv"];

fn metadata() -> Metadata {
    // For this platform only: what others need is not on this machine.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--locked", "--filter-platform", &platform].map(str::to_owned);
    MetadataCommand::new().other_options(options.to_vec()).exec().expect("cargo metadata")
}

fn normal(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn rooms_know_only_what_they_may_know() {
    let metadata = metadata();
    let rooms: BTreeMap<&str, &Package> =
        metadata.workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect();
    for (room, may_know) in ARROWS {
        let package = rooms.get(room).unwrap_or_else(|| panic!("there is no room {room}"));
        let knows: Vec<&str> = normal(package)
            .into_iter()
            .filter(|name| name.starts_with("keybell") && !may_know.contains(name))
            .collect();
        assert!(knows.is_empty(), "{room} must not know {knows:?}");
    }
    assert_eq!(
        rooms.len(),
        ARROWS.len() + 3,
        "a new room needs its arrows here (tests, faults and benches know everything)"
    );
    let shared = normal(rooms["keybell-shared"]);
    let drivers: Vec<&str> = DRIVERS.into_iter().filter(|driver| shared.contains(driver)).collect();
    assert!(drivers.is_empty(), "shared has no driver and no I/O, but knows {drivers:?}");
}

#[test]
fn backoff_lives_in_one_file() {
    let metadata = metadata();
    let users: Vec<&str> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| normal(package).contains("backoff"))
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(users, ["keybell-shared"]);
    let root = metadata.workspace_root.join("shared/src");
    let mut found = Vec::new();
    let mut folders = vec![root.into_std_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if std::fs::read_to_string(&entry).is_ok_and(|text| text.contains("backoff::")) {
                found.push(entry.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    assert_eq!(found, ["retry.rs"]);
}

/// One TLS stack, and no feature of lettre that logs mail bodies or keeps half-used connections.
/// Whatever is exported goes through one place, which sees to it that no cell is a formula.
#[test]
fn tables_are_written_in_one_room() {
    let metadata = metadata();
    for writer in ["csv", "rust_xlsxwriter"] {
        let users: Vec<&str> = metadata
            .workspace_packages()
            .into_iter()
            .filter(|package| package.name.as_str() != "keybell-tests" && normal(package).contains(writer))
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(users, ["keybell-roster"], "{writer}");
    }
}

#[test]
fn one_tls_stack_and_no_dangerous_features() {
    let metadata = metadata();
    let names: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    for banned in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"] {
        assert!(!names.contains(&banned), "{banned} must not be in the tree");
    }
    for single in ["rustls", "ring", "reqwest", "sqlx-core"] {
        assert_eq!(names.iter().filter(|name| **name == single).count(), 1, "{single} once");
    }
    let resolve = metadata.resolve.as_ref().expect("a resolved tree");
    let lettre = resolve.nodes.iter().find(|node| node.id.repr.contains("lettre@")).expect("lettre");
    for feature in ["pool", "tracing"] {
        let on = lettre.features.iter().any(|on| on.as_str() == feature);
        assert!(!on, "lettre's feature `{feature}` is dangerous here (docs/logging.md)");
    }
}

/// `unsafe` is forbidden everywhere but in the room of the hash engine, and there it stands in the files that need it.
#[test]
fn unsafe_stands_in_one_room() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        let forbids = manifest.contains("[lints]\nworkspace = true");
        assert_eq!(
            forbids,
            package.name.as_str() != "keybell-hashing",
            "{} and the lints of the workspace",
            package.name
        );
    }
    let root = metadata.workspace_root.join("hashing/src").into_std_path_buf();
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if std::fs::read_to_string(&entry).is_ok_and(|text| text.contains("unsafe {")) {
                found.insert(entry.strip_prefix(&root).expect("inside").to_string_lossy().into_owned());
            }
        }
    }
    let expected = ["courtesy.rs", "kernel/arena.rs", "kernel/avx2.rs", "kernel/avx512.rs"];
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// The fault harness reaches into the program by the feature `faults`: it is on nowhere unless somebody asks for it, and
/// a release build with it does not compile.
#[test]
fn faults_are_never_built_in_by_default() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let default = package.features.get("default").map_or(&[][..], Vec::as_slice);
        assert!(default.is_empty(), "{name} has default features: {default:?}");
        for dependency in &package.dependencies {
            let on = dependency.features.iter().any(|feature| feature.ends_with("faults"));
            assert!(!on, "{name} turns the feature `faults` of {} on", dependency.name);
            // Hashes that are none: for measurements of everything else.
            let waits = dependency.features.iter().any(|feature| feature == "simulated");
            assert!(!waits || name == "keybell-benches", "{name} turns the simulated hashing on");
        }
        let forwards: Vec<&String> =
            package.features.iter().filter(|(_, to)| !to.is_empty()).map(|(it, _)| it).collect();
        let expected: &[&str] = if name == "keybell" { &["faults"] } else { &[] };
        assert_eq!(forwards, expected, "the features of {name} that turn on others");
    }
    let resolve = metadata.resolve.as_ref().expect("a resolved tree");
    let shared = resolve.nodes.iter().find(|node| node.id.repr.contains("/shared#")).expect("shared");
    assert!(shared.features.is_empty(), "shared is built with {:?}", shared.features);
    let source = metadata.workspace_root.join("shared/src/fault.rs");
    let source = std::fs::read_to_string(source).expect("shared/src/fault.rs");
    let refusal = "#[cfg(all(feature = \"faults\", not(debug_assertions)))]\ncompile_error!(";
    assert!(source.contains(refusal), "a release build must not compile with the feature `faults`");
}
