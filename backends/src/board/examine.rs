//! What the doctor is told about Redis.

use std::time::Duration;

use keybell_shared::clock::Millis;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Script};
use secrecy::{ExposeSecret, SecretString};

use crate::examine::{Gathered, Seen, clock, now, within};

/// No Redis takes longer to answer the doctor.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long the way to the server and one answer may take.
const STEP: Duration = Duration::from_secs(3);

/// Looks at the Redis at `url`: its version, its clock, and what our user may do with the names under `prefix`.
pub async fn examine(url: &SecretString, prefix: &str) -> Vec<Seen> {
    within(PATIENCE, |gathered| async move {
        if let Err(error) = look(url, prefix, &gathered).await {
            gathered.push(Seen::wrong(format!("the board cannot be reached: {error}")));
        }
    })
    .await
}

async fn look(url: &SecretString, prefix: &str, gathered: &Gathered) -> RedisResult<()> {
    let Ok(client) = Client::open(url.expose_secret()) else {
        // The parser's own words could repeat the password.
        gathered.push(Seen::wrong("redis.url is no Redis URL; write redis://user:password@host:6379/0"));
        return Ok(());
    };
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(STEP)).set_response_timeout(Some(STEP));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let info: RedisResult<String> = redis::cmd("INFO").arg("server").query_async(&mut connection).await;
    let version =
        info.as_deref().ok().and_then(|text| text.lines().find_map(|line| line.strip_prefix("redis_version:")));
    let version = version.unwrap_or("of a version that our user may not ask for (INFO)").to_owned();
    gathered.push(Seen::fine(format!("Redis {version}")));
    let before = now();
    let time: RedisResult<(i64, i64)> = redis::cmd("TIME").query_async(&mut connection).await;
    if let Ok((seconds, micros)) = time {
        gathered.push(clock(before, Millis(seconds * 1_000 + micros / 1_000), now()));
    }
    match rights(&mut connection, &client, prefix).await {
        Ok(()) => gathered.push(Seen::fine(format!("our user may write, publish and listen under `{prefix}:`"))),
        Err(error) => gathered.push(Seen::wrong(format!(
            "our user may not do what the board needs: {error}; as an administrator: ACL SETUSER USER on ~{prefix}:* \
             &{prefix}:* +@hash +@read +@pubsub +@scripting +pexpire +info +time +ping"
        ))),
    }
    Ok(())
}

/// Does once what the board does all the time, with a name that is gone afterwards.
async fn rights(connection: &mut MultiplexedConnection, client: &Client, prefix: &str) -> RedisResult<()> {
    let write = Script::new(
        "redis.call('HSET', KEYS[1], 'rank', '1') redis.call('PEXPIRE', KEYS[1], 1000) \
         redis.call('PUBLISH', ARGV[1], '') return redis.call('HGET', KEYS[1], 'rank')",
    );
    let mut call = write.key(format!("{prefix}:task:doctor"));
    call.arg(format!("{prefix}:live:doctor"));
    call.invoke_async::<String>(connection).await?;
    let mut listening = client.get_async_pubsub().await?;
    listening.subscribe(format!("{prefix}:live:doctor")).await
}
