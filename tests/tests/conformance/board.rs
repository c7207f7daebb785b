//! What every board must do, on Redis and in memory.

#![expect(clippy::expect_used, reason = "the helpers of tests fail loudly, as the tests do")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use keybell_backends::board::redis::RedisBoard;
use keybell_shared::clock::{Millis, Stopwatch};
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::board::Board;
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::states::TaskState;
use keybell_tests::relay::Relay;
use redis::AsyncCommands;
use secrecy::SecretString;

use crate::queue::soon;

/// Where the Redis of the tests is.
#[expect(clippy::disallowed_methods, reason = "the one home of this variable in the suite")]
fn redis_url() -> String {
    std::env::var("KEYBELL_REDIS_URL").unwrap_or_else(|_| {
        panic!("KEYBELL_REDIS_URL is not set; start the services: eval \"$(scripts/services env)\"")
    })
}

/// A prefix on the Redis of the tests whose keys are deleted at the end, also when the test fails.
struct Keys(String);

impl Keys {
    fn new() -> Self {
        keybell_shared::tls::init();
        Self(format!("test-{}", uuid::Uuid::new_v4().simple()))
    }

    fn board(&self, url: &str) -> Arc<RedisBoard> {
        RedisBoard::new(&SecretString::from(url), &self.0).expect("a board")
    }

    async fn connection() -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(redis_url()).expect("a client");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }

    async fn delete(&self) {
        let mut connection = Self::connection().await;
        let keys: Vec<String> = connection.keys(format!("{}:*", self.0)).await.expect("keys");
        if !keys.is_empty() {
            let () = connection.del(keys).await.expect("deleted");
        }
    }

    async fn run<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Arc<Self>) -> F) {
        let keys = Arc::new(Self::new());
        let outcome = tokio::spawn(test(Arc::clone(&keys))).await;
        keys.delete().await;
        if let Err(failure) = outcome {
            std::panic::resume_unwind(failure.into_panic());
        }
    }
}

fn snapshot(task: TaskId, epoch: i64, version: i64) -> Snapshot {
    Snapshot {
        task,
        district: DistrictId::fresh(),
        epoch,
        version,
        state: TaskState::Running,
        counts: Counts { open: 10, notified: version % 10, retries: 2, ..Counts::default() },
        accepted_at: Millis(1_700_000_000_000),
        finished_at: None,
        counted_at: Millis(1_700_000_000_123),
    }
}

macro_rules! on_every_board {
    ($($test:ident)*) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(keybell_backends::board::memory::MemoryBoard::new()).await;
            })*
        }

        mod on_redis {
            $(#[tokio::test]
            async fn $test() {
                super::Keys::run(|keys| async move { super::$test(keys.board(&super::redis_url())).await }).await;
            })*
        }
    };
}

on_every_board! {
    an_unknown_task_is_not_shown
    a_newer_snapshot_wins_and_an_older_one_is_refused
    a_newer_epoch_wins_over_any_version
    large_numbers_are_compared_exactly
    who_watches_sees_what_is_shown_and_nothing_else
    a_final_snapshot_stays
    it_answers_a_ping
}

async fn an_unknown_task_is_not_shown(board: Arc<dyn Board>) {
    assert_eq!(board.read(TaskId::fresh()).await, Ok(None));
}

async fn a_newer_snapshot_wins_and_an_older_one_is_refused(board: Arc<dyn Board>) {
    let task = TaskId::fresh();
    let (old, new) = (snapshot(task, 1, 9), snapshot(task, 1, 10));
    assert_eq!(board.show(&old).await, Ok(true));
    assert_eq!(board.read(task).await, Ok(Some(old.clone())));
    assert_eq!(board.show(&new).await, Ok(true));
    assert_eq!(board.show(&old).await, Ok(false));
    assert_eq!(board.read(task).await, Ok(Some(new.clone())));
    // The same once more: it is what is shown.
    assert_eq!(board.show(&new).await, Ok(true));
    // Another task has its own order.
    assert_eq!(board.show(&snapshot(TaskId::fresh(), 1, 1)).await, Ok(true));
}

async fn a_newer_epoch_wins_over_any_version(board: Arc<dyn Board>) {
    let task = TaskId::fresh();
    assert_eq!(board.show(&snapshot(task, 1, 5000)).await, Ok(true));
    let restored = snapshot(task, 2, 3);
    assert_eq!(board.show(&restored).await, Ok(true));
    assert_eq!(board.show(&snapshot(task, 1, 6000)).await, Ok(false));
    assert_eq!(board.read(task).await, Ok(Some(restored)));
}

async fn large_numbers_are_compared_exactly(board: Arc<dyn Board>) {
    let task = TaskId::fresh();
    // In order; neighbours are equal as floating-point numbers.
    let order = [
        (i64::MIN, 0),
        (-1, i64::MAX),
        (0, 9_007_199_254_740_992),
        (0, 9_007_199_254_740_993),
        (1_763_757_600_000_000_000, i64::MAX - 1),
        (1_763_757_600_000_000_000, i64::MAX),
        (1_763_757_600_000_000_001, -1),
        (i64::MAX, i64::MAX),
    ];
    let mut before = None;
    for (epoch, version) in order {
        let next = snapshot(task, epoch, version);
        assert_eq!(board.show(&next).await, Ok(true), "{epoch} {version}");
        if let Some(before) = before.replace(next.clone()) {
            assert_eq!(board.show(&before).await, Ok(false), "{epoch} {version}");
        }
        assert_eq!(board.read(task).await, Ok(Some(next)));
    }
}

async fn who_watches_sees_what_is_shown_and_nothing_else(board: Arc<dyn Board>) {
    let (task, other) = (TaskId::fresh(), TaskId::fresh());
    let mut one = board.watch(task).await.expect("a stream");
    let mut two = board.watch(task).await.expect("a stream");
    let (first, second) = (snapshot(task, 1, 2), snapshot(task, 1, 3));
    for shown in [&snapshot(other, 1, 1), &first, &snapshot(task, 1, 1), &second] {
        board.show(shown).await.expect("an answer");
    }
    for watcher in [&mut one, &mut two] {
        assert_eq!(soon("a snapshot", watcher.next()).await, Some(first.clone()));
        assert_eq!(soon("a snapshot", watcher.next()).await, Some(second.clone()));
    }
    drop((one, two));
    // After the last watcher has gone, a new one starts afresh.
    assert_eq!(board.show(&snapshot(task, 1, 4)).await, Ok(true));
    let mut late = board.watch(task).await.expect("a stream");
    let last = snapshot(task, 1, 5);
    assert_eq!(board.show(&last).await, Ok(true));
    assert_eq!(soon("a snapshot", late.next()).await, Some(last));
}

async fn a_final_snapshot_stays(board: Arc<dyn Board>) {
    let task = TaskId::fresh();
    assert_eq!(board.show(&snapshot(task, 1, 1)).await, Ok(true));
    let mut watcher = board.watch(task).await.expect("a stream");
    let end = Snapshot {
        state: TaskState::CompletedWithErrors,
        finished_at: Some(Millis(1_700_000_009_000)),
        ..snapshot(task, 1, 2)
    };
    assert_eq!(board.show(&end).await, Ok(true));
    assert_eq!(soon("a snapshot", watcher.next()).await, Some(end.clone()));
    assert_eq!(board.show(&snapshot(task, 1, 1)).await, Ok(false));
    assert_eq!(board.read(task).await, Ok(Some(end)));
}

async fn it_answers_a_ping(board: Arc<dyn Board>) {
    assert_eq!(board.ping().await, Ok(()));
}

#[tokio::test]
async fn snapshots_on_redis_go_away_by_themselves() {
    Keys::run(|keys| async move {
        let board = keys.board(&redis_url());
        let task = TaskId::fresh();
        let key = format!("{}:task:{task}", keys.0);
        let mut connection = Keys::connection().await;
        for (state, version, days) in [(TaskState::Running, 1, 30), (TaskState::Completed, 2, 7)] {
            assert_eq!(board.show(&Snapshot { state, ..snapshot(task, 1, version) }).await, Ok(true));
            let seconds: i64 = connection.ttl(&key).await.expect("a time to live");
            assert!((days * 86_400 - 60..=days * 86_400).contains(&seconds), "{seconds}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_soon_and_found_again() {
    Keys::run(|keys| async move {
        let (relay, url) = Relay::before(&redis_url()).await;
        relay.down();
        let board = keys.board(&url);
        let task = TaskId::fresh();
        let since = Stopwatch::start();
        assert!(board.ping().await.is_err());
        assert!(board.show(&snapshot(task, 1, 1)).await.is_err());
        assert!(board.read(task).await.is_err());
        assert!(board.watch(task).await.is_err());
        assert!(since.elapsed() < Duration::from_secs(6), "about a second each at most");
        relay.resume();
        soon("Redis", async {
            while board.ping().await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;

        // Silent instead of gone.
        let mut watcher = board.watch(task).await.expect("a stream");
        relay.freeze();
        let since = Stopwatch::start();
        assert!(board.show(&snapshot(task, 1, 1)).await.is_err());
        assert!(board.watch(task).await.is_err());
        assert!(since.elapsed() < Duration::from_secs(4), "about a second each at most");
        relay.resume();
        soon("Redis", async { while board.show(&snapshot(task, 1, 2)).await.is_err() {} }).await;

        // A watcher hears of the end.
        relay.cut();
        soon("the end", async { while watcher.next().await.is_some() {} }).await;
        soon("Redis", async { while board.show(&snapshot(task, 1, 3)).await.is_err() {} }).await;
    })
    .await;
}

#[test]
fn an_unreadable_url_is_an_error_that_does_not_repeat_it() {
    let error = RedisBoard::new(&SecretString::from("http://x:my-secret@localhost"), "test").err().expect("an error");
    assert!(!error.to_string().contains("my-secret"), "{error}");
}
