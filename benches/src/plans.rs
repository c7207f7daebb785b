//! Plans of a large district on PostgreSQL: how long one takes to be made and to be started, and in how much memory.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use keybell_backends::ledger::SqlLedger;
use keybell_roster::{Options as Reading, import};

use keybell_scheduler::intake::{Applying, Intake, json};
use keybell_shared::actor::{Actor, Role};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{KeyLedger as _, Ledger, RosterLedger};
use keybell_shared::precautions;
use keybell_tests::ledgers::{TestLedger, as_district_admin};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::district::{self, Size};
use crate::output::{columns, step};
use crate::processes::{Cpu, forget_peak, peak_memory};

/// How large the district is.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many people.
    #[arg(long, default_value_t = 100_000)]
    people: u32,
    /// How many classes each pupil is in.
    #[arg(long, default_value_t = 2)]
    classes: u32,
}

/// One plan.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Whom and how.
    pub(crate) what: &'static str,
    /// Accounts that would be reset.
    pub(crate) accounts: u64,
    /// Seconds until the plan was answered.
    pub(crate) made: f64,
    /// CPU seconds of PostgreSQL and of this process for that.
    pub(crate) made_cpu: [f64; 2],
    /// Seconds until its task was answered.
    pub(crate) applied: f64,
    /// CPU seconds for that.
    pub(crate) applied_cpu: [f64; 2],
    /// By how much the memory of this process grew at most, in MiB.
    pub(crate) grown: f64,
}

/// Makes and starts plans of every kind.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Row>> {
    let test = TestLedger::postgres().await;
    let district = test.ledger.ensure_district("bench", "Synthetic District").await?.id;
    fill(&test.ledger, district, options).await?;
    // As autovacuum does within a minute.
    test.raw.run("ANALYZE").await;
    let ledger: Arc<dyn Ledger> = Arc::<SqlLedger>::clone(&test.ledger);
    let intake = Intake::new(ledger, None);
    let half = options.people / 2;
    let named: Vec<String> = (0..half.min(50_000)).map(|n| format!("person{}", n * 2)).collect();
    let schools: Vec<String> = (0..10).map(|n| format!("School {n}")).collect();
    let all = json!({"scope": "all"});
    let mut rows = Vec::new();
    for (what, selection, told) in [
        ("all, e-mail", all.clone(), json!({})),
        ("all, SMS", all.clone(), json!({"channel": "sms"})),
        ("all, both, guardians too", all.clone(), json!({"channel": "both", "recipient": "both"})),
        ("all, cascade", all, json!({"channel": "cascade"})),
        ("without_role, cascade", json!({"scope": "without_role"}), json!({"channel": "cascade"})),
        (
            "10 schools, guardians",
            json!({"scope": "all", "where": {"schools": schools}}),
            json!({"recipient": "guardians"}),
        ),
        ("grade 05, e-mail", json!({"scope": "all", "where": {"grades": ["05"]}}), json!({})),
        ("50,000 by name, cascade", json!({"scope": "selected", "accounts": named}), json!({"channel": "cascade"})),
        ("all but 50,000, e-mail", json!({"scope": "all_except", "accounts": named}), json!({})),
    ] {
        rows.push(once(what, &intake, &as_district_admin(district), body(&selection, &told)).await?);
    }
    rows.push(as_principal(&test, &intake, district).await?);
    Ok(rows)
}

async fn fill(ledger: &Arc<SqlLedger>, district: DistrictId, options: &Options) -> Result<()> {
    step(&format!("bringing in {} people", options.people));
    let folder = tempfile::tempdir()?;
    let zip = folder.path().join("roster.zip");
    district::write(&zip, Size { people: options.people, classes: options.classes, guardians: true })?;
    let ledger: Arc<dyn RosterLedger> = Arc::<SqlLedger>::clone(ledger);
    let report = import(&zip, Reading::default(), district, ledger, |_| {}).await.context("the import")?;
    anyhow::ensure!(report.total.rejected == 0, "{}", report.table());
    Ok(())
}

/// A principal plans the reset of a school.
async fn as_principal(test: &TestLedger, intake: &Intake, district: DistrictId) -> Result<Row> {
    let who = test.raw.text("SELECT id FROM accounts WHERE role = 'teacher' ORDER BY id LIMIT 1").await;
    let person = who.parse::<Uuid>().context("a teacher")?;
    let actor = Actor { role: Role::Principal, person: Some(AccountId(person)), ..as_district_admin(district) };
    once("all of a principal, e-mail", intake, &actor, body(&json!({"scope": "all"}), &json!({}))).await
}

fn body(selection: &Value, told: &Value) -> Value {
    let mut body = json!({"reason": "start_of_year", "selection": selection});
    if let (Some(body), Some(told)) = (body.as_object_mut(), told.as_object()) {
        body.extend(told.clone());
    }
    body
}

async fn once(what: &'static str, intake: &Intake, actor: &Actor, body: Value) -> Result<Row> {
    step(what);
    let own = [std::process::id()];
    let bytes = body.to_string();
    forget_peak()?;
    let resting = peak_memory(std::process::id())?;
    let (watch, before) = (Stopwatch::start(), Cpu::now(&own)?);
    let request = json::parse(bytes.as_bytes()).map_err(|problem| anyhow::anyhow!("{what}: {problem:?}"))?;
    let planned = match intake.plan(actor, request).await {
        Ok(planned) => planned,
        Err(problem) => bail!("{what}: the plan is refused: {problem:?}"),
    };
    let (made, between) = (watch.elapsed().as_secs_f64(), Cpu::now(&own)?);
    let asked = Applying { acknowledgement: Some(precautions::VERSION.to_owned()), password: None };
    let watch = Stopwatch::start();
    if let Err(problem) = intake.apply(actor, planned.view.id, asked, &Uuid::new_v4().to_string()).await {
        bail!("{what}: the plan is not started: {problem:?}");
    }
    let applied = watch.elapsed().as_secs_f64();
    let used = |now: Cpu, then: Cpu| [now.postgres - then.postgres, now.keybell - then.keybell];
    Ok(Row {
        what,
        accounts: planned.view.people.eligible,
        made,
        made_cpu: used(between, before),
        applied,
        applied_cpu: used(Cpu::now(&own)?, between),
        grown: peak_memory(std::process::id())? - resting,
    })
}

/// A line for each plan.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["plan of", "accounts", "made, s", "CPU PostgreSQL + own, s", "started, s", "CPU, s", "memory, MiB"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let cpu = |[postgres, own]: [f64; 2]| format!("{postgres:.2} + {own:.2}");
    lines.extend(rows.iter().map(|row| {
        vec![
            row.what.to_owned(),
            row.accounts.to_string(),
            format!("{:.2}", row.made),
            cpu(row.made_cpu),
            format!("{:.2}", row.applied),
            cpu(row.applied_cpu),
            format!("{:.1}", row.grown),
        ]
    }));
    columns(&lines)
}
