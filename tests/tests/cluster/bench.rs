//! `keybell bench --mode cluster`: in a database and under prefixes of its own, of which nothing stays.

use keybell_tests::fleet::World;
use keybell_tests::program::Program;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_measured_beside_the_data_of_others_and_leaves_nothing() {
    let world = World::new().await;
    let report: Value =
        Program::on(world.folder(), ["bench", "--mode", "cluster", "--accounts", "300", "--workers", "2"])
            .args(["--threads", "1", "--loop-seconds", "0.3"])
            .env("KEYBELL_DATABASE_URL", world.database_url())
            .env("KEYBELL_AMQP_URL", world.broker.url())
            .env("KEYBELL_REDIS_URL", world.live.url())
            .json()
            .await;
    let run = &report["runs"][0];
    for field in ["wanted", "reset", "notified", "emails", "pupils_told"] {
        assert_eq!(run["counted"][field], 300, "{field}: {run}");
    }
    let names: Vec<&str> = run["processes"]
        .as_array()
        .expect("processes")
        .iter()
        .map(|one| one["name"].as_str().expect("a name"))
        .collect();
    let expected = ["scheduler", "reset-worker-1", "reset-worker-2", "email-worker", "PostgreSQL", "RabbitMQ", "Redis"];
    assert_eq!(names, expected);
    assert!(run["board_delay_p99_ms"].as_f64().is_some_and(|delay| delay > 0.0), "{run}");
    // The world's own ledger was not touched, and no folder stays.
    assert_eq!(world.sql().number("SELECT count(*) FROM tasks").await, 0);
    let left = std::fs::read_dir(world.folder()).expect("the folder").filter_map(Result::ok);
    let ours: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("keybell-bench-")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}
