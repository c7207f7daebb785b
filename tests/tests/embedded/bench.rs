//! `keybell bench`: the figures add up, and its processes work nowhere else.

use keybell_tests::program::Program;
use serde_json::Value;

use crate::school::{School, number, pupils};

#[tokio::test]
async fn every_hash_row_and_mail_is_counted_and_nothing_stays_behind() {
    let school = School::empty();
    let beside = school.beside("bench");
    let bench = |arguments: &[&'static str]| {
        Program::on(&beside, ["bench", "--loop-seconds", "0.3"]).args(arguments.iter().copied())
    };
    let report: Value = bench(&["--accounts", "150"]).json().await;
    assert_eq!(number(&report, "/accounts"), 150);
    let run = report.pointer("/runs/0").expect("a run");
    for field in ["wanted", "reset", "notified", "emails", "pupils_told"] {
        assert_eq!(number(run, &format!("/counted/{field}")), 150, "{field}: {run}");
    }
    assert_eq!(number(run, "/counted/strangers"), 0);
    assert_eq!((number(run, "/memory_kib"), number(run, "/passes")), (19 * 1024, 2));
    let positive = |at: &str| run.pointer(at).and_then(Value::as_f64).is_some_and(|figure| figure > 0.0);
    for figure in [
        "/accounts_per_second_from_submission_to_last_email",
        "/limit_hashes_per_second",
        "/library_hashes_per_second",
        "/processes/0/cpu_ms_per_account",
        "/processes/0/hashing_cpu_ms_per_account",
        "/processes/0/peak_memory_mib",
        "/board_delay_p99_ms",
    ] {
        assert!(positive(figure), "{figure}: {run}");
    }
    // Quick, and said to be unsafe.
    let said = bench(&["--accounts", "150", "--without-hashing"]).run_to(0).await;
    assert!(said.stderr.contains("WITHOUT THE COST OF HASHING"), "{}", said.stderr);
    assert!(said.stdout.contains("it adds up") && !said.stdout.contains("Projected"), "{}", said.stdout);
    let left: Vec<_> = std::fs::read_dir(&beside).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn an_interrupted_bench_takes_its_place_away() {
    let school = School::empty();
    let beside = school.beside("bench");
    let mut bench = Program::on(&beside, ["bench", "--accounts", "100000", "--loop-seconds", "0.3"]).start();
    bench.line_with("the pipeline").await;
    bench.terminate();
    let ended = bench.wait(keybell_tests::program::PATIENCE).await.with_code(1);
    assert!(ended.stderr.contains("stopped before the end") && ended.stdout.is_empty(), "{ended:?}");
    assert!(std::fs::read_dir(&beside).expect("the folder").next().is_none());
}

#[tokio::test]
async fn a_cheap_hash_is_refused_everywhere_else() {
    let school = School::with(&pupils(1)).await;
    let cheap =
        ["bench-process", "serve", "--memory-kib", "8", "--passes", "1", "--lanes", "1", "--threads", "1", "--sink"];
    let refused = school.program(cheap).arg("127.0.0.1:1").run_to(2).await;
    assert!(refused.stderr.contains("keybell bench"), "{}", refused.stderr);
    let floor = Program::new(["bench", "--memory-kib", "1024"]).run_to(2).await;
    assert!(floor.stderr.contains("floor"), "{}", floor.stderr);
    let both = Program::new(["bench", "--memory-kib", "65536", "--without-hashing"]).run_to(2).await;
    assert!(both.stderr.contains("--without-hashing"), "{}", both.stderr);
    Program::new(["bench", "--workers", "2"]).run_to(2).await;
    let help = Program::new(["--help"]).run_to(0).await.stdout;
    assert!(help.contains("bench ") && !help.contains("bench-process"), "{help}");
}
