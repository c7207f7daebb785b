//! Configurations that do not fit: refused at the start, by the name of the field, before anything is opened or made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::program::Program;
use tempfile::TempDir;

use crate::Listed;
use crate::evidence::CANARY;

/// How it ends when the configuration is wrong.
const WRONG: i32 = 78;

/// One case.
struct Row {
    number: &'static str,
    what: &'static str,
    given: Given,
    code: i32,
    says: &'static [&'static str],
}

/// What is given.
enum Given {
    /// The configuration file.
    File(Vec<u8>),
    /// Variables of the environment.
    Set(&'static [(&'static str, &'static str)]),
    /// The command line.
    Line(&'static [&'static str]),
    /// Something that is done to the folder of keys before the start.
    Keys(fn(&Path)),
}

fn file(number: &'static str, what: &'static str, text: impl Into<Vec<u8>>, says: &'static [&'static str]) -> Row {
    Row { number, what, given: Given::File(text.into()), code: WRONG, says }
}

fn set(
    number: &'static str,
    what: &'static str,
    variables: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
) -> Row {
    Row { number, what, given: Given::Set(variables), code: WRONG, says }
}

fn keys(number: &'static str, what: &'static str, spoil: fn(&Path), says: &'static [&'static str]) -> Row {
    Row { number, what, given: Given::Keys(spoil), code: WRONG, says }
}

fn rows() -> Vec<Row> {
    [files(), numbers(), places(), key_files(), lines()].into_iter().flatten().collect()
}

fn files() -> Vec<Row> {
    let secret = format!("[email]\npassword = \"{CANARY}\"\nconnections = \"many\"\n");
    let broken = format!("[email]\npassword = \"{CANARY}\n");
    let fine = |number, what, text: &str| Row { code: 4, says: &["no district"], ..file(number, what, text, &[]) };
    vec![
        file("F01", "a field that there is not", "[email]\nsendr = \"smtp\"\n", &["sendr", "given.toml"]),
        file("F02", "a section that there is not", "[emial]\nsender = \"smtp\"\n", &["emial", "given.toml"]),
        file("F03", "a text where a number belongs, beside a secret", secret, &["connections"]),
        file("F04", "a field twice", "[worker]\ngroup = 3\ngroup = 4\n", &["given.toml", "line 3"]),
        file("F05", "a file that breaks off within a secret", broken, &["given.toml", "line 2"]),
        file("F06", "a file that is no text", b"\xff\xfe\x00k\x00e".to_vec(), &["given.toml"]),
        file("F07", "a word that is not one of the words", "mode = \"clustre\"\n", &["clustre", "embedded, cluster"]),
        fine("F08", "an empty file: everything as it is by default", ""),
        fine("F09", "a mark before the text, which some editors write", "\u{feff}mode = \"embedded\"\n"),
        Row {
            number: "F10",
            what: "a file that is not there",
            given: Given::Line(&["--config", "/no/such/file.toml", "task", "list"]),
            code: WRONG,
            says: &["/no/such/file.toml"],
        },
        Row {
            number: "F11",
            what: "a folder for a file",
            given: Given::Line(&["--config", "/", "task", "list"]),
            code: WRONG,
            says: &["configuration file /"],
        },
    ]
}

fn numbers() -> Vec<Row> {
    vec![
        set(
            "F12",
            "hashes that cost next to nothing",
            &[("KEYBELL_HASHING__MEMORY_KIB", "8")],
            &["hashing.memory_kib", "19456"],
        ),
        set("F13", "hashes of no pass", &[("KEYBELL_HASHING__PASSES", "0")], &["hashing.passes"]),
        set("F14", "hashes of three hundred lanes", &[("KEYBELL_HASHING__LANES", "300")], &["hashing.lanes"]),
        set(
            "F15",
            "hashes larger than any memory",
            &[("KEYBELL_HASHING__MEMORY_KIB", "4294967295")],
            &["hashing.memory_kib"],
        ),
        set("F16", "a million hashing threads", &[("KEYBELL_HASHING__THREADS", "1000000")], &["hashing.threads"]),
        set("F17", "groups of nobody", &[("KEYBELL_WORKER__GROUP", "0")], &["worker.group"]),
        set("F18", "fewer than none", &[("KEYBELL_WORKER__GROUP", "-1")], &["group"]),
        set("F19", "more than fits", &[("KEYBELL_WORKER__PREFETCH", "65536")], &["prefetch"]),
        set("F20", "no connection to the mail server", &[("KEYBELL_EMAIL__CONNECTIONS", "0")], &["email.connections"]),
        set(
            "F21",
            "a lease that ends while a slow send still runs: the inequality is printed",
            &[("KEYBELL_TIMING__LEASE_SECONDS", "30"), ("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", "20")],
            &["timing.lease_seconds", "30 s must be at least twice timing.send_deadline_seconds (20 s)"],
        ),
        set(
            "F22",
            "no wait between tries",
            &[("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "0")],
            &["timing.retry_initial_seconds"],
        ),
        set(
            "F23",
            "waits that grow shorter",
            &[("KEYBELL_TIMING__RETRY_MULTIPLIER", "0.5")],
            &["timing.retry_multiplier"],
        ),
        set("F24", "a wait that is no number", &[("KEYBELL_TIMING__RETRY_JITTER", "NaN")], &["timing.retry_jitter"]),
        set("F25", "a time before now", &[("KEYBELL_TIMING__PROBE_SECONDS", "-1")], &["number of seconds"]),
        set(
            "F26",
            "sealed passwords that are gone before the last try",
            &[("KEYBELL_TIMING__SEAL_TTL_SECONDS", "60")],
            &["timing.seal_ttl_seconds", "timing.retry_max_seconds"],
        ),
        set("F27", "a scan that never comes", &[("KEYBELL_SCHEDULER__SCAN_SECONDS", "0")], &["scheduler.scan_seconds"]),
        set("F28", "no retry of webhooks", &[("KEYBELL_WEBHOOKS__RETRY_SECONDS", "")], &["number of seconds"]),
        set(
            "F29",
            "a limit of no request",
            &[("KEYBELL_HTTP__REQUESTS_PER_SECOND", "0")],
            &["http.requests_per_second"],
        ),
        set(
            "F30",
            "keys that outlive their tasks",
            &[("KEYBELL_RETENTION__IDEMPOTENCY_DAYS", "401")],
            &["retention.idempotency_days", "retention.tasks_days"],
        ),
    ]
}

fn places() -> Vec<Row> {
    vec![
        set("F31", "a cluster without a database", &[("KEYBELL_MODE", "cluster")], &["database.url"]),
        set("F32", "a place to listen that is none", &[("KEYBELL_HTTP__LISTEN", "everywhere")], &["listen"]),
        set("F33", "mail to nowhere", &[("KEYBELL_EMAIL__SENDER", "smtp")], &["email.url"]),
        set(
            "F34",
            "a mail server with its password in the URL",
            &[("KEYBELL_EMAIL__SENDER", "smtp"), ("KEYBELL_EMAIL__URL", "smtp://me:Otter-lamp-47@mail.example.org")],
            &["email.url", "credentials"],
        ),
        set(
            "F35",
            "credentials to another machine without TLS",
            &[
                ("KEYBELL_EMAIL__SENDER", "smtp"),
                ("KEYBELL_EMAIL__URL", "smtp://mail.example.org?tls=none"),
                ("KEYBELL_EMAIL__USERNAME", "me"),
            ],
            &["email.url", "TLS"],
        ),
        set(
            "F36",
            "TLS that does not look at certificates: there is no such word",
            &[("KEYBELL_EMAIL__SENDER", "smtp"), ("KEYBELL_EMAIL__URL", "smtp://mail.example.org?tls=insecure")],
            &["email.url", "required or none"],
        ),
        set(
            "F37",
            "a sender with a line end and another header",
            &[
                ("KEYBELL_EMAIL__SENDER", "smtp"),
                ("KEYBELL_EMAIL__URL", "smtp://127.0.0.1?tls=none"),
                ("KEYBELL_EMAIL__FROM", "Keybell <keybell@example.org>\r\nBcc: evil@example.org"),
            ],
            &["email.from"],
        ),
        set(
            "F38",
            "an SMS provider on another machine without TLS",
            &[("KEYBELL_SMS__SENDER", "http"), ("KEYBELL_SMS__URL", "http://sms.example.org/messages")],
            &["sms.url", "https"],
        ),
        set(
            "F39",
            "a file with a password that is not there",
            &[("KEYBELL_EMAIL__PASSWORD_FILE", "/no/such/file")],
            &["email.password_file"],
        ),
        set(
            "F40",
            "traces to what is no URL",
            &[("KEYBELL_TRACING__OTLP_ENDPOINT", "collector:4318")],
            &["tracing.otlp_endpoint"],
        ),
    ]
}

fn key_files() -> Vec<Row> {
    vec![
        keys(
            "F41",
            "a private key that others may read",
            |keys| {
                let open = std::fs::Permissions::from_mode(0o644);
                std::fs::set_permissions(keys.join("notifier.key"), open).expect("permissions");
            },
            &["notifier.key", "chmod 600"],
        ),
        keys(
            "F42",
            "a public key of another pair: nobody could read what is sealed to it",
            |keys| {
                std::fs::copy(keys.join("reset.pub"), keys.join("notifier.pub")).expect("copied");
            },
            &["notifier"],
        ),
        keys(
            "F43",
            "a private key that is none",
            |keys| std::fs::write(keys.join("notifier.key"), "hello\n").expect("written"),
            &["notifier.key"],
        ),
        keys(
            "F44",
            "an empty private key",
            |keys| std::fs::write(keys.join("reset.key"), "").expect("written"),
            &["reset.key"],
        ),
    ]
}

fn lines() -> Vec<Row> {
    vec![Row {
        number: "F45",
        what: "a secret on the command line, where every user of the machine could see it: there is no such option",
        given: Given::Line(&["--database-url", "postgres://me:x@127.0.0.1/keybell", "serve"]),
        code: 2,
        says: &["--database-url"],
    }]
}

pub(crate) fn listed() -> Listed {
    rows().into_iter().map(|row| (row.number, row.what.to_owned())).collect()
}

async fn check(row: &Row, took: &mut Vec<Duration>) -> Option<String> {
    let home = TempDir::new().expect("a temporary folder");
    let data = home.path().join("data");
    let program = match &row.given {
        Given::File(bytes) => {
            let path = home.path().join("given.toml");
            std::fs::write(&path, bytes).expect("a file");
            Program::on(&data, ["task", "list", "--config"]).arg(path)
        }
        Given::Set(variables) => Program::on(&data, ["serve"]).envs(variables.iter().copied()),
        Given::Line(arguments) => Program::new(*arguments).env("KEYBELL_FOLDER", &data),
        Given::Keys(spoil) => {
            Program::on(&data, ["keys", "create"]).run_to(0).await;
            spoil(&data.join("keys"));
            Program::on(&data, ["serve"]).env("KEYBELL_HTTP__LISTEN", "127.0.0.1:0")
        }
    };
    let watch = Stopwatch::start();
    let ended = program.run().await;
    took.push(watch.elapsed());
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let mut wrong = Vec::new();
    if ended.code != Some(row.code) {
        wrong.push(format!("it ended with {:?} and not {}", ended.code, row.code));
    }
    wrong.extend(
        row.says.iter().filter(|words| !said.contains(*words)).map(|words| format!("it does not say `{words}`")),
    );
    if said.contains("panicked") || said.contains(CANARY) {
        wrong.push("it panicked, or repeated a secret".to_owned());
    }
    let untouched = matches!(row.given, Given::Set(_)) || row.code == 2;
    if untouched && data.exists() {
        wrong.push("it has left something behind".to_owned());
    }
    (!wrong.is_empty()).then(|| format!("{} {}: {}\n{said}", row.number, row.what, wrong.join("; ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_configuration_is_refused_by_the_name_of_its_field() {
    let (mut took, mut wrong) = (Vec::new(), Vec::new());
    for row in rows() {
        wrong.extend(check(&row, &mut took).await);
    }
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}", wrong.len(), wrong.join("\n\n"));
    // A machine may be busy for a moment; that a start waits for something would show in most of them.
    took.sort_unstable();
    assert!(took[took.len() / 2] < Duration::from_secs(1), "refusing takes too long: {took:?}");
}
