//! The sample district that the program ships goes in whole.

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Fake, import_into};

#[tokio::test]
async fn the_sample_district_has_no_bad_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/sample-district");
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    let people = ledger.0.lock().unwrap().people.len() as u64;
    let users = report.files.iter().find(|file| file.file == "users.csv").unwrap();
    assert_eq!(users.counts.read, people);
    assert!(people > 0);
}
