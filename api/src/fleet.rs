//! `GET /v1/fleet`: how much work waits, and who does it.

use axum::Json;
use axum::extract::State;
use keybell_shared::actor::Role;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::stage::Stage;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The stages of the work, over all districts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Fleet {
    /// In the order of the way.
    stages: Vec<StageLoad>,
}

/// One stage.
#[derive(Serialize, ToSchema)]
pub(crate) struct StageLoad {
    /// `reset`, `email` or `sms`.
    #[schema(example = "reset")]
    stage: &'static str,
    /// Messages in its queue that no worker has taken.
    #[schema(minimum = 0)]
    waiting: u64,
    /// Workers at its queue, over all processes; `null` where nobody counts them.
    #[schema(required = true, minimum = 0)]
    workers: Option<u64>,
}

/// The route.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(fleet))
}

/// Show queues and workers.
///
/// For people who watch and scale the service: roles `district_admin`, `principal`, `teacher` and `operator`.
#[utoipa::path(
    get,
    path = "/v1/fleet",
    operation_id = "getFleet",
    tag = "Service",
    responses(
        (status = 200, description = "Queues and workers", body = Fleet, example = json!({
            "stages": [
                { "stage": "reset", "waiting": 180, "workers": 4 },
                { "stage": "email", "waiting": 12, "workers": 2 },
                { "stage": "sms", "waiting": 0, "workers": 1 }
            ]
        })),
        (status = 403, description = "role.forbidden"),
        (status = 503, description = "queue.unavailable"),
    ),
)]
async fn fleet(State(api): State<Api>, Caller(actor): Caller) -> Result<Json<Fleet>, Refusal> {
    if actor.role == Role::Application {
        let detail = "the load of the service is not shown to applications";
        return Err(Problem::new(ProblemKind::Forbidden, "role.forbidden", detail).into());
    }
    let mut stages = Vec::with_capacity(Stage::ALL.len());
    for stage in Stage::ALL {
        let (waiting, workers) =
            tokio::try_join!(api.queue.depth(stage), api.queue.consumers(stage)).map_err(|error| {
                tracing::warn!(%error, "the queues cannot be asked");
                let detail = "the queues cannot be asked right now; try again later";
                Problem::new(ProblemKind::Unavailable, "queue.unavailable", detail)
            })?;
        stages.push(StageLoad { stage: stage.as_str(), waiting, workers });
    }
    Ok(Json(Fleet { stages }))
}
