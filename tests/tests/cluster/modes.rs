//! Both modes end the same way.

use keybell_tests::fleet::{World, listening};
use keybell_tests::http::Caller;
use keybell_tests::sms::SmsServer;
use keybell_tests::smtp::SmtpServer;

use crate::checks::settled;
use crate::journey::{codes, people, request, script};

type Codes = Vec<(String, String, String)>;

async fn in_cluster_mode() -> Codes {
    let (smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    script(&smtp, &sms);
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), Some(&sms));
    world.import(&people()).await;
    let fleet = world.fleet().await;
    let task = fleet.caller.start("one", &request()).await.with_status(202).task();
    fleet.caller.ended(task).await;
    let found = codes(&fleet.caller.items(task, None).await);
    settled(&world, fleet, &[task]).await;
    found
}

async fn in_embedded_mode() -> Codes {
    let (smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    script(&smtp, &sms);
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), Some(&sms));
    // The folder has everything that this mode needs; the servers are not used.
    world.set("KEYBELL_MODE", "embedded");
    world.import(&people()).await;
    let key = world.key().await;
    let mut program = world.start(&["serve"]);
    let caller = Caller::new(&listening(&mut program).await, &key);
    let task = caller.start("one", &request()).await.with_status(202).task();
    caller.ended(task).await;
    let found = codes(&caller.items(task, None).await);
    program.terminate();
    let _ended = program.wait(crate::PATIENCE).await.with_code(0);
    assert_eq!(world.sql().number("SELECT count(*) FROM tasks").await, 0, "PostgreSQL was not used");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_and_cluster_end_with_the_same_states() {
    let (cluster, embedded) = (in_cluster_mode().await, in_embedded_mode().await);
    assert_eq!(cluster.len(), 30);
    assert_eq!(cluster, embedded);
}
