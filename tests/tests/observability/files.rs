//! The files for those who watch: alert rules, their tests, the dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scrape::{promtool, root};

/// Every metric that the rules and the dashboard ask for.
pub(crate) fn named_metrics() -> BTreeSet<String> {
    let mut asked: Vec<String> = expressions(&dashboard());
    let rules = read("ops/prometheus/alerts.yml");
    asked.extend(rules.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned));
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = asked.iter().flat_map(|text| text.split(word));
    words.filter(|word| word.starts_with("keybell_") || word.starts_with("process_")).map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read("ops/grafana/keybell.json")).expect("the dashboard is JSON")
}

fn expressions(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("expr" | "query" | "definition", Value::String(text)) => vec![text.clone()],
                _ => expressions(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(expressions).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[tokio::test]
async fn the_rules_say_what_their_tests_say() {
    promtool(&["check", "rules", "ops/prometheus/alerts.yml"], "").await;
    promtool(&["check", "config", "ops/prometheus/prometheus.yml"], "").await;
    promtool(&["test", "rules", "ops/prometheus/alerts.test.yml"], "").await;
}

#[test]
fn every_rule_says_what_to_do_and_is_tested() {
    let rules = read("ops/prometheus/alerts.yml");
    let tests = read("ops/prometheus/alerts.test.yml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    for (alert, text) in alerts.iter().zip(rules.split("- alert: ").skip(1)) {
        for part in ["summary: ", "description: ", "severity: ", "runbook: docs/operations.md#alert-"] {
            assert!(text.contains(part), "{alert} has no {part}");
        }
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
    }
}

#[test]
fn the_dashboard_has_panels_with_questions() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() > 10);
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "twice: {}", panel["id"]);
        let asks = panel["type"] == "row" || !expressions(panel).is_empty();
        assert!(asks && panel["title"].is_string(), "{panel}");
    }
    assert!(named_metrics().len() > 30);
}
