//! Reading a process's metrics, and promtool's opinion about them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use keybell_tests::program::Running;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Where a process says that it shows its metrics; without the path.
pub(crate) async fn address(process: &mut Running) -> String {
    let line = process.line_with("metrics are shown on http://").await;
    let (_, url) = line.split_once("metrics are shown on ").expect("the line holds it");
    url.trim().trim_end_matches('"').split("/metrics").next().unwrap_or_default().to_owned()
}

/// A client that does not wait for ever.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(std::time::Duration::from_secs(20)).build().expect("a client")
}

/// The metrics, in the form that this `Accept` asks for.
pub(crate) async fn metrics(base: &str, accept: &str) -> String {
    let answer = client().get(format!("{base}/metrics")).header("accept", accept).send().await;
    let answer = answer.expect("an answer").error_for_status().expect("metrics");
    answer.text().await.expect("text")
}

/// The status of a path.
pub(crate) async fn status(base: &str, path: &str) -> u16 {
    reqwest::get(format!("{base}{path}")).await.expect("an answer").status().as_u16()
}

/// Runs promtool on something; it must be content.
pub(crate) async fn promtool(arguments: &[&str], input: &str) {
    let mut process = Command::new("promtool")
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed: apt install prometheus");
    let mut stdin = process.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).await.expect("written");
    drop(stdin);
    let ended = process.wait_with_output().await.expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "promtool {arguments:?}: {said}\n{input}");
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The names of all samples.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    samples(text).map(|sample| sample.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
}

/// The names and values of all labels.
pub(crate) fn labels(text: &str) -> BTreeSet<(String, String)> {
    let sets = samples(text).filter_map(|sample| Some(sample.split_once('{')?.1.rsplit_once('}')?.0));
    sets.flat_map(|set| set.split("\","))
        .map(|label| {
            let (name, value) = label.split_once("=\"").expect("a label");
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        })
        .collect()
}

/// The value of a sample, by everything that stands before it.
pub(crate) fn value(text: &str, sample: &str) -> f64 {
    let found = samples(text).find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("no {sample} in\n{text}"))
}

fn samples(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}
