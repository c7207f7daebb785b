//! The library by which scripts fill in workbooks.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Filled, accounts, compare, filled, formulas, opened, xlsx};

#[expect(clippy::disallowed_methods, reason = "where the tests' Python is, is no configuration of Keybell")]
fn python() -> String {
    std::env::var("KEYBELL_TEST_PYTHON").expect(
        "KEYBELL_TEST_PYTHON names no Python with openpyxl: run scripts/test, it prepares the Python environment",
    )
}

/// Fills in an export. Fails if the library finds a formula in it, or a column that is no text.
pub(super) async fn fill(from: &Path, to: &Path, filled: &Filled) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spreadsheets/fill.py");
    let mut filling = Command::new(python())
        .arg(script)
        .args([from, to])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python starts");
    let mut stdin = filling.stdin.take().expect("piped");
    stdin.write_all(&serde_json::to_vec(filled).expect("JSON")).await.expect("Python reads");
    drop(stdin);
    let done = filling.wait_with_output().await.expect("Python ends");
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaint}");
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), filled.len().to_string(), "{complaint}");
}

#[tokio::test]
async fn what_a_script_fills_in_is_read_to_the_letter() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("export.xlsx"), folder.path().join("filled.xlsx"));
    let accounts = accounts();
    let filled = filled(&accounts);
    std::fs::write(&from, xlsx(&accounts)).expect("written");
    fill(&from, &to, &filled).await;
    assert_eq!(formulas(&to), 0);
    let file = opened(&to);
    assert_eq!((file.kind.as_str(), file.warnings.as_slice()), ("XLSX, worksheet Accounts", &[][..]));
    assert_eq!(compare(&file, &accounts, &filled), [], "no row is refused");
}
