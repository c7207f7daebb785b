//! `keybell plan`: tries a reset out, shows it, and starts exactly that.

mod items;
mod show;

use anyhow::Result;
use serde_json::{Map, Value};

use super::confirm::Acknowledgement;
use super::request;
use super::reset::{counted, start};
use crate::args::{Apply, OnePlan, Output, Plan, PlanAction};
use crate::context::Context;
use crate::desk::{Ask, Desk, read, shapes};
use crate::outcome::Exit;
use crate::output::say_json;

pub(crate) async fn run(context: Context, arguments: Plan) -> Result<Exit> {
    match arguments.action {
        None => {
            // What is wrong with the flags is said before anything is opened.
            let body = request::body(&arguments.asked, "")?;
            let desk = Desk::open(&context, arguments.asked.district.as_deref()).await?;
            let answer = desk.ask(Ask::post("/v1/plans").with(body)).await?;
            shown(&context, desk, &answer).await
        }
        Some(PlanAction::Show(one)) => {
            let desk = opened(&context, &one).await?;
            let answer = desk.get(&format!("/v1/plans/{}", one.plan)).await?;
            shown(&context, desk, &answer).await
        }
        Some(PlanAction::Items { one, fate, limit, all, after }) => {
            let desk = opened(&context, &one).await?;
            let wanted = items::Wanted { fate, limit: if all { None } else { Some(limit) }, after };
            items::run(desk, one.plan, wanted, context.output).await
        }
        Some(PlanAction::Apply(arguments)) => apply(context, *arguments).await,
    }
}

/// Shows the plan, asks, starts it, and shows the way.
pub(super) async fn apply(context: Context, arguments: Apply) -> Result<Exit> {
    let mut body: Map<String, Value> = Map::new();
    if let Some(path) = &arguments.shared_password_file {
        body.insert("password".to_owned(), request::shared(path, arguments.acknowledge_shared)?);
    }
    let desk = opened(&context, &arguments.one).await?;
    desk.ready(&context)?;
    let acknowledged = Acknowledgement::of(&desk, &arguments.confirmed, false).await?;
    let path = format!("/v1/plans/{}", arguments.one.plan);
    let plan: shapes::Plan = read(&desk.get(&path).await?)?;
    show::briefly(desk.place(), &plan);
    if !acknowledged.confirm(&format!("Reset {} now?", counted(plan.people.eligible, "password"))) {
        return Ok(Exit::Declined);
    }
    let body = request::written(body, acknowledged.version())?;
    let path = format!("{path}/apply");
    start(context, desk, Ask::post(&path).with(body), arguments.key, arguments.detach).await
}

async fn opened(context: &Context, one: &OnePlan) -> Result<Desk> {
    Desk::open(context, one.district.district.as_deref()).await
}

async fn shown(context: &Context, desk: Desk, answer: &Value) -> Result<Exit> {
    match context.output {
        Output::Json => say_json(answer)?,
        Output::Text => show::fully(desk.place(), &read(answer)?),
    }
    desk.close().await;
    Ok(Exit::Done)
}
