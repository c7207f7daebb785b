//! Directly: the API's own routes, within this process, on the backends of the configuration. Whoever may open the
//! folder or the database is the district's administrator; no key is asked for.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body as HttpBody;
use axum::http::{Request, header};
use keybell_scheduler::Wake;
use keybell_shared::actor::Actor;
use keybell_shared::config::RunMode;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::District;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Answer, Ask, Body};
use crate::commands::{console, district};
use crate::context::Context;
use crate::running::{Everything, api_parts};
use crate::stop::Stop;
use crate::wiring::{Backends, open_existing};

/// An open ledger, and the routes over it.
pub(super) struct Direct {
    backends: Arc<Backends>,
    mode: RunMode,
    district: District,
    actor: Actor,
    routes: Router,
    /// Wakes the expansion of this process for each accepted request.
    wake: Wake,
}

impl Direct {
    pub(super) async fn open(context: &Context, named: Option<&str>) -> Result<Self> {
        let backends = Arc::new(open_existing(&context.config).await?);
        let district = district(&backends, named).await?;
        Ok(Self::with(context, backends, district))
    }

    /// For a question that is the same for every district.
    pub(super) async fn open_any(context: &Context) -> Result<Self> {
        let backends = Arc::new(open_existing(&context.config).await?);
        let nobody = District { id: DistrictId::fresh(), slug: String::new(), name: "every district".to_owned() };
        Ok(Self::with(context, backends, nobody))
    }

    /// Over backends that are open already.
    pub(super) fn with(context: &Context, backends: Arc<Backends>, district: District) -> Self {
        let wake = Wake::default();
        // Nobody tells these routes to end; they end with the command.
        let parts = api_parts(context, &backends, &wake, CancellationToken::new());
        let routes = keybell_api::router(parts);
        let actor = console(&district);
        Self { backends, mode: context.config.mode, district, actor, routes, wake }
    }

    pub(super) fn district_name(&self) -> &str {
        &self.district.name
    }

    pub(super) fn is_embedded(&self) -> bool {
        self.mode == RunMode::Embedded
    }

    pub(super) fn work(&self, context: &Context, stop: &Stop) -> Result<Everything> {
        Everything::start_if_embedded(context, &self.backends, stop, &self.wake)
    }

    pub(super) async fn answer(&self, ask: Ask<'_>) -> Result<Answer> {
        let mut request = Request::builder().method(ask.method).uri(ask.path).header(header::HOST, "console");
        if let Some(key) = ask.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(mark) = ask.last_event {
            request = request.header("last-event-id", mark);
        }
        let body = match ask.body {
            Some(mut bytes) => {
                request = request.header(header::CONTENT_TYPE, ask.media).header(header::CONTENT_LENGTH, bytes.len());
                HttpBody::from(std::mem::take(&mut *bytes))
            }
            None => HttpBody::empty(),
        };
        let mut request =
            request.body(body).context("a header of the request cannot be written; is --key plain text?")?;
        request.extensions_mut().insert(self.actor.clone());
        let Ok(response) = self.routes.clone().oneshot(request).await;
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: wait,
            replayed: response.headers().contains_key("idempotent-replayed"),
            body: Body::Direct(response.into_body().into_data_stream()),
        })
    }

    pub(super) async fn close(self) {
        self.backends.ledger.close().await;
    }
}
