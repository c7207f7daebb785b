//! Users of the broker, made by the very lines of `docs/amqp.md` that tell an operator how.

use std::path::Path;
use std::process::Command;

use uuid::Uuid;

use super::Broker;

/// A broker user of an upstream application; gone with the test.
pub struct BrokerUser {
    /// Its name.
    pub name: String,
    /// The broker's URL with its name and password.
    pub url: String,
    vhost: String,
}

impl Broker {
    /// Makes the user of an upstream application as `docs/amqp.md` says under "The permissions of a producer". Needs
    /// `rabbitmqctl`.
    ///
    /// # Panics
    /// When that cannot be done.
    #[must_use]
    pub fn producer(&self) -> BrokerUser {
        let (name, password) = (format!("app-{}", Uuid::new_v4().simple()), Uuid::new_v4().simple().to_string());
        let uri: lapin::uri::AMQPUri = self.url().parse().unwrap_or_else(|why| panic!("{}: {why}", self.url()));
        let (scheme, rest) = self.url().split_once("://").unwrap_or_default();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let user = BrokerUser { url: format!("{scheme}://{name}:{password}@{host}"), name, vhost: uri.vhost };
        let lines = documented()
            .replace("'PASSWORD'", &format!("'{password}'"))
            .replace("-p / ", &format!("-p '{}' ", user.vhost))
            .replace("sis-sync", &user.name)
            .replace("keybell", self.prefix());
        // Before the first line, so that the queue goes even if a later line fails.
        self.also_delete(&format!("answers.{}", user.name));
        run(&lines);
        user
    }
}

impl Drop for BrokerUser {
    fn drop(&mut self) {
        run(&format!("rabbitmqctl --quiet delete_user {}", self.name));
    }
}

/// The lines of the handbook.
fn documented() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/amqp.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let section = text.split_once("## The permissions of a producer").map(|(_, rest)| rest).unwrap_or_default();
    let block = section.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).map(|(block, _)| block);
    let lines: Vec<&str> = block.unwrap_or_default().lines().filter(|line| line.starts_with("rabbitmqctl ")).collect();
    assert!(lines.len() >= 3, "docs/amqp.md does not say how to make the user of a producer");
    lines.join("\n")
}

/// Runs lines of a shell in which `rabbitmqctl` is the one of the tests' broker.
fn run(lines: &str) {
    // `command`, because the function has the same name. Debian puts the program into a folder that plain users do not
    // have in their path.
    let script = format!(
        "PATH=$PATH:/usr/sbin:/sbin\n\
         rabbitmqctl() {{ command \"${{KEYBELL_TEST_RABBITMQCTL:-rabbitmqctl}}\" \"$@\"; }}\n{lines}"
    );
    let ended = Command::new("sh").args(["-euc", &script]).output();
    let ended = ended.unwrap_or_else(|why| panic!("sh: {why}"));
    assert!(
        ended.status.success(),
        "rabbitmqctl cannot make users on the broker of KEYBELL_AMQP_URL; scripts/test starts one where it can, and \
         KEYBELL_TEST_RABBITMQCTL names the program for another: {}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}
