//! Every way in which bytes can be no request: the code, the place, and that no value comes back.

use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{PasswordSource, Scope};
use secrecy::ExposeSecret;

use super::{MAX_BYTES, parse};

/// Stands wherever a value stands in these documents; it must never come back.
const CANARY: &str = "Otter-lamp-47";

fn refused(bytes: &[u8]) -> Problem {
    let problem = parse(bytes).expect_err("refused");
    let told = format!("{problem:?} {problem}");
    assert!(!told.contains(CANARY) && !told.contains("Otter"), "a value came back: {told}");
    problem
}

fn check(cases: &[(&str, &str, Option<&str>)]) {
    for (text, code, field) in cases {
        let problem = refused(text.as_bytes());
        assert_eq!((problem.code, problem.field.as_deref()), (*code, *field), "{text}: {problem}");
    }
}

#[test]
fn a_full_request_is_read() {
    let text = r#"{"version":1,"selection":{"scope":"all","where":{"schools":["North"]}},"reason":"lost",
        "password":{"source":"shared","value":"Otter-lamp-47","acknowledged":true},"temporary":true}"#;
    let request = parse(text.as_bytes()).expect("a request");
    assert_eq!(request.selection.scope, Scope::All);
    let PasswordSource::Shared { value: Some(value), acknowledged: true } = request.password else { panic!("shared") };
    assert_eq!(value.expose_secret(), CANARY);
    let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
    parse(&marked).expect("a byte-order mark means nothing");
}

#[test]
fn what_is_no_json_object_is_refused() {
    check(&[
        ("", "body.invalid", None),
        (" \n ", "body.invalid", None),
        ("null", "body.invalid", None),
        ("[]", "body.invalid", None),
        ("\"Otter-lamp-47\"", "body.invalid", None),
        ("{\"selection\":", "json.malformed", None),
        ("{\"reason\":\"Otter-lamp-47\",}", "json.malformed", None),
        ("{'reason':'lost'}", "json.malformed", None),
        ("{} // Otter-lamp-47", "json.malformed", None),
        ("{} {}", "json.malformed", None),
        ("{\"reason\":NaN}", "json.malformed", None),
        ("{\"reason\":1e400}", "json.malformed", None),
        ("{\"reason\":\"\\ud800Otter-lamp-47\"}", "json.malformed", None),
        ("{\"reason\":\"Otter-lamp-47\n\"}", "json.malformed", None),
    ]);
    let latin = [b"{\"reason\":\"caf\xe9\"}".as_slice()].concat();
    assert_eq!(refused(&latin).code, "body.not_utf8");
    let large = refused(&vec![b' '; MAX_BYTES + 1]);
    assert_eq!((large.kind, large.code), (ProblemKind::TooLarge, "body.too_large"));
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(refused(deep.as_bytes()).code, "json.malformed");
}

#[test]
fn malformed_json_says_line_and_column() {
    let problem = refused(b"{\n  \"reason\": lost\n}");
    assert!(problem.detail.contains("line 2, column 13"), "{problem}");
}

#[test]
fn double_keys_and_nul_characters_are_refused_with_their_place() {
    check(&[
        (r#"{"reason":"lost","reason":"Otter-lamp-47"}"#, "json.duplicate_key", Some("reason")),
        (
            r#"{"selection":{"scope":"all","where":{"schools":["a"],"schools":["b"]}},"reason":"lost"}"#,
            "json.duplicate_key",
            Some("selection.where.schools"),
        ),
        (r#"{"unknown":[{"a":1},{"b":1,"b":2}]}"#, "json.duplicate_key", Some("unknown[1].b")),
        (
            r#"{"selection":{"scope":"selected","accounts":["a","Otter\u0000lamp"]},"reason":"lost"}"#,
            "json.nul_character",
            Some("selection.accounts[1]"),
        ),
        (r#"{"rea\u0000son":"lost"}"#, "json.nul_character", Some("rea?son")),
    ]);
}

#[test]
fn unknown_missing_and_wrong_fields_are_named_with_their_path() {
    check(&[
        ("{}", "field.missing", Some("selection")),
        (r#"{"selection":{"scope":"all"}}"#, "field.missing", Some("reason")),
        (r#"{"selection":{},"reason":"lost"}"#, "field.missing", Some("selection.scope")),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","pasword":"Otter-lamp-47"}"#,
            "field.unknown",
            Some("pasword"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","pasword":{"source":"shared"}}"#,
            "field.unknown",
            Some("pasword"),
        ),
        (
            r#"{"selection":{"scope":"all","where":{"school":["x"]}},"reason":"lost"}"#,
            "field.unknown",
            Some("selection.where.school"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","password":{"source":"shared","valeu":"Otter-lamp-47"}}"#,
            "field.unknown",
            Some("password.valeu"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","password":{"value":"Otter-lamp-47"}}"#,
            "field.missing",
            Some("password.source"),
        ),
        (r#"{"selection":{"scope":"Otter-lamp-47"},"reason":"lost"}"#, "field.invalid", Some("selection.scope")),
        (r#"{"selection":{"scope":5},"reason":"lost"}"#, "field.invalid", Some("selection.scope")),
        (r#"{"selection":"Otter-lamp-47","reason":"lost"}"#, "field.invalid", Some("selection")),
        (r#"{"selection":["all"],"reason":"lost"}"#, "field.invalid", Some("selection")),
        (r#"{"selection":{"scope":"all","where":[["x"]]},"reason":"lost"}"#, "field.invalid", Some("selection.where")),
        (r#"{"selection":{"scope":"all"},"reason":"lost","password":["shared"]}"#, "field.invalid", Some("password")),
        (r#"{"selection":null,"reason":"lost"}"#, "field.invalid", Some("selection")),
        (
            r#"{"selection":{"scope":"selected","accounts":["a",7]},"reason":"lost"}"#,
            "field.invalid",
            Some("selection.accounts[1]"),
        ),
        (
            r#"{"selection":{"scope":"all","where":{"grades":"Otter-lamp-47"}},"reason":"lost"}"#,
            "field.invalid",
            Some("selection.where.grades"),
        ),
        (r#"{"selection":{"scope":"all"},"reason":"Otter-lamp-47, expected x"}"#, "field.invalid", Some("reason")),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","password":"Otter-lamp-47"}"#,
            "field.invalid",
            Some("password"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","password":{"source":"Otter-lamp-47"}}"#,
            "field.invalid",
            Some("password.source"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","password":{"source":"shared","value":["Otter-lamp-47"]}}"#,
            "field.invalid",
            Some("password.value"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","temporary":"Otter-lamp-47"}"#,
            "field.invalid",
            Some("temporary"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","expires_in_hours":1.5}"#,
            "field.invalid",
            Some("expires_in_hours"),
        ),
        (
            r#"{"selection":{"scope":"all"},"reason":"lost","expires_in_hours":9007199254740993}"#,
            "field.invalid",
            Some("expires_in_hours"),
        ),
        (r#"{"version":"1","selection":{"scope":"all"},"reason":"lost"}"#, "field.invalid", Some("version")),
    ]);
}

#[test]
fn the_first_of_several_faults_is_told_and_what_would_be_right() {
    let problem = refused(br#"{"selection":{"scope":"everyone"},"reason":7,"x":1}"#);
    assert!(problem.field.is_some());
    let problem = refused(br#"{"selection":{"scope":"everyone"},"reason":"lost"}"#);
    assert!(problem.detail.contains("`all`, `all_except`, `without_role`, `selected`"), "{problem}");
}

#[test]
fn another_version_is_named_before_its_unknown_fields() {
    check(&[
        (r#"{"version":2,"selection":{"everybody":true}}"#, "version.unsupported", Some("version")),
        (
            r#"{"version":99999999999,"selection":{"scope":"all"},"reason":"lost"}"#,
            "version.unsupported",
            Some("version"),
        ),
    ]);
}

#[test]
fn a_filter_that_lost_its_entries_does_not_mean_everybody() {
    let text = r#"{"selection":{"scope":"all","where":{"schools":[]}},"reason":"lost"}"#;
    let bare = r#"{"selection":{"scope":"all","where":{}},"reason":"lost"}"#;
    check(&[
        (text, "selection.empty_filter", Some("selection.where.schools")),
        (bare, "selection.empty_filter", Some("selection.where")),
    ]);
}

#[test]
fn a_long_list_with_a_fault_at_its_end_is_explained_soon() {
    let mut names: Vec<String> = (0..20_000).map(|n| format!("\"p{n}\"")).collect();
    names.push("1".into());
    let text = format!(r#"{{"selection":{{"scope":"selected","accounts":[{}]}},"reason":"lost"}}"#, names.join(","));
    assert_eq!(refused(text.as_bytes()).field.as_deref(), Some("selection.accounts[20000]"));
}

#[test]
fn a_null_password_is_one_that_was_not_given() {
    let with = |password: &str| {
        parse(format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost"{password}}}"#).as_bytes()).expect("read")
    };
    let (null, none) = (with(r#","password":null"#), with(""));
    assert!(null.password.is_generated());
    assert_eq!(serde_json::to_value(&null).expect("json"), serde_json::to_value(&none).expect("json"));
    // A null in the place of any other member still says nothing that could be guessed.
    for wrong in [r#","policy":null"#, r#","password":{"source":null}"#, r#","password":"""#] {
        let text = format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost"{wrong}}}"#);
        assert_eq!(parse(text.as_bytes()).expect_err(wrong).code, "field.invalid", "{wrong}");
    }
}
