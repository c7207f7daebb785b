//! Who may do what: every operation of the API's description, by every role and by a stranger, against one table. An
//! operation that the table does not have fails the test, so that nobody adds a route without deciding this.

use std::collections::BTreeMap;

use keybell_tests::http::Caller;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::school::{Person, School, pupils, serve, text, write_roster};

/// In the order of the columns of [`TABLE`].
const ROLES: [&str; 5] = ["district_admin", "principal", "teacher", "operator", "application"];

/// An operation; the statuses that a district administrator, principal, teacher, operator and application get; and the
/// status that a district administrator of another district gets. The thing in the path is the administrator's.
type Row = (&'static str, [u16; 5], u16);

/// The statuses of what is nobody's secret.
const OPEN: [u16; 5] = [200; 5];
/// Of what belongs to a task of the administrator, who may look at it as operators may.
const LOOKED_AT: [u16; 5] = [200, 404, 404, 200, 404];

/// In an order in which one call leaves room for the next: what takes away comes last.
const TABLE: [Row; 53] = [
    ("getDocs", OPEN, 200),
    ("getHealth", OPEN, 200),
    ("getReadiness", OPEN, 200),
    ("getOpenApi", OPEN, 200),
    ("getPrecautions", OPEN, 200),
    ("getCodes", OPEN, 200),
    ("getFormats", OPEN, 200),
    ("getFleet", [200, 200, 200, 200, 403], 200),
    ("previewTask", [200, 200, 200, 403, 200], 422),
    ("makePlan", [201, 201, 201, 403, 201], 422),
    ("getPlan", LOOKED_AT, 404),
    ("listPlannedAccounts", LOOKED_AT, 404),
    ("applyPlan", [202, 404, 404, 403, 404], 404),
    ("exportAccountsCsv", [200, 200, 200, 403, 403], 200),
    ("exportAccountsXlsx", [200, 200, 200, 403, 403], 200),
    ("tryUpload", [200, 200, 200, 403, 200], 200),
    ("tryUploadCsv", [200, 200, 200, 403, 200], 200),
    ("tryUploadXlsx", [200, 200, 200, 403, 200], 200),
    // The file was not tried out, which only those hear who may start at all.
    ("startUpload", [422, 422, 422, 403, 422], 422),
    ("startTask", [202, 202, 202, 403, 202], 422),
    ("listTasks", OPEN, 200),
    ("getTask", LOOKED_AT, 404),
    ("countCodes", LOOKED_AT, 404),
    ("listItems", LOOKED_AT, 404),
    ("followTask", LOOKED_AT, 404),
    ("downloadReportCsv", LOOKED_AT, 404),
    ("downloadReportXlsx", LOOKED_AT, 404),
    ("downloadUnreachableCsv", LOOKED_AT, 404),
    ("downloadUnreachableXlsx", LOOKED_AT, 404),
    // The task has ended, which only those hear who may control it.
    ("pauseTask", [409, 404, 404, 403, 404], 404),
    ("resumeTask", [409, 404, 404, 403, 404], 404),
    ("cancelTask", [409, 404, 404, 403, 404], 404),
    ("resendTask", [200, 404, 404, 403, 404], 404),
    ("reissueTask", [202, 404, 404, 403, 404], 404),
    // The task has ended, which only those hear who may approve at all.
    ("approveTask", [409, 403, 403, 403, 403], 404),
    // Whoever has the token is let in, and this is none.
    ("showClaimPage", [404; 5], 404),
    ("sendClaimPage", [415; 5], 415),
    ("verifyLink", [404, 403, 403, 403, 404], 404),
    ("redeemLink", [404, 403, 403, 403, 404], 404),
    // The password is wrong, which only sign-in pages hear.
    ("verifySignIn", [401, 403, 403, 403, 401], 401),
    ("changePassword", [401, 403, 403, 403, 401], 401),
    ("listAccounts", [200, 200, 200, 403, 403], 200),
    ("changeAccount", [200, 403, 403, 403, 403], 404),
    ("listWebhooks", [200, 403, 403, 403, 200], 200),
    ("createWebhook", [201, 403, 403, 403, 201], 201),
    ("showWebhook", [200, 403, 403, 403, 404], 404),
    ("testWebhook", [202, 403, 403, 403, 404], 404),
    ("enableWebhook", [200, 403, 403, 403, 404], 404),
    ("rotateWebhook", [200, 403, 403, 403, 404], 404),
    ("deleteWebhook", [204, 403, 403, 403, 404], 404),
    ("listKeys", [200, 403, 403, 403, 403], 200),
    ("createKey", [201, 403, 403, 403, 403], 422),
    ("revokeKey", [204, 403, 403, 403, 403], 404),
];

/// Looks like the token of a one-time link.
const TOKEN: &str = "q1WbT0x5y2nKc8Zr4Vh6LmPj9Ds3Fg7Ha-Eu_IoYtRw";

/// What there is in the administrator's district.
struct Own {
    account: String,
    task: String,
    plan: String,
    webhook: String,
    key: String,
}

impl Own {
    async fn of(caller: &Caller) -> Self {
        let account = caller.get("/v1/accounts?account=pupil1").await.with_status(200);
        let account = account.text("/accounts/0/id").to_owned();
        let asked = json!({"selection": {"scope": "selected", "accounts": [account]}, "reason": "lost",
            "acknowledgement": "2026-11"});
        let task = caller.start("own", &asked).await.with_status(202).task();
        caller.ended(task).await;
        let plan = json!({"selection": {"scope": "selected", "accounts": [account]}, "reason": "lost"});
        let plan = caller.post("/v1/plans", &plan).await.with_status(201).text("/plan").to_owned();
        let hook = json!({"url": "https://hooks.example.org/ours", "events": ["task.*"]});
        let webhook = caller.post("/v1/webhooks", &hook).await.with_status(201);
        let key = caller.post("/v1/keys", &json!({"name": "spare", "role": "operator"})).await.with_status(201);
        let id = |answer: &keybell_tests::http::Answer| answer.text("/id").to_owned();
        Self { account, task: task.to_string(), plan, webhook: id(&webhook), key: id(&key) }
    }

    /// The path with the administrator's thing in it.
    fn path(&self, template: &str) -> String {
        let id = match template.split('/').nth(2) {
            Some("tasks") => &self.task,
            Some("plans") => &self.plan,
            Some("webhooks") => &self.webhook,
            Some("keys") => &self.key,
            Some("accounts") => &self.account,
            _ => "",
        };
        let rules = if template.starts_with("/v1/uploads") && !template.contains("accounts") {
            "?reason=lost&acknowledgement=2026-11"
        } else {
            ""
        };
        format!("{}{rules}", template.replace("{id}", id))
    }

    /// A file for the operations that take one.
    fn file(&self, operation: &str) -> Option<String> {
        let header = keybell_shared::upload::TITLES.join(",");
        let takes = ["tryUpload", "tryUploadCsv", "tryUploadXlsx", "startUpload"].contains(&operation);
        takes.then(|| format!("{header}\r\n{},,,,,,,,Otter-lamp-47\r\n", self.account))
    }

    /// A body that is right, about the administrator's things.
    fn body(&self, operation: &str, caller: &str) -> Option<Value> {
        let selected = json!({"scope": "selected", "accounts": [self.account]});
        Some(match operation {
            "previewTask" | "makePlan" => json!({"selection": selected, "reason": "lost"}),
            "startTask" => json!({"selection": selected, "reason": "lost", "acknowledgement": "2026-11"}),
            "reissueTask" => json!({"accounts": [self.account], "acknowledgement": "2026-11"}),
            "resendTask" => json!({}),
            "applyPlan" => json!({"acknowledgement": "2026-11"}),
            "approveTask" => json!({"digest": "0".repeat(64)}),
            "verifyLink" => json!({"token": TOKEN}),
            "redeemLink" => json!({"token": TOKEN, "new_password": "Marmot-kite-88"}),
            "verifySignIn" => json!({"username": "pupil1", "password": "Wrong-one-99"}),
            "changePassword" => {
                json!({"username": "pupil1", "password": "Wrong-one-99", "new_password": "Marmot-kite-88"})
            }
            "changeAccount" => json!({"protected": true}),
            "createWebhook" => json!({"url": format!("https://hooks.example.org/{caller}"), "events": ["task.*"]}),
            "createKey" => json!({"name": "another", "role": "teacher", "person": "tess"}),
            _ => return None,
        })
    }
}

/// What is sent with a call.
enum Sent {
    Json(Value),
    File(String),
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(body) => body.fmt(f),
            Self::File(body) => body.fmt(f),
        }
    }
}

/// One call: its status and its body as text.
async fn call(base: &str, key: Option<&str>, method: &Method, path: &str, body: Option<&Sent>) -> (u16, String) {
    let client = Client::builder().no_proxy().timeout(keybell_tests::program::PATIENCE).build().expect("a client");
    let mut request = client.request(method.clone(), format!("{base}{path}"));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(body) = body {
        request = request.header("idempotency-key", format!("{path}-{}", key.unwrap_or_default()));
        request = match body {
            Sent::Json(body) => request.json(body),
            Sent::File(body) => request.header("content-type", "text/csv").body(body.clone()),
        };
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, String::from_utf8_lossy(&response.bytes().await.expect("a body")).into_owned())
}

/// Two districts in one folder, the first with everybody who may have a key.
async fn two_districts() -> School {
    let school = School::empty();
    let mut people = pupils(2);
    people.push(Person::with_role("tess", "teacher"));
    people.push(Person::with_role("pat", "principal"));
    for (slug, name, people) in
        [("ours", "Rivermoor Schools", people), ("theirs", "Other Schools", vec![Person::pupil("stranger")])]
    {
        let roster = school.beside(slug);
        write_roster(&roster, name, &people);
        school.program(["roster", "import", "--district", slug]).arg(&roster).run_to(0).await;
    }
    school
}

async fn key(school: &School, district: &str, name: &str, role: &str, person: Option<&str>) -> String {
    let program = school.program(["apikey", "create", "--district", district, "--name", name, "--role", role]);
    let made: Value = program.args(person.into_iter().flat_map(|person| ["--person", person])).json().await;
    text(&made, "/key").to_owned()
}

/// The operations of the description: method, path and whether they need a key, by id.
fn operations() -> BTreeMap<String, (Method, String, bool)> {
    let description = keybell_api::description();
    let mut operations = BTreeMap::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).expect("a method");
            let keyed = operation.pointer("/security/0/key").is_some();
            operations.insert(text(operation, "/operationId").to_owned(), (method, path.clone(), keyed));
        }
    }
    operations
}

#[test]
fn every_operation_has_its_row_and_every_row_its_operation() {
    let mut rows: Vec<&str> = TABLE.iter().map(|(operation, ..)| *operation).collect();
    rows.sort_unstable();
    let operations = operations();
    let described: Vec<&str> = operations.keys().map(String::as_str).collect();
    assert_eq!(described, rows, "decide who may call it, and add the row");
}

#[tokio::test]
async fn every_role_gets_what_the_table_says_and_a_stranger_nothing() {
    let school = two_districts().await;
    let mut keys = Vec::new();
    for (role, person) in ROLES.into_iter().zip([None, Some("pat"), Some("tess"), None, None]) {
        keys.push(key(&school, "ours", &format!("our-{role}"), role, person).await);
    }
    let stranger = key(&school, "theirs", "stranger", "district_admin", None).await;
    let quickly = [("KEYBELL_HTTP__BURST", "1000")];
    let (_running, caller) = serve(school.program(["serve"]).envs(quickly), &keys[0]).await;
    let own = Own::of(&caller).await;
    let ours =
        [&own.account, &own.task, &own.plan, &own.webhook, &own.key, "pupil1", "tess", "our-", "Rivermoor", "/ours"];
    let operations = operations();
    let mut wrong = Vec::new();
    for (operation, statuses, strangers) in TABLE {
        let (method, template, keyed) = &operations[operation];
        let path = own.path(template);
        let body =
            |caller: &str| own.file(operation).map(Sent::File).or_else(|| own.body(operation, caller).map(Sent::Json));
        if *keyed {
            let (status, _) = call(caller.base(), None, method, &path, body("nobody").as_ref()).await;
            assert_eq!(status, 401, "{operation} without a key");
        }
        let asked = body("stranger");
        let (status, told) = call(caller.base(), Some(&stranger), method, &path, asked.as_ref()).await;
        if status != strangers {
            wrong.push(format!("{operation} by a stranger: {status} instead of {strangers}: {told}"));
        }
        // What they wrote themselves may come back to them.
        let known = format!("{path} {}", asked.as_ref().map(ToString::to_string).unwrap_or_default());
        for thing in ours.iter().filter(|thing| *keyed && !known.contains(**thing)) {
            assert!(!told.contains(*thing), "{operation} tells a stranger of {thing}: {told}");
        }
        // The administrator comes last, because that call may change the thing.
        for ((role, key), expected) in ROLES.iter().zip(&keys).zip(statuses).rev() {
            let (status, told) = call(caller.base(), Some(key), method, &path, body(role).as_ref()).await;
            if status != expected {
                wrong.push(format!("{operation} by {role}: {status} instead of {expected}: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
