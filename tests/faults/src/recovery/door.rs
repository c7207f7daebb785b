//! What the API answers while a server is away: small valid requests, twenty a second, each with a key of its own.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use keybell_shared::clock::wall;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::bench::Bench;
use super::table::{Door, Table};
use super::work::Asker;
use crate::evidence::{Ms, Try};
use crate::report::percentile;

/// The pause between two requests.
const PACE: Duration = Duration::from_millis(50);
/// How long the door is tried while nothing but the ledger is needed.
const LONG: Duration = Duration::from_secs(30);
/// How long it is tried while the ledger is away.
const SHORT: Duration = Duration::from_secs(8);

/// A request with its answer.
struct Asked {
    key: String,
    made: Try,
    task: Option<String>,
}

/// The broker away, the board away, the ledger away; and nothing away, to compare with.
pub(super) async fn figures(bench: &mut Bench, table: &mut Table) -> Result<()> {
    const TAKEN: &str = "all accepted and kept, p99 at most 500 ms";
    bench.flowing().await?;
    let asked = ask(&bench.asker, LONG).await;
    let kept = kept(bench).await;
    table.doors.push(judge("nothing away", TAKEN, &asked, &kept, is_taken));

    bench.services()?.rabbitmq.kill().await;
    let asked = ask(&bench.asker, LONG).await;
    bench.services()?.rabbitmq.start().await?;
    let kept = self::kept(bench).await;
    table.doors.push(judge("RabbitMQ away", TAKEN, &asked, &kept, is_taken));
    bench.flowing().await?;

    bench.services()?.redis.kill().await;
    let asked = ask(&bench.asker, LONG).await;
    bench.services()?.redis.start().await?;
    let kept = self::kept(bench).await;
    table.doors.push(judge("Redis away", TAKEN, &asked, &kept, is_taken));
    bench.flowing().await?;

    bench.services()?.postgres.kill().await;
    let asked = ask(&bench.asker, SHORT).await;
    bench.services()?.postgres.start().await?;
    // Whoever was asked before it came back has answered.
    let since = wall().0;
    table.took("PostgreSQL killed, started -> next reset", 10_000, bench.next_reset(since).await);
    let kept = self::kept(bench).await;
    let target = "503 within 2000 ms, and no 2xx that was not kept";
    table.doors.push(judge("PostgreSQL away", target, &asked, &kept, |door| {
        door.other == 0 && door.max_ms <= 2_000 && door.false_promises == 0
    }));
    Ok(())
}

const fn is_taken(door: &Door) -> bool {
    door.accepted == door.requests && door.p99_ms <= 500 && door.false_promises == 0
}

/// Asks for so long, at a steady pace however slow the answers are.
async fn ask(asker: &Asker, length: Duration) -> Vec<Asked> {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = JoinSet::new();
    let requests = length.as_millis() / PACE.as_millis();
    for n in 0..requests {
        pace.tick().await;
        let asker = asker.clone();
        answers.spawn(async move {
            let key = uuid::Uuid::new_v4().to_string();
            let (made, task) = asker.start(&key, json!({"scope": "selected", "accounts": [format!("p{n}")]})).await;
            Asked { key, made, task }
        });
    }
    answers.join_all().await
}

/// The task of every key that the ledger knows.
async fn kept(bench: &Bench) -> HashMap<String, String> {
    let rows = bench.ledger().rows("SELECT i.key, t.id FROM idempotency i JOIN tasks t ON t.id = i.task_id").await;
    rows.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok()).map(Into::into).collect()
}

fn judge(
    what: &'static str,
    target: &'static str,
    asked: &[Asked],
    kept: &HashMap<String, String>,
    held: impl Fn(&Door) -> bool,
) -> Door {
    let mut took: Vec<Ms> = asked.iter().map(|one| one.made.took).collect();
    took.sort_unstable();
    let is_promise = |one: &&Asked| (200..300).contains(&one.made.status);
    let is_false = |one: &&Asked| one.task.is_none() || kept.get(&one.key) != one.task.as_ref();
    let accepted = asked.iter().filter(is_promise).count();
    let refused = asked.iter().filter(|one| one.made.status == 503).count();
    let mut door = Door {
        what,
        target,
        requests: asked.len(),
        accepted,
        refused,
        other: asked.len() - accepted - refused,
        false_promises: asked.iter().filter(is_promise).filter(is_false).count(),
        p50_ms: percentile(&took, 50).unwrap_or_default(),
        p99_ms: percentile(&took, 99).unwrap_or_default(),
        max_ms: took.last().copied().unwrap_or_default(),
        held: false,
    };
    door.held = !asked.is_empty() && held(&door);
    door
}
