//! What the documents promise: each promise names a test that is there, and each code that is explained is given.

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use keybell_shared::codes::Code;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn text(path: &str) -> String {
    read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The file that a document means: some paths are written from where the suites are.
fn file(named: &str) -> Option<PathBuf> {
    ["", "tests/tests/", "tests/tests/conformance/"]
        .iter()
        .map(|below| root().join(below).join(named))
        .find(|path| path.is_file())
}

fn is_rust(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension == "rs")
}

/// Every file of a document's tables is there, and has each test that is named after it; and every row names something.
#[test]
fn every_promise_names_a_test_that_is_there() {
    let mut tests = 0;
    for (document, columns) in [
        ("docs/rules.md", "| rule | test |"),
        ("README.md", "| promise | kept by |"),
        ("ARCHITECTURE.md", "| promise | kept by |"),
    ] {
        let text = text(document);
        let tables = text.split("\n\n").filter(|block| block.starts_with(columns));
        let rows: Vec<&str> = tables.flat_map(|table| table.lines().skip(2)).collect();
        assert!(rows.len() > 10, "{document}: its tables are not found any more");
        for row in rows {
            let (mut source, mut named) = (String::new(), 0);
            let kept_by = row.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default();
            for word in quoted(kept_by) {
                if is_rust(word) && !word.contains('{') {
                    let path = file(word).unwrap_or_else(|| panic!("{document}: there is no {word}: {row}"));
                    source = read_to_string(path).expect("a file");
                    named += 1;
                } else if word.contains('_') && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
                    assert!(source.contains(&format!("fn {word}(")), "{document}: no test {word} there: {row}");
                    tests += 1;
                }
            }
            assert!(named > 0 || kept_by.contains("cargo run"), "{document}: nothing is named in {row}");
        }
    }
    assert!(tests > 300, "only {tests} tests were found; the tables are read wrongly");
}

/// All of a room's own code, without its tests.
fn code(folder: &Path, into: &mut String) {
    for entry in read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() {
            if !["tests", "testing", "fakes", "asyncapi", "openapi"].contains(&name.as_str()) {
                code(&path, into);
            }
        } else if is_rust(&name) && !name.contains("tests") && name != "codes.rs" {
            let text = read_to_string(&path).expect("a file");
            into.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

/// The codes of rosters are explained by the handbook in the same words.
#[test]
fn every_code_of_rosters_is_explained() {
    let handbook = text("docs/cli.md");
    for code in keybell_roster::RowCode::ALL {
        let row = format!("| `{code}` | {} |", code.meaning());
        assert!(handbook.contains(&row), "docs/cli.md does not have {row}");
    }
}

/// A code that is explained is given, by Rust or by SQL, and the handbook explains it in the same words.
#[test]
fn every_code_of_the_legend_is_given_and_explained() {
    let mut rooms = String::new();
    for room in ["shared", "scheduler", "worker", "roster", "backends"] {
        code(&root().join(room).join("src"), &mut rooms);
    }
    let handbook = text("docs/cli.md");
    for code in Code::ALL {
        let given = [",", ")", " ", "\n", ".", ";"].iter().any(|end| rooms.contains(&format!("Code::{code}{end}")));
        assert!(given || rooms.contains(&format!("'{code}'")), "{code} is explained, and nothing gives it");
        let row = format!("| `{code}` | {} |", code.meaning());
        assert!(handbook.contains(&row), "docs/cli.md does not have {row}");
    }
    // What was thought of, and is not given, is said there, too.
    for code in ["S07", "N03", "N06"] {
        assert!(code.parse::<Code>().is_err() && handbook.contains(&format!("`{code}`")), "{code}");
    }
}
