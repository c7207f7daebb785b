//! The programs in `examples/` do what they say, as users with the documented permissions and no others.

use std::path::{Path, PathBuf};

use keybell_tests::fleet::{BrokerUser, Person, SCHEDULER, World};
use tokio::process::Command;

use super::is_open;
use crate::{node, python, until};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// Runs an example to its end: exit code, and what it says to programs.
async fn run(world: &World, user: &BrokerUser, mut program: Command, arguments: &[&str]) -> (i32, String) {
    let program = program.env("AMQP_URL", &user.url).args(["--prefix", world.broker.prefix()]).args(arguments);
    let ended = program.kill_on_drop(true).output().await.expect("the example starts");
    let said = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
    let complained = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code().unwrap_or_else(|| panic!("killed: {complained}")), format!("{said}{complained}"))
}

/// The whole life of an application that uses this example.
async fn enqueues(start: impl Fn() -> Command) {
    let world = World::new().await;
    world.import(&Person::pupils(2)).await;
    let user = world.broker.producer();
    let _allowed = world.program(["producer", "allow", &user.name]).run_to(0).await;
    let scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;

    let (code, said) = run(&world, &user, start(), &["--message-id", "r-1", "p1"]).await;
    assert_eq!(code, 0, "{said}");
    let task = world.sql().number(&format!("SELECT count(*) FROM tasks WHERE id::text = '{}'", first(&said))).await;
    assert_eq!(task, 1, "{said}");
    // The same request again is the same task, and it is answered again.
    let (code, again) = run(&world, &user, start(), &["--message-id", "r-1", "p1"]).await;
    assert_eq!((code, first(&again)), (0, first(&said)), "{again}");
    // Refused, with the reason; the id is the program's own this time.
    let (code, refused) = run(&world, &user, start(), &["p1", "nobody"]).await;
    assert_eq!(code, 1, "{refused}");
    assert!(refused.starts_with("refused: selection.unknown_accounts: "), "{refused}");
    assert!(refused.contains("nobody"), "{refused}");
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
    // Nobody answers: it says so, and names the id to try again with.
    let (code, silence) = run(&world, &user, start(), &["--message-id", "r-2", "--wait", "1", "p2"]).await;
    assert_eq!(code, 2, "{silence}");
    assert!(silence.contains("r-2") && silence.contains("--message-id"), "{silence}");
    assert_eq!(super::tasks(&world).await, 1);
}

/// A task's id stands at the beginning.
fn first(said: &str) -> &str {
    said.get(..36).unwrap_or_else(|| panic!("no task's id: {said}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_in_python_asks_and_hears_the_answer() {
    enqueues(|| {
        let mut command = Command::new(python());
        command.arg(example("python/enqueue.py"));
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_in_node_asks_and_hears_the_answer() {
    enqueues(|| node(example("node/enqueue.js"))).await;
}
